import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type AutoAssignmentEvent } from '#libs/published/tenants';
import { type Day, day } from '#libs/time/time';
import { type Holder } from '../linked-account/linked-account.ts';
import { autoAssignment, excludedBy, turnOff, turnOn } from './auto-assignment.ts';

const D = 'd' as TenantId;
const R1 = 'r1' as TenantId;
const customer1: Holder = { id: 'c1' as TenantId, path: [D, R1, 'c1' as TenantId] };
const customer2: Holder = { id: 'c2' as TenantId, path: [D, R1, 'c2' as TenantId] };
const source = { id: 'source' as DataSourceId, managementAccountId: 'payer' as ManagementAccountId, path: [D, R1] };
const today = day('2026-01-20');

const identity = (tenant: Holder) => ({
  dataSourceId: source.id,
  managementAccountId: source.managementAccountId,
  tenantId: tenant.id,
  rootId: D,
});
const on = (tenant: Holder, from: string | null, ...exclude: string[]): AutoAssignmentEvent => ({
  type: 'AutoAssignmentTurnedOn',
  data: { ...identity(tenant), path: tenant.path, from: from as Day | null, exclude },
});
const off = (tenant: Holder, from: string): AutoAssignmentEvent => ({
  type: 'AutoAssignmentTurnedOff',
  data: { ...identity(tenant), from: from as Day },
});

type Asked = Parameters<typeof turnOn>[0];
const asked = (tenant: Holder, more: Partial<Asked> = {}): Asked => ({
  tenant,
  source,
  today,
  reach: R1,
  from: undefined,
  exclude: [],
  nameOf: (id) => `name of ${id}`,
  ...more,
});

describe('turning automatic links on', () => {
  it('reaches back to the beginning when it was never on for the source', () => {
    given(autoAssignment)
      .when(turnOn(asked(customer1, { exclude: ['* SP*'] })))
      .then(on(customer1, null, '* SP*'));
  });

  it('begins today when it was on before', () => {
    given(autoAssignment, on(customer2, null), off(customer2, '2026-01-10'))
      .when(turnOn(asked(customer1)))
      .then(on(customer1, '2026-01-20'));
  });

  it('does nothing when it is on with the same patterns', () => {
    given(autoAssignment, on(customer1, null, 'a*'))
      .when(turnOn(asked(customer1, { exclude: ['a*'] })))
      .thenNothing();
  });

  it('changes the patterns from a day on', () => {
    const changed = on(customer1, '2026-01-20', 'b*');
    given(autoAssignment, on(customer1, null, 'a*'))
      .when(turnOn(asked(customer1, { exclude: ['b*'] })))
      .then(changed);
    expect(
      given(autoAssignment, on(customer1, null, 'a*'), changed).state.holdings.map(({ from, to, holder }) => [
        from,
        to,
        ...holder.exclude,
      ]),
    ).toEqual([
      [null, '2026-01-20', 'a*'],
      ['2026-01-20', null, 'b*'],
    ]);
  });

  it('refuses a second customer on the same days and names the first', () => {
    const { errors } = given(autoAssignment, on(customer2, null))
      .when(turnOn(asked(customer1)))
      .thenRejected('auto-assignment-taken', 'dataSourceId');
    expect(errors[0]?.message).toBe('is taken by name of c2 (c2)');
  });

  it('lets one customer follow another', () => {
    given(autoAssignment, on(customer2, null), off(customer2, '2026-02-01'))
      .when(turnOn(asked(customer1, { from: day('2026-02-01') })))
      .then(on(customer1, '2026-02-01'));
  });

  it('answers the same for a source out of reach, of another branch, and for none', () => {
    const refusals = [
      { reach: customer1.id },
      { source: { ...source, path: [D, 'r2' as TenantId] }, reach: D },
      { source: undefined },
    ].map((more) =>
      given(autoAssignment)
        .when(turnOn(asked(customer1, more)))
        .thenRejected('data-source-not-available'),
    );
    for (const { message, errors } of refusals)
      expect({ message, errors }).toEqual({ message: refusals[0]?.message, errors: refusals[0]?.errors });
  });
});

describe('turning automatic links off', () => {
  it('ends them today, once', () => {
    given(autoAssignment, on(customer1, null))
      .when(turnOff({ ...asked(customer1), from: undefined }))
      .then(off(customer1, '2026-01-20'));
    given(autoAssignment, on(customer1, null), off(customer1, '2026-01-20'))
      .when(turnOff({ ...asked(customer1), from: undefined }))
      .thenNothing();
  });
});

describe('leaving accounts out', () => {
  const account = (accountId: string, name: string | null) => ({ accountId: accountId as LinkedAccountId, name });

  it('looks at the whole name in any case, and at the id where there is no name', () => {
    const pattern = excludedBy(['* SP*', '999']);
    expect(pattern(account('1', 'PRODSP1'))).toBe('* SP*');
    expect(pattern(account('999', null))).toBe('999');
    expect(pattern(account('999', 'prod'))).toBeUndefined();
  });
});
