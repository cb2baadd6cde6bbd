import { describe, expect, it } from '@jest/globals';
import { PERMISSIONS } from '#libs/access-policy/roles';
import { Random } from '../random.ts';
import { type Case } from './asked.ts';
import { compare, type Judge, policy } from './comparison.ts';
import { type Facts } from './facts.ts';
import { ABILITIES } from './oracle.ts';

const CASES = 5_000;
const found = (judge: Judge) => compare(judge, CASES, new Random(7));
const with_ =
  (changed: (facts: Facts) => Partial<Facts>): Judge =>
  (asked: Case) =>
    policy({ ...asked, facts: { ...asked.facts, ...changed(asked.facts) } });

describe('the policy and its oracle', () => {
  it('know the same permissions', () => {
    expect(ABILITIES.toSorted()).toEqual(PERMISSIONS.toSorted());
  });

  it('agree on random users, tenants and permissions, of which many are allowed, denied and hidden', () => {
    const { first, seen } = found(policy);
    expect(first).toBeUndefined();
    for (const verdict of ['allowed', 'denied', 'hidden']) expect(seen.get(verdict)).toBeGreaterThan(CASES / 20);
  });

  it.each<[string, Judge]>([
    [
      'forgets that none shuts out',
      with_(({ memberships }) => ({
        memberships: memberships.map(({ below, ...one }) => (below === 'none' ? one : { ...one, ...(below && { below }) })),
      })),
    ],
    ['forgets links', with_(() => ({ links: [] }))],
    ['takes links for memberships that reach below', with_(({ links }) => ({ carryOver: links.map(({ tenant }) => tenant) }))],
    ['forgets that roles carry over', with_(() => ({ carryOver: [] }))],
    ['forgets extras', with_(({ memberships }) => ({ memberships: memberships.map((one) => ({ ...one, extras: [] })) }))],
    [
      'lets what it does not know pass',
      (asked) => policy({ ...asked, facts: { ...asked.facts, custom: { ...asked.facts.custom, 'custom:unknown': ABILITIES } } }),
    ],
    [
      'shows amounts to whoever is not to see them',
      with_(({ custom }) => ({
        custom: Object.fromEntries(Object.entries(custom).map(([role, abilities]) => [role, [...abilities, 'financials:read']])),
      })),
    ],
    [
      'tells that a tenant is there',
      (asked) => ({ ...policy(asked), here: policy(asked).here === 'hidden' ? 'denied' : policy(asked).here }),
    ],
  ])('differ where a policy %s, and the smallest case shows it', (_fault, judge) => {
    const { differing, first } = found(judge);
    expect(differing).toBeGreaterThan(0);
    const { memberships = [], links = [] } = first?.asked.facts ?? {};
    expect(memberships.length + links.length).toBeLessThanOrEqual(2);
  });
});
