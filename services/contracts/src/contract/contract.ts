import { isDeepStrictEqual } from 'node:util';
import { decider, type Decision } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractsEvent, type ContractStatus, type ContractTier } from '#libs/published/contracts';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { addDays, type Day, dayOf, type Instant, startOf } from '#libs/time/time';
import { refuseTerms } from './terms.ts';
import { type Covering, lastCoveredDay, nextTermEnd, overlap } from './window.ts';

export type Contract = Covering &
  Readonly<{
    id: ContractId;
    tenantId: TenantId;
    rootId: TenantId;
    tier: ContractTier;
    status: ContractStatus;
    /** Number, start of force and terms of the newest version. */
    version: number;
    effectiveFrom: Day;
    savedAt: Instant;
    terms: Terms;
    /** Of the last event that touched this contract: its ETag. */
    revision: Revision;
  }>;

/** All contracts of one tenant: the boundary inside which windows may not overlap. */
export type TenantContracts = Readonly<{ contracts: ReadonlyMap<ContractId, Contract> }>;

type Decided = Decision<TenantContracts, ContractsEvent>;
type Ids = Pick<Contract, 'id' | 'tenantId' | 'rootId'>;

export const STATUSES: readonly ContractStatus[] = ['draft', 'scheduled', 'active', 'expired', 'cancelled', 'superseded'];

/** Which status may follow which by hand, and what the action is called. Whether a contract is active or scheduled is its start's matter. */
const ACTIONS: Readonly<Record<ContractStatus, readonly Readonly<{ to: ContractStatus; name: string }>[]>> = {
  draft: [
    { to: 'active', name: 'Mark as active' },
    { to: 'scheduled', name: 'Mark as active' },
    { to: 'cancelled', name: 'Cancel contract' },
  ],
  scheduled: [
    { to: 'draft', name: 'Set back to draft' },
    { to: 'cancelled', name: 'Cancel contract' },
    { to: 'superseded', name: 'Mark as superseded' },
  ],
  active: [
    { to: 'cancelled', name: 'Cancel contract' },
    { to: 'superseded', name: 'Mark as superseded' },
  ],
  expired: [{ to: 'superseded', name: 'Mark as superseded' }],
  cancelled: [],
  superseded: [],
};

/** What a person may do next; `active` stands for scheduled too. */
export const nextActions = (status: ContractStatus): readonly Readonly<{ to: ContractStatus; name: string }>[] =>
  ACTIONS[status].filter(({ to }) => to !== 'scheduled');

const ENDS: readonly ContractStatus[] = ['cancelled', 'superseded'];

export const tenantContracts = decider<TenantContracts, ContractsEvent, TenantId>(
  'contracts.tenantContracts',
  { contracts: new Map() },
  (state, event, revision) => {
    switch (event.type) {
      case 'ContractDrafted': {
        const { tenantId, rootId, contractId, tier, terms, draftedAt } = event.data;
        return withContract(state, {
          id: contractId,
          tenantId,
          rootId,
          tier,
          status: 'draft',
          version: 1,
          effectiveFrom: terms.start,
          savedAt: draftedAt,
          terms,
          marked: false,
          agreedEnd: terms.end,
          endedOn: null,
          revision,
        });
      }
      case 'ContractVersionSaved': {
        const { contractId, version, effectiveFrom, savedAt, terms, reason } = event.data;
        const before = existing(state, contractId);
        const endStays = reason === 'renewed' || (terms.start === before.terms.start && terms.end === before.terms.end);
        const agreedEnd = endStays ? before.agreedEnd : terms.end;
        return withContract(state, { ...before, version, effectiveFrom, savedAt, terms, agreedEnd, revision });
      }
      case 'ContractStatusChanged': {
        const { contractId, to, effectiveFrom } = event.data;
        const before = existing(state, contractId);
        return withContract(state, {
          ...before,
          status: to,
          marked: to === 'active' || to === 'scheduled' ? true : to === 'draft' ? false : before.marked,
          endedOn: ENDS.includes(to) ? effectiveFrom : before.endedOn,
          revision,
        });
      }
    }
  },
);

/** A new contract, saved and not yet marked ready. */
export const draft =
  (ids: Ids, path: readonly TenantId[], tier: ContractTier, terms: Terms, now: Instant): Decided =>
  (state) => {
    if (state.contracts.has(ids.id)) return [];
    refuseTerms(tier, terms);
    return [{ type: 'ContractDrafted', data: { ...named(ids), path, tier, terms, draftedAt: now } }];
  };

/**
 * Saves the whole terms as a new version. `effectiveFrom` defaults to the day of saving and may be past or future. The newest
 * version's terms, saved again, change nothing.
 */
export const saveVersion =
  (id: ContractId, terms: Terms, effectiveFrom: Day | undefined, now: Instant): Decided =>
  (state) =>
    inTime(now, state, (present) => {
      const contract = existing(present, id);
      if (isDeepStrictEqual(terms, contract.terms) && (effectiveFrom ?? contract.effectiveFrom) === contract.effectiveFrom)
        return [];
      refuseTerms(contract.tier, terms);
      refuseStatusThatTermsDeny(contract, terms, dayOf(now));
      const saved: ContractsEvent = {
        type: 'ContractVersionSaved',
        data: {
          ...named(contract),
          version: contract.version + 1,
          effectiveFrom: effectiveFrom ?? dayOf(now),
          terms,
          savedAt: now,
          reason: 'saved',
        },
      };
      const after = existing(evolved(present, [saved]), id);
      if (after.marked) {
        refuseWithoutBillingDetails(after);
        refuseOverlap(present, after);
      }
      return [saved];
    });

export type StatusWish = Readonly<{
  to: ContractStatus;
  reason: string;
  /** Of a cancellation or superseding: the first day no longer covered; today unless given, never later. */
  effectiveFrom?: Day | undefined;
  /** With `active`: the contract that this one takes the place of, from this one's start or `effectiveFrom`. */
  supersede?: ContractId | undefined;
}>;

/** Changes the status by hand. Activation reaches back to the start; one whose end has passed is expired at once. */
export const changeStatus =
  (id: ContractId, wish: StatusWish, now: Instant): Decided =>
  (state) =>
    inTime(now, state, (present) => {
      const contract = existing(present, id);
      const today = dayOf(now);
      const marks = wish.to === 'active' || wish.to === 'scheduled';
      refuseMisplacedFields(wish, marks);
      const to = wish.to === 'active' && contract.terms.start > today ? 'scheduled' : wish.to;
      if (contract.status === to) return [];
      refuseTransition(contract, to);
      if (!marks) {
        const effectiveFrom = wish.effectiveFrom ?? today;
        if (effectiveFrom > today)
          throw new DomainError(
            'rejected',
            'effective-date-in-future',
            `A contract cannot be ${to} from ${effectiveFrom} on: that day has not come.`,
            [{ path: 'effectiveFrom', message: `must not be later than ${today}` }],
          );
        return [statusChanged(contract, to, effectiveFrom, wish.reason, now)];
      }
      if (to === 'scheduled' && contract.terms.start <= today)
        throw notAllowed(contract, to, `it starts on ${contract.terms.start}, which is not in the future`);
      refuseWithoutBillingDetails(contract);
      const marked = statusChanged(contract, to, contract.terms.start, wish.reason, now);
      const superseded = wish.supersede === undefined ? [] : [supersede(present, contract, wish, wish.supersede, now)];
      const after = evolved(present, [...superseded, marked]);
      refuseOverlap(after, existing(after, id));
      return [...superseded, marked];
    });

const supersede = (state: TenantContracts, by: Contract, wish: StatusWish, id: ContractId, now: Instant): ContractsEvent => {
  const contract = state.contracts.get(id);
  if (!contract || id === by.id)
    throw new DomainError(
      'rejected',
      'contract-to-supersede-not-found',
      'The contract to supersede is no other contract of this tenant.',
      [{ path: 'supersede', message: 'must be another contract of the same tenant' }],
    );
  refuseTransition(contract, 'superseded');
  const effectiveFrom = wish.effectiveFrom ?? by.terms.start;
  const latest = by.terms.start > dayOf(now) ? by.terms.start : dayOf(now);
  if (effectiveFrom > latest)
    throw new DomainError(
      'rejected',
      'effective-date-in-future',
      `A contract cannot be superseded after its successor's start.`,
      [{ path: 'effectiveFrom', message: `must not be later than ${latest}` }],
    );
  return statusChanged(contract, 'superseded', effectiveFrom, wish.reason, now, by.id);
};

/** What the clock owes one contract. */
export type Due = Readonly<{ contractId: ContractId; /** Instant from which it was due. */ at: Instant; event: ContractsEvent }>;

/**
 * What the clock owes by the end of `today`, in the order in which it fell due: scheduled contracts become active at their start,
 * active ones expire after their end, automatic renewals save a version with the next end. None of it changes a bill.
 */
export const due = (state: TenantContracts, today: Day): readonly Due[] => {
  const owed: Due[] = [];
  for (let reached = state, next = firstDue(state, today); next; next = firstDue(reached, today)) {
    owed.push(next);
    reached = evolved(reached, [next.event]);
  }
  return owed;
};

const firstDue = (state: TenantContracts, today: Day): Due | undefined =>
  [...state.contracts.values()]
    .flatMap((contract) => dueFor(contract, state) ?? [])
    .filter(({ at }) => dayOf(at) <= today)
    .toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.contractId < b.contractId ? -1 : 1))[0];

/** The first thing that the clock owes, if it still is this one. */
export const settle =
  ({ contractId, at }: Due): Decided =>
  (state) => {
    const next = firstDue(state, dayOf(at));
    return next?.contractId === contractId && next.at === at ? [next.event] : [];
  };

const dueFor = (contract: Contract, state: TenantContracts): Due | undefined => {
  const dueOn = (day: Day, event: (at: Instant) => ContractsEvent): Due => ({
    contractId: contract.id,
    at: startOf(day),
    event: event(startOf(day)),
  });
  const { status, terms, agreedEnd } = contract;
  if (status === 'scheduled')
    return dueOn(terms.start, (at) => statusChanged(contract, 'active', terms.start, 'The start has come.', at));
  if (status !== 'active') return undefined;
  const last = lastCoveredDay(contract, othersOf(state, contract));
  if (terms.end === null || agreedEnd === null) return undefined;
  if (last !== null && last <= terms.end) {
    const over = addDays(last, 1);
    const why = last < terms.end ? 'Another contract covers its accounts.' : 'The end has passed.';
    return dueOn(over, (at) => statusChanged(contract, 'expired', over, why, at));
  }
  const end = nextTermEnd(terms.start, agreedEnd, terms.end);
  return dueOn(addDays(terms.end, 1), (at) => ({
    type: 'ContractVersionSaved',
    data: {
      ...named(contract),
      version: contract.version + 1,
      effectiveFrom: contract.effectiveFrom,
      terms: { ...terms, end },
      savedAt: at,
      reason: 'renewed',
    },
  }));
};

/** Decides on the state as it stands today, whether or not the clock's tick has come; what the decision makes due follows at once. */
const inTime = (now: Instant, state: TenantContracts, decide: Decided): readonly ContractsEvent[] => {
  const overdue = owed(state, dayOf(now));
  const present = evolved(state, overdue);
  const decided = decide(present);
  return [...overdue, ...decided, ...owed(evolved(present, decided), dayOf(now))];
};

const owed = (state: TenantContracts, today: Day): readonly ContractsEvent[] => due(state, today).map(({ event }) => event);

const existing = (state: TenantContracts, id: ContractId): Contract => {
  const contract = state.contracts.get(id);
  if (!contract) throw new DomainError('not-found', 'contract-not-found', 'There is no such contract.');
  return contract;
};

const othersOf = (state: TenantContracts, { id }: Contract): readonly Contract[] =>
  [...state.contracts.values()].filter((other) => other.id !== id);

const withContract = (state: TenantContracts, contract: Contract): TenantContracts => ({
  contracts: new Map(state.contracts).set(contract.id, contract),
});

/** The state as these events would leave it; revisions come with the append. */
const evolved = (state: TenantContracts, events: readonly ContractsEvent[]): TenantContracts =>
  events.reduce(
    (before, event) => tenantContracts.evolve(before, event, before.contracts.get(event.data.contractId)?.revision ?? 0),
    state,
  );

const named = ({ id, tenantId, rootId }: Ids) => ({ tenantId, rootId, contractId: id });

const statusChanged = (
  contract: Contract,
  to: ContractStatus,
  effectiveFrom: Day,
  reason: string,
  changedAt: Instant,
  supersededBy?: ContractId,
): ContractsEvent => ({
  type: 'ContractStatusChanged',
  data: {
    ...named(contract),
    from: contract.status,
    to,
    effectiveFrom,
    reason,
    changedAt,
    ...(supersededBy === undefined ? {} : { supersededBy }),
  },
});

const notAllowed = (contract: Contract, to: ContractStatus, why?: string): DomainError =>
  new DomainError(
    'rejected',
    'contract-transition-not-allowed',
    `Contract "${contract.terms.name}" is ${contract.status} and cannot become ${to}${why ? `: ${why}` : ''}.`,
  );

const refuseTransition = (contract: Contract, to: ContractStatus): void => {
  if (!ACTIONS[contract.status].some((action) => action.to === to)) throw notAllowed(contract, to);
};

const refuseMisplacedFields = ({ to, effectiveFrom, supersede: superseded }: StatusWish, marks: boolean): void => {
  const errors = [
    ...(superseded !== undefined && !marks ? [{ path: 'supersede', message: 'belongs to marking a contract as active' }] : []),
    ...(effectiveFrom !== undefined && !ENDS.includes(to) && superseded === undefined
      ? [{ path: 'effectiveFrom', message: 'belongs to a cancellation or superseding' }]
      : []),
  ];
  if (errors.length > 0)
    throw new DomainError('invalid', 'invalid-status-change', 'The status change is not well formed.', errors);
};

/** A version must not leave a contract in a status that its start and end contradict, as no transition leads out of it. */
const refuseStatusThatTermsDeny = (contract: Contract, terms: Terms, today: Day): void => {
  const { status } = contract;
  if (ENDS.includes(status)) throw new DomainError('rejected', 'contract-closed', `A ${status} contract takes no new version.`);
  if (status === 'active' && terms.start > today)
    throw new DomainError(
      'rejected',
      'active-contract-has-started',
      'The start of an active contract cannot move into the future.',
      [{ path: 'start', message: `must not be later than ${today}` }],
    );
  if (status === 'expired' && (terms.renewalPolicy === 'auto-renewal' || terms.end === null || terms.end >= today))
    throw new DomainError(
      'rejected',
      'contract-expired',
      'An expired contract can be corrected, not extended: draft a new one.',
      [
        terms.renewalPolicy === 'auto-renewal'
          ? { path: 'renewalPolicy', message: 'would extend an expired contract' }
          : { path: 'end', message: `must be earlier than ${today}` },
      ],
    );
};

/** Nobody bills the root of a tree, so its base contract needs none. */
const refuseWithoutBillingDetails = ({ tier, terms }: Contract): void => {
  if (tier !== 'T1' && terms.billingDetails === null)
    throw new DomainError('rejected', 'billing-details-missing', 'A contract needs billing details before it can be active.', [
      { path: 'billingDetails', message: 'is needed before the contract can be active' },
    ]);
};

/** At most one contract covers a management account on a day, at every tier. */
const refuseOverlap = (state: TenantContracts, contract: Contract): void => {
  for (const other of othersOf(state, contract)) {
    const shared = overlap(contract, other);
    if (!shared) continue;
    const accounts = shared.accounts === 'all' ? 'all management accounts' : `management account ${shared.accounts.join(', ')}`;
    const days = shared.to === null ? `from ${shared.from} on` : `from ${shared.from} to ${shared.to}`;
    throw new DomainError(
      'rejected',
      'contract-overlaps',
      `Contract "${other.terms.name}" (${other.id}) already covers ${accounts} ${days}.`,
      [{ path: 'managementAccounts', message: `covered by contract ${other.id} ${days}` }],
    );
  }
};
