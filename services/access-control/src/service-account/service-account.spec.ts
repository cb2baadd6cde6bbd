import { describe, expect, it } from '@jest/globals';
import { type CommandId } from '#libs/event-sourcing/event';
import { given } from '#libs/event-sourcing/testing/given';
import { type ServiceAccountEvent } from '#libs/published/acting';
import { type ServiceAccountId, type TenantId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { changeScope, create, issueKey, remove, revokeKey, serviceAccount } from './service-account.ts';
import {
  keepSecret,
  keyIn,
  keyText,
  matches,
  secretOf,
  type ServiceAccountSecretEvent,
  serviceAccountSecrets,
} from './service-account-secret.ts';

const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const LATER = '2026-02-28T12:00:00.000Z' as Instant;
const serviceAccountId = 'c0ffee00-0000-4000-8000-000000000000' as ServiceAccountId;
const tenantId = 'c' as TenantId;
const of = { serviceAccountId, tenantId };
const wanted = { ...of, path: [tenantId], name: 'Accounting', permissions: ['bills:read', 'financials:read'] as const };

const created = { type: 'ServiceAccountCreated', data: { ...wanted, createdAt: NOON } } as const satisfies ServiceAccountEvent;
const issued = (number: number, until: Instant | null = null): ServiceAccountEvent => ({
  type: 'ServiceAccountKeyIssued',
  data: { ...of, number, issuedAt: NOON, until },
});
const revoked: ServiceAccountEvent = { type: 'ServiceAccountKeyRevoked', data: { ...of, number: 1, revokedAt: NOON } };
const removed: ServiceAccountEvent = { type: 'ServiceAccountRemoved', data: { ...of, removedAt: NOON } };
const five = [1, 2, 3, 4, 5].map((number) => issued(number, LATER));

describe('a service account', () => {
  it('may do what it was created for', () => given(serviceAccount).when(create(wanted, NOON)).then(created));
  it('may do something else from now on', () =>
    given(serviceAccount, created)
      .when(changeScope(of, { permissions: ['usage:read', 'financials:read'] }))
      .then({
        type: 'ServiceAccountScopeChanged',
        data: { ...of, name: 'Accounting', permissions: ['usage:read', 'financials:read'] },
      }));
  it('is given nothing that does not count', () => {
    given(serviceAccount)
      .when(create({ ...wanted, permissions: ['bills:read'] }, NOON))
      .thenRejected('permission-needs-another');
    given(serviceAccount, created)
      .when(changeScope(of, { permissions: ['usage:read'] }))
      .thenRejected('permission-needs-another');
  });
  it('may be called something else, whatever it was given before', () => {
    const before: ServiceAccountEvent = { type: 'ServiceAccountCreated', data: { ...created.data, permissions: ['bills:read'] } };
    given(serviceAccount, before)
      .when(changeScope(of, { name: 'Books' }))
      .then({ type: 'ServiceAccountScopeChanged', data: { ...of, name: 'Books', permissions: ['bills:read'] } });
  });
  it('stays as it is where nothing is changed', () =>
    given(serviceAccount, created)
      .when(changeScope(of, { name: 'Accounting' }))
      .thenNothing());
  it('is removed once and for all', () => {
    given(serviceAccount, created).when(remove(of, NOON)).then(removed);
    given(serviceAccount, created, removed).when(remove(of, NOON)).thenNothing();
    given(serviceAccount, created, removed)
      .when(issueKey(of, null, NOON))
      .thenRejected('service-account-not-found');
  });
  it('is the tenant’s own', () => {
    given(serviceAccount, created)
      .when(remove({ ...of, tenantId: 'x' as TenantId }, NOON))
      .thenRejected('service-account-not-found');
  });
});

describe('keys', () => {
  it('are rotated: a new one counts beside the old', () =>
    given(serviceAccount, created, issued(1))
      .when(issueKey(of, LATER, NOON))
      .then(issued(2, LATER)));
  it('end ahead of now, if at all', () => {
    given(serviceAccount, created)
      .when(issueKey(of, NOON, NOON))
      .thenRejected('key-ends-in-the-past');
  });
  it('are five at a time, those left out that count no longer', () => {
    given(serviceAccount, created, ...five)
      .when(issueKey(of, null, NOON))
      .thenRejected('too-many-keys');
    given(serviceAccount, created, ...five, revoked)
      .when(issueKey(of, null, NOON))
      .then(issued(6));
    given(serviceAccount, created, ...five)
      .when(issueKey(of, null, LATER))
      .then({
        type: 'ServiceAccountKeyIssued',
        data: { ...of, number: 6, issuedAt: LATER, until: null },
      });
  });
  it('have a number of their own, also after one was revoked', () => {
    given(serviceAccount, created, issued(1), revoked)
      .when(issueKey(of, null, NOON))
      .then(issued(2));
  });
  it('are revoked, once', () => {
    given(serviceAccount, created, issued(1))
      .when(revokeKey(of, 1, NOON))
      .then(revoked);
    given(serviceAccount, created, issued(1), revoked)
      .when(revokeKey(of, 1, NOON))
      .thenNothing();
    for (const number of [0, 1.5, 2, NaN])
      given(serviceAccount, created, issued(1))
        .when(revokeKey(of, number, NOON))
        .thenRejected('key-not-found');
  });
  it('are not revoked once they count no longer, and keep their numbers', () => {
    const rotated = [issued(1), revoked, issued(2, NOON), issued(3, LATER), issued(4)];
    given(serviceAccount, created, ...rotated)
      .when(revokeKey(of, 2, NOON))
      .thenNothing();
    given(serviceAccount, created, ...rotated)
      .when(issueKey(of, null, NOON))
      .then(issued(5));
  });
});

describe('the secret of a key', () => {
  const command = 'command' as CommandId;
  const secret = secretOf(Buffer.alloc(32, 1), command);

  it('is the same for the same command, and nobody else’s', () => {
    expect(secretOf(Buffer.alloc(32, 1), command)).toBe(secret);
    expect(secretOf(Buffer.alloc(32, 2), command)).not.toBe(secret);
    expect(secretOf(Buffer.alloc(32, 1), 'other' as CommandId)).not.toBe(secret);
  });

  it('is kept as a hash', () => {
    const [kept] = keepSecret(serviceAccountId, 1, secret, [])();
    expect(JSON.stringify(kept)).not.toContain(secret);
    if (!kept) throw new Error('nothing was kept');
    const secrets = serviceAccountSecrets.evolve(serviceAccountSecrets.initial, kept, 0);
    expect([matches(secrets, 1, secret), matches(secrets, 2, secret), matches(secrets, 1, `${secret}x`)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is forgotten once its key cannot count any longer, whichever of two at the same time is kept first', () => {
    const keptOf = (number: number, counting?: readonly number[]): ServiceAccountSecretEvent => ({
      type: 'ServiceAccountSecretKept',
      data: { serviceAccountId, number, hash: `hash ${String(number)}`, ...(counting && { counting }) },
    });
    const numbersAfter = (...events: readonly ServiceAccountSecretEvent[]): readonly number[] =>
      [...events.reduce((secrets, event, n) => serviceAccountSecrets.evolve(secrets, event, n), serviceAccountSecrets.initial)]
        .map(([number]) => number)
        .toSorted((a, b) => a - b);
    expect(numbersAfter(keptOf(1), keptOf(2), keptOf(3))).toEqual([1, 2, 3]);
    expect(numbersAfter(keptOf(1), keptOf(2, [1]), keptOf(3, [1]), keptOf(4, [1]))).toEqual([1, 4]);
    expect(numbersAfter(keptOf(2, [1]), keptOf(1, []))).toEqual([1, 2]);
  });

  it('travels with the account and the number', () => {
    const parts = { serviceAccountId, number: 12, secret };
    expect(keyIn(keyText(parts))).toEqual(parts);
    for (const text of ['', 'tributary_x_1_y', `${keyText(parts)}x`, keyText({ ...parts, number: 0 })])
      expect(keyIn(text)).toBeUndefined();
  });
});
