import { describe, expect, it } from '@jest/globals';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { given } from '#libs/event-sourcing/testing/given';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type LinkedAccountEvent } from '#libs/published/tenants';
import { type Day, day } from '#libs/time/time';
import { type Holder, link, type LinkAsked, linkedAccount, unlink } from './linked-account.ts';

const D = 'd' as TenantId;
const R1 = 'r1' as TenantId;
const R2 = 'r2' as TenantId;
const holder = (id: string, ...above: TenantId[]): Holder => ({ id: id as TenantId, path: [...above, id as TenantId] });
const reseller1 = holder('r1', D);
const customer1 = holder('c1', D, R1);
const customer2 = holder('c2', D, R1);
const stranger = holder('c3', D, R2);

const account = '111/22-3' as LinkedAccountId;
const source = {
  id: 'source' as DataSourceId,
  managementAccountId: 'payer' as ManagementAccountId,
  path: [D],
};
const today = day('2026-01-20');
const feb = day('2026-02-01');

const linked = (tenant: Holder, from: string | null, to: string | null = null, takenFrom: Holder[] = []): LinkedAccountEvent => ({
  type: 'LinkedAccountLinked',
  data: {
    dataSourceId: source.id,
    managementAccountId: source.managementAccountId,
    accountId: account,
    tenantId: tenant.id,
    rootId: D,
    path: tenant.path,
    from: from as Day | null,
    to: to as Day | null,
    takenFrom: takenFrom.map(({ id }) => id),
  },
});

const unlinked = (tenant: Holder, from: string): LinkedAccountEvent => ({
  type: 'LinkedAccountUnlinked',
  data: {
    dataSourceId: source.id,
    managementAccountId: source.managementAccountId,
    accountId: account,
    tenantId: tenant.id,
    rootId: D,
    from: from as Day,
  },
});

const asked = (tenant: Holder, more: Partial<LinkAsked> = {}): LinkAsked => ({
  tenant,
  source,
  accountId: account,
  from: undefined,
  to: undefined,
  move: false,
  today,
  reach: D,
  automatic: [],
  nameOf: (id) => `name of ${id}`,
  ...more,
});

const days = (...past: LinkedAccountEvent[]) =>
  given(linkedAccount, ...past).state.holdings.map(({ holder: { id }, from, to }) => [id, from, to]);

describe('linking an account', () => {
  it('reaches back to the beginning when it was never linked', () => {
    given(linkedAccount)
      .when(link(asked(customer1)))
      .then(linked(customer1, null));
  });

  it('begins today when it was linked before', () => {
    given(linkedAccount, linked(customer2, null), unlinked(customer2, '2026-01-10'))
      .when(link(asked(customer1)))
      .then(linked(customer1, '2026-01-20'));
  });

  it('does nothing when the tenant holds all of these days', () => {
    given(linkedAccount, linked(customer1, null))
      .when(link(asked(customer1)))
      .thenNothing();
    given(linkedAccount, linked(customer1, null))
      .when(link(asked(customer1, { from: day('2026-01-05'), to: feb })))
      .thenNothing();
  });

  it('refuses the days that another customer holds and names that customer', () => {
    const refusal = given(linkedAccount, linked(customer2, null))
      .when(link(asked(customer1)))
      .thenRejected('account-already-linked', 'accountId');
    expect(refusal.errors[0]?.message).toBe('is linked to name of c2 (c2)');
  });

  it('allows days beside those of another customer', () => {
    given(linkedAccount, linked(customer2, '2026-02-01'))
      .when(link(asked(customer1, { from: null, to: feb })))
      .then(linked(customer1, null, '2026-02-01'));
  });

  it('moves an account when told so: the former link ends on the day on which the next begins', () => {
    const from = day('2026-01-16');
    const moved = linked(customer2, '2026-01-16', null, [customer1]);
    given(linkedAccount, linked(customer1, null))
      .when(link(asked(customer2, { from, move: true })))
      .then(moved);
    expect(days(linked(customer1, null), moved)).toEqual([
      ['c1', null, '2026-01-16'],
      ['c2', '2026-01-16', null],
    ]);
  });

  it('refuses an end that is not after the beginning', () => {
    given(linkedAccount)
      .when(link(asked(customer1, { from: feb, to: feb })))
      .thenRejected('interval-empty', 'to');
    given(linkedAccount, linked(customer1, null), unlinked(customer1, '2026-01-05'))
      .when(link(asked(customer1, { to: today })))
      .thenRejected('interval-empty', 'to');
  });
});

describe("accounts outside the caller's data", () => {
  const own = { ...source, path: [D, R1] };
  const refusal = (state: LinkedAccountEvent[], more: Partial<LinkAsked>) =>
    given(linkedAccount, ...state)
      .when(link(asked(customer1, { reach: R1, ...more })))
      .thenRejected('account-not-available');

  it('have one answer: held by a stranger, by nobody, of a source elsewhere, of no source at all', () => {
    const answers = [
      refusal([linked(stranger, null)], {}),
      refusal([linked(stranger, null)], { move: true }),
      refusal([linked(stranger, null, '2026-01-01')], {}),
      refusal([], {}),
      refusal([], { source: { ...source, path: [R2] } }),
      refusal([], { source: undefined }),
    ];
    for (const { message, errors, refusal: why } of answers)
      expect({ message, errors, why }).toEqual({ message: answers[0]?.message, errors: answers[0]?.errors, why: 'rejected' });
  });

  it('are not reached through a tenant that does not stand below the owner of the source', () => {
    given(linkedAccount)
      .when(link(asked(stranger, { source: own })))
      .thenRejected('account-not-available');
  });

  it('become available on the days on which somebody within reach holds them', () => {
    given(linkedAccount, linked(reseller1, null))
      .when(link(asked(customer1, { reach: R1, move: true, from: feb })))
      .then(linked(customer1, '2026-02-01', null, [reseller1]));
  });

  it('are not available on the days before or after that', () => {
    refusal([linked(reseller1, null, '2026-03-01')], { from: feb, move: true });
    refusal([linked(reseller1, '2026-02-01')], { from: null, move: true });
  });

  it('are not available where a stranger holds any of the days', () => {
    refusal([linked(reseller1, null, '2026-03-01'), linked(stranger, '2026-03-01')], { from: feb, move: true });
  });

  it('are available where an automatic link takes them in for somebody within reach', () => {
    const automatic = [{ from: null, to: null, holder: customer2 }];
    given(linkedAccount)
      .when(link(asked(customer1, { reach: R1, automatic })))
      .then(linked(customer1, null));
    refusal([], { automatic: [{ from: null, to: null, holder: stranger }] });
  });

  it('do not exist for an operator', () => {
    given(linkedAccount, linked(stranger, null))
      .when(link(asked(customer1, { reach: 'platform', move: true, from: feb })))
      .then(linked(customer1, '2026-02-01', null, [stranger]));
  });

  it('are all there are for a user without a membership', () => {
    refusal([linked(customer1, null)], { reach: null, from: feb });
  });
});

describe('unlinking an account', () => {
  const asks = (more: Partial<Parameters<typeof unlink>[0]> = {}) =>
    unlink({ tenant: customer1, source, accountId: account, from: undefined, today, reach: D, ...more });

  it('ends the link today, and what was before stays', () => {
    given(linkedAccount, linked(customer1, null)).when(asks()).then(unlinked(customer1, '2026-01-20'));
    expect(days(linked(customer1, null), unlinked(customer1, '2026-01-20'))).toEqual([['c1', null, '2026-01-20']]);
  });

  it('leaves the days of another customer alone', () => {
    expect(days(linked(customer1, null), linked(customer2, '2026-02-01'), unlinked(customer1, '2026-01-20'))).toEqual([
      ['c1', null, '2026-01-20'],
      ['c2', '2026-02-01', null],
    ]);
  });

  it('does nothing the second time', () => {
    given(linkedAccount, linked(customer1, '2026-01-01'), unlinked(customer1, '2026-01-01')).when(asks()).thenNothing();
  });

  it('refuses an account that was never linked to the tenant, the same whoever holds it', () => {
    const held = given(linkedAccount, linked(stranger, null)).when(asks({ reach: R1 }));
    const unknown = given(linkedAccount).when(asks({ reach: R1, source: undefined }));
    const { message, errors } = held.thenRejected('account-not-linked', 'accountId');
    expect(unknown.thenRejected('account-not-linked')).toEqual(
      new DomainError('rejected', 'account-not-linked', message, errors),
    );
  });

  it("refuses below the owner of the source: nobody slips out of an upstream's bill", () => {
    given(linkedAccount, linked(customer1, null))
      .when(asks({ reach: R1 }))
      .thenRejected('account-from-upstream');
  });
});
