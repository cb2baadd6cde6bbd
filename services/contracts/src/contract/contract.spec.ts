import { describe, expect, it } from '@jest/globals';
import { type DomainError } from '#libs/event-sourcing/domain-error';
import { given } from '#libs/event-sourcing/testing/given';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractsEvent, type ContractStatus } from '#libs/published/contracts';
import { type ManagementAccountId } from '#libs/published/ids';
import { day } from '#libs/time/time';
import {
  contractId,
  customer,
  drafted,
  midnight,
  noon,
  path,
  priceBook,
  root,
  statusChanged,
  terms,
  versionSaved,
} from '../testing/sample-contracts.ts';
import { changeStatus, draft, due, nextActions, saveVersion, settle, tenantContracts } from './contract.ts';

const first = contractId('first');
const second = contractId('second');
const now = noon('2026-03-10');
const signed = { reason: 'signed' } as const;
const at = { at: now };
const accounts = (...ids: string[]): Terms['managementAccounts'] => ids as ManagementAccountId[];

const active = statusChanged(first, 'draft', 'active', '2026-01-01');
const scheduled = (id = first, start = '2026-06-01'): ContractsEvent => statusChanged(id, 'draft', 'scheduled', start);
const later = terms({ start: day('2026-06-01') });

describe('drafting a contract', () => {
  const ids = { id: first, tenantId: customer, rootId: root };

  it('saves its terms as version 1, in force from its start', () => {
    given(tenantContracts)
      .when(draft(ids, path, 'T3', terms(), noon('2025-12-01')))
      .then(drafted(first));
    expect(given(tenantContracts, drafted(first)).state.contracts.get(first)).toMatchObject({
      status: 'draft',
      version: 1,
      effectiveFrom: '2026-01-01',
      revision: 0,
    });
  });
  it('does nothing when the contract is there', () => {
    given(tenantContracts, drafted(first))
      .when(draft(ids, path, 'T3', terms(), now))
      .thenNothing();
  });
  it('refuses terms that the tier may not have', () => {
    given(tenantContracts)
      .when(draft(ids, path, 'T1', terms({ priceBooks: [priceBook()] }), now))
      .thenRejected('base-contract-only-excludes', 'priceBooks');
  });
  it('allows overlapping drafts', () => {
    given(tenantContracts, drafted(first), active)
      .when(draft({ ...ids, id: second }, path, 'T3', terms(), noon('2025-12-01')))
      .then(drafted(second));
  });
});

/** Every status with events that lead there on 10 March 2026, and its terms. */
const reached: Readonly<Record<ContractStatus, readonly [Terms, readonly ContractsEvent[]]>> = {
  draft: [terms(), []],
  scheduled: [later, [scheduled()]],
  active: [terms(), [active]],
  expired: [
    terms({ end: day('2026-01-31') }),
    [active, statusChanged(first, 'active', 'expired', '2026-02-01', { at: midnight('2026-02-01') })],
  ],
  cancelled: [terms(), [active, statusChanged(first, 'active', 'cancelled', '2026-02-01')]],
  superseded: [terms(), [active, statusChanged(first, 'active', 'superseded', '2026-02-01')]],
};

const STATUSES = Object.keys(reached) as ContractStatus[];

/** What a person may make of a contract, from status to status; all else is refused. */
const BY_HAND: Readonly<Record<ContractStatus, readonly ContractStatus[]>> = {
  draft: ['active', 'cancelled'],
  scheduled: ['draft', 'cancelled', 'superseded'],
  active: ['cancelled', 'superseded'],
  expired: ['superseded'],
  cancelled: [],
  superseded: [],
};

describe('changing a contract status', () => {
  const pairs = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const));
  const wishes = pairs.filter(([from, to]) => from !== to && !(from === 'scheduled' && to === 'active'));

  it.each(wishes.filter(([from, to]) => BY_HAND[from].includes(to)))('makes a contract that is %s %s by hand', (from, to) => {
    const [of, events] = reached[from];
    const effectiveFrom = to === 'active' ? of.start : '2026-03-10';
    given(tenantContracts, drafted(first, of), ...events)
      .when(changeStatus(first, { to, ...signed }, now))
      .then(statusChanged(first, from, to, effectiveFrom, at));
  });
  it.each(wishes.filter(([from, to]) => !BY_HAND[from].includes(to)))('refuses to make a contract that is %s %s', (from, to) => {
    const [of, events] = reached[from];
    given(tenantContracts, drafted(first, of), ...events)
      .when(changeStatus(first, { to, ...signed }, now))
      .thenRejected('contract-transition-not-allowed');
  });
  it.each(STATUSES)('does nothing to a contract that is %s already', (status) => {
    const [of, events] = reached[status];
    given(tenantContracts, drafted(first, of), ...events)
      .when(changeStatus(first, { to: status, ...signed }, now))
      .thenNothing();
  });
  it.each(STATUSES)('offers for a contract that is %s exactly what is allowed', (status) => {
    expect(nextActions(status).map(({ to }) => to)).toEqual(BY_HAND[status]);
  });
  it('does not know a contract of another tenant', () => {
    given(tenantContracts, drafted(first))
      .when(changeStatus(second, { to: 'active', ...signed }, now))
      .thenRejected('contract-not-found');
  });
});

describe('marking a contract as active', () => {
  it('schedules it when its start lies in the future', () => {
    given(tenantContracts, drafted(first, later))
      .when(changeStatus(first, { to: 'active', ...signed }, now))
      .then(statusChanged(first, 'draft', 'scheduled', '2026-06-01', at));
  });
  it('does nothing when it is scheduled already', () => {
    given(tenantContracts, drafted(first, later), scheduled())
      .when(changeStatus(first, { to: 'active', ...signed }, now))
      .thenNothing();
  });
  it('makes it expired at once when its end has passed, and it covers its days all the same', () => {
    const past = drafted(first, terms({ end: day('2026-01-31') }));
    given(tenantContracts, past)
      .when(changeStatus(first, { to: 'active', ...signed }, now))
      .then(
        statusChanged(first, 'draft', 'active', '2026-01-01', at),
        statusChanged(first, 'active', 'expired', '2026-02-01', { at: midnight('2026-02-01'), reason: 'The end has passed.' }),
      );
    given(
      tenantContracts,
      past,
      active,
      statusChanged(first, 'active', 'expired', '2026-02-01'),
      drafted(second, terms({ start: day('2026-01-31') })),
    )
      .when(changeStatus(second, { to: 'active', ...signed }, now))
      .thenRejected('contract-overlaps');
  });
  it('renews one with automatic renewal whose end has passed', () => {
    const january = terms({ end: day('2026-01-31'), renewalPolicy: 'auto-renewal' });
    given(tenantContracts, drafted(first, january))
      .when(changeStatus(first, { to: 'active', ...signed }, now))
      .then(
        statusChanged(first, 'draft', 'active', '2026-01-01', at),
        versionSaved(first, 2, { ...january, end: day('2026-02-28') }, '2026-01-01', midnight('2026-02-01'), 'renewed'),
        versionSaved(first, 3, { ...january, end: day('2026-03-31') }, '2026-01-01', midnight('2026-03-01'), 'renewed'),
      );
  });
  it('schedules explicitly only what starts in the future', () => {
    given(tenantContracts, drafted(first))
      .when(changeStatus(first, { to: 'scheduled', ...signed }, now))
      .thenRejected('contract-transition-not-allowed');
  });
  it.each(['T2', 'T3'] as const)('refuses a %s contract without billing details', (tier) => {
    given(tenantContracts, drafted(first, terms({ billingDetails: null }), tier))
      .when(changeStatus(first, { to: 'active', ...signed }, now))
      .thenRejected('billing-details-missing', 'billingDetails');
  });
  it('does not ask a base contract for billing details: nobody bills the root', () => {
    given(tenantContracts, drafted(first, terms({ billingDetails: null }), 'T1'))
      .when(changeStatus(first, { to: 'active', ...signed }, now))
      .then(statusChanged(first, 'draft', 'active', '2026-01-01', at));
  });
});

describe('ending a contract', () => {
  const state = [drafted(first), active] as const;

  it.each(['cancelled', 'superseded'] as const)('may be %s with effect from an earlier day', (to) => {
    given(tenantContracts, ...state)
      .when(changeStatus(first, { to, ...signed, effectiveFrom: day('2026-01-01') }, now))
      .then(statusChanged(first, 'active', to, '2026-01-01', at));
  });
  it.each(['cancelled', 'superseded'] as const)('refuses to be %s with effect from a later day', (to) => {
    given(tenantContracts, ...state)
      .when(changeStatus(first, { to, ...signed, effectiveFrom: day('2026-03-11') }, now))
      .thenRejected('effective-date-in-future', 'effectiveFrom');
  });
  it('refuses an effective date on any other change', () => {
    given(tenantContracts, drafted(first))
      .when(changeStatus(first, { to: 'active', ...signed, effectiveFrom: day('2026-01-01') }, now))
      .thenRejected('invalid-status-change', 'effectiveFrom');
  });
  it('cannot cancel what has expired by today, even if no tick has come', () => {
    given(tenantContracts, drafted(first, terms({ end: day('2026-01-31') })), active)
      .when(changeStatus(first, { to: 'cancelled', ...signed }, now))
      .thenRejected('contract-transition-not-allowed');
  });
  it('leaves the days before free of no other contract', () => {
    given(
      tenantContracts,
      ...state,
      statusChanged(first, 'active', 'cancelled', '2026-02-15'),
      drafted(second, terms({ start: day('2026-02-14') })),
    )
      .when(changeStatus(second, { to: 'active', ...signed }, now))
      .thenRejected('contract-overlaps');
  });
  it('frees the days from its effective date on', () => {
    given(
      tenantContracts,
      ...state,
      statusChanged(first, 'active', 'cancelled', '2026-02-15'),
      drafted(second, terms({ start: day('2026-02-15') })),
    )
      .when(changeStatus(second, { to: 'active', ...signed }, now))
      .then(statusChanged(second, 'draft', 'active', '2026-02-15', at));
  });
});

describe('superseding a contract by activating another', () => {
  const replacement = drafted(second, terms({ start: day('2026-03-01') }));

  it('ends the old one at the start of the new one, in the same append', () => {
    given(tenantContracts, drafted(first), active, replacement)
      .when(changeStatus(second, { to: 'active', ...signed, supersede: first }, now))
      .then(
        statusChanged(first, 'active', 'superseded', '2026-03-01', { ...at, supersededBy: second }),
        statusChanged(second, 'draft', 'active', '2026-03-01', at),
      );
  });
  it('ends the old one where a scheduled one starts, so that no day is left without', () => {
    given(tenantContracts, drafted(first), active, drafted(second, later))
      .when(changeStatus(second, { to: 'active', ...signed, supersede: first }, now))
      .then(
        statusChanged(first, 'active', 'superseded', '2026-06-01', { ...at, supersededBy: second }),
        statusChanged(second, 'draft', 'scheduled', '2026-06-01', at),
      );
  });
  it('refuses when the two still overlap', () => {
    given(tenantContracts, drafted(first), active, replacement)
      .when(changeStatus(second, { to: 'active', ...signed, supersede: first, effectiveFrom: day('2026-03-05') }, now))
      .thenRejected('contract-overlaps');
  });
  it('refuses an effective date after both today and the start of the new one', () => {
    given(tenantContracts, drafted(first), active, replacement)
      .when(changeStatus(second, { to: 'active', ...signed, supersede: first, effectiveFrom: day('2026-03-11') }, now))
      .thenRejected('effective-date-in-future');
  });
  it.each([
    ['itself', second],
    ['a contract that the tenant does not have', contractId('third')],
  ])('refuses %s', (_, supersede) => {
    given(tenantContracts, drafted(first), active, replacement)
      .when(changeStatus(second, { to: 'active', ...signed, supersede }, now))
      .thenRejected('contract-to-supersede-not-found', 'supersede');
  });
  it('refuses a draft in its place', () => {
    given(tenantContracts, drafted(first), replacement)
      .when(changeStatus(second, { to: 'active', ...signed, supersede: first }, now))
      .thenRejected('contract-transition-not-allowed');
  });
  it('belongs to marking as active', () => {
    given(tenantContracts, drafted(first), replacement)
      .when(changeStatus(second, { to: 'cancelled', ...signed, supersede: first }, now))
      .thenRejected('invalid-status-change', 'supersede');
  });
});

describe('at most one contract for a management account and day', () => {
  const activated = (of: Terms, ...past: ContractsEvent[]) =>
    given(tenantContracts, ...past, drafted(second, of)).when(changeStatus(second, { to: 'active', ...signed }, now));
  const allowed = (of: Terms, ...past: ContractsEvent[]): void => {
    activated(of, ...past).then(statusChanged(second, 'draft', of.start > '2026-03-10' ? 'scheduled' : 'active', of.start, at));
  };
  const refused = (of: Terms, ...past: ContractsEvent[]): DomainError => activated(of, ...past).thenRejected('contract-overlaps');

  it('refuses a second one at activation and names the first', () => {
    const refusal = refused(terms({ name: 'New' }), drafted(first, terms({ name: 'Old' })), active);
    expect(refusal.message).toBe('Contract "Old" (first) already covers all management accounts from 2026-01-01 to 2026-12-31.');
    expect(refusal.refusal).toBe('rejected');
  });
  it('refuses a second one at scheduling', () => {
    refused(later, drafted(first), active);
  });
  it('allows one that starts the day after the other ends', () => {
    allowed(terms({ start: day('2027-01-01'), end: null }), drafted(first), active);
  });
  it('allows others while the first is a draft, or was set back to draft', () => {
    allowed(terms(), drafted(first));
    allowed(terms(), drafted(first, later), scheduled(), statusChanged(first, 'scheduled', 'draft', '2026-03-01'));
  });
  it.each([
    ['all', accounts('1'), true],
    [accounts('1'), 'all', true],
    [accounts('1', '2'), accounts('2', '3'), true],
    [accounts('1'), accounts('2'), false],
  ] as const)('%s and %s: overlap is %s', (a, b, overlaps) => {
    const past = [drafted(first, terms({ managementAccounts: a })), active];
    if (overlaps) refused(terms({ managementAccounts: b }), ...past);
    else allowed(terms({ managementAccounts: b }), ...past);
  });
  it('names the accounts in question', () => {
    const refusal = refused(
      terms({ managementAccounts: accounts('2', '3') }),
      drafted(first, terms({ managementAccounts: accounts('1', '2') })),
      active,
    );
    expect(refusal.message).toContain('management account 2 from');
  });
  it('refuses a new version that reaches into another contract', () => {
    const next = terms({ start: day('2027-01-01'), end: null });
    given(tenantContracts, drafted(first), active, drafted(second, next), scheduled(second, '2027-01-01'))
      .when(saveVersion(first, terms({ end: day('2027-01-01') }), undefined, now))
      .thenRejected('contract-overlaps');
  });

  describe('with automatic renewal', () => {
    const year = terms({ renewalPolicy: 'auto-renewal' });

    it('keeps its agreed term', () => {
      refused(terms({ start: day('2026-12-31'), end: null }), drafted(first, year), active);
    });
    it('yields to another contract after it', () => {
      allowed(terms({ start: day('2027-05-01'), end: null }), drafted(first, year), active);
    });
    it('yields also in a term that a tick has recorded', () => {
      const renewed = versionSaved(
        first,
        2,
        { ...year, end: day('2027-12-31') },
        '2026-01-01',
        midnight('2027-01-01'),
        'renewed',
      );
      given(
        tenantContracts,
        drafted(first, year),
        active,
        renewed,
        drafted(second, terms({ start: day('2027-05-01'), end: null })),
      )
        .when(changeStatus(second, { to: 'active', ...signed }, noon('2027-03-01')))
        .then(statusChanged(second, 'draft', 'scheduled', '2027-05-01', { at: noon('2027-03-01') }));
    });
    it('claims an end that a person saved', () => {
      const extended = versionSaved(first, 2, { ...year, end: day('2027-06-30') }, '2026-02-01', noon('2026-02-01'));
      refused(terms({ start: day('2027-05-01'), end: null }), drafted(first, year), active, extended);
    });
    it('claims a recorded end once the renewal is no longer automatic', () => {
      const past = [
        drafted(first, year),
        active,
        versionSaved(first, 2, { ...year, end: day('2027-12-31') }, '2026-01-01', midnight('2027-01-01'), 'renewed'),
        drafted(second, terms({ start: day('2027-05-01'), end: null })),
        scheduled(second, '2027-05-01'),
      ];
      given(tenantContracts, ...past)
        .when(saveVersion(first, terms({ end: day('2027-12-31') }), undefined, noon('2027-03-01')))
        .thenRejected('contract-overlaps');
    });
  });
});

describe('saving a version', () => {
  const changed = terms({ name: 'Agreement 2' });

  it('takes effect from the day it is saved', () => {
    given(tenantContracts, drafted(first), active)
      .when(saveVersion(first, changed, undefined, now))
      .then(versionSaved(first, 2, changed, '2026-03-10', now));
  });
  it.each(['2026-01-01', '2026-09-01'])('may take effect from %s', (effectiveFrom) => {
    given(tenantContracts, drafted(first), active)
      .when(saveVersion(first, changed, day(effectiveFrom), now))
      .then(versionSaved(first, 2, changed, effectiveFrom, now));
  });
  it('does nothing for the terms that the newest version has', () => {
    given(tenantContracts, drafted(first), active)
      .when(saveVersion(first, terms(), undefined, now))
      .thenNothing();
  });
  it('saves the same terms with another effect', () => {
    given(tenantContracts, drafted(first), active)
      .when(saveVersion(first, terms(), day('2026-02-01'), now))
      .then(versionSaved(first, 2, terms(), '2026-02-01', now));
  });
  it('refuses terms that the tier may not have', () => {
    given(tenantContracts, drafted(first, terms(), 'T2'))
      .when(saveVersion(first, terms({ managementAccounts: accounts('1') }), undefined, now))
      .thenRejected('management-accounts-fixed', 'managementAccounts');
  });
  it.each(['cancelled', 'superseded'] as const)('refuses one for a %s contract', (status) => {
    const [of, events] = reached[status];
    given(tenantContracts, drafted(first, of), ...events)
      .when(saveVersion(first, changed, undefined, now))
      .thenRejected('contract-closed');
  });
  it('refuses to take the billing details away from an active contract', () => {
    given(tenantContracts, drafted(first), active)
      .when(saveVersion(first, terms({ billingDetails: null }), undefined, now))
      .thenRejected('billing-details-missing');
  });
  it('refuses to move the start of an active contract into the future', () => {
    given(tenantContracts, drafted(first), active)
      .when(saveVersion(first, later, undefined, now))
      .thenRejected('active-contract-has-started', 'start');
  });
  it('activates a scheduled contract whose start moves to today or before', () => {
    given(tenantContracts, drafted(first, later), scheduled())
      .when(saveVersion(first, terms(), undefined, now))
      .then(
        versionSaved(first, 2, terms(), '2026-03-10', now),
        statusChanged(first, 'scheduled', 'active', '2026-01-01', { at: midnight('2026-01-01'), reason: 'The start has come.' }),
      );
  });
  it('corrects an expired contract', () => {
    const [of, events] = reached.expired;
    const corrected = { ...of, name: 'Corrected' };
    given(tenantContracts, drafted(first, of), ...events)
      .when(saveVersion(first, corrected, day('2026-01-01'), now))
      .then(versionSaved(first, 2, corrected, '2026-01-01', now));
  });
  it.each([
    ['a later end', { end: day('2026-12-31') }, 'end'],
    ['no end', { end: null }, 'end'],
    ['automatic renewal', { end: day('2026-01-31'), renewalPolicy: 'auto-renewal' }, 'renewalPolicy'],
  ] as const)('does not extend an expired contract by %s', (_, extension, field) => {
    const [of, events] = reached.expired;
    given(tenantContracts, drafted(first, of), ...events)
      .when(saveVersion(first, terms(extension), undefined, now))
      .thenRejected('contract-expired', field);
  });
});

describe('the revision of a contract', () => {
  it('is that of the last event that touched it, not that of its neighbours', () => {
    const { state } = given(tenantContracts, drafted(first), drafted(second, later), active, scheduled(second));
    expect([...state.contracts].map(([id, { revision }]) => [id, revision])).toEqual([
      [first, 2],
      [second, 3],
    ]);
  });
});

describe('what the clock owes', () => {
  const dueOn = (today: string, ...past: ContractsEvent[]) =>
    due(given(tenantContracts, ...past).state, day(today)).map(({ at: since, event }) => [since, event] as const);
  const activation = statusChanged(first, 'scheduled', 'active', '2026-06-01', {
    at: midnight('2026-06-01'),
    reason: 'The start has come.',
  });

  it('is nothing before a start', () => {
    expect(dueOn('2026-05-31', drafted(first, later), scheduled())).toEqual([]);
  });
  it('activates a scheduled contract on its start, as of midnight', () => {
    expect(dueOn('2026-06-01', drafted(first, later), scheduled())).toEqual([[midnight('2026-06-01'), activation]]);
  });
  it('keeps a contract active on its last day and expires it on the next', () => {
    expect(dueOn('2026-12-31', drafted(first), active)).toEqual([]);
    expect(dueOn('2027-01-01', drafted(first), active)).toEqual([
      [
        midnight('2027-01-01'),
        statusChanged(first, 'active', 'expired', '2027-01-01', { at: midnight('2027-01-01'), reason: 'The end has passed.' }),
      ],
    ]);
  });
  it('leaves drafts alone', () => {
    expect(dueOn('2030-01-01', drafted(first))).toEqual([]);
  });
  it('catches up after a long time in the order in which things fell due', () => {
    const short = terms({ end: day('2026-06-15') });
    const owed = dueOn(
      '2028-01-01',
      drafted(first, later),
      scheduled(),
      drafted(second, short),
      statusChanged(second, 'draft', 'active', '2026-01-01'),
    );
    expect(owed.map(([since]) => since)).toEqual([midnight('2026-06-01'), midnight('2026-06-16'), midnight('2027-01-01')]);
  });

  describe('to a contract with automatic renewal', () => {
    const year = terms({ renewalPolicy: 'auto-renewal' });

    it('is a version for each term: same start, next end, no other effect', () => {
      expect(dueOn('2028-03-01', drafted(first, year), active)).toEqual([
        [
          midnight('2027-01-01'),
          versionSaved(first, 2, { ...year, end: day('2027-12-31') }, '2026-01-01', midnight('2027-01-01'), 'renewed'),
        ],
        [
          midnight('2028-01-01'),
          versionSaved(first, 3, { ...year, end: day('2028-12-31') }, '2026-01-01', midnight('2028-01-01'), 'renewed'),
        ],
      ]);
    });
    it('repeats a version that takes effect in the future where it takes effect', () => {
      const dearer = { ...year, name: 'Dearer' };
      const saved = versionSaved(first, 2, dearer, '2027-03-01', noon('2026-11-01'));
      expect(dueOn('2027-01-01', drafted(first, year), active, saved)).toEqual([
        [
          midnight('2027-01-01'),
          versionSaved(first, 3, { ...dearer, end: day('2027-12-31') }, '2027-03-01', midnight('2027-01-01'), 'renewed'),
        ],
      ]);
    });
    it('ends when another contract covers all of its accounts', () => {
      const next = [drafted(second, terms({ start: day('2027-05-01'), end: null })), scheduled(second, '2027-05-01')];
      const owed = dueOn('2027-05-01', drafted(first, year), active, ...next);
      expect(owed.map(([since, { type }]) => [since, type])).toEqual([
        [midnight('2027-01-01'), 'ContractVersionSaved'],
        [midnight('2027-05-01'), 'ContractStatusChanged'],
        [midnight('2027-05-01'), 'ContractStatusChanged'],
      ]);
      expect(owed[1]?.[1]).toEqual(
        statusChanged(first, 'active', 'expired', '2027-05-01', {
          at: midnight('2027-05-01'),
          reason: 'Another contract covers its accounts.',
        }),
      );
    });
    it('goes on when another contract covers some of its accounts', () => {
      const next = [
        drafted(second, terms({ start: day('2027-05-01'), end: null, managementAccounts: accounts('1') })),
        scheduled(second, '2027-05-01'),
      ];
      const owed = dueOn('2028-01-01', drafted(first, year), active, ...next);
      expect(owed.filter(([, { type }]) => type === 'ContractVersionSaved')).toHaveLength(2);
    });
  });

  it('is appended one by one, and no second time', () => {
    const past = [drafted(first, later), scheduled()];
    const [owed] = due(given(tenantContracts, ...past).state, day('2026-06-01'));
    if (!owed) throw new Error('nothing is due');
    given(tenantContracts, ...past)
      .when(settle(owed))
      .then(activation);
    given(tenantContracts, ...past, activation)
      .when(settle(owed))
      .thenNothing();
  });
});
