import { DomainError, type FieldError } from '#libs/event-sourcing/domain-error';
import { decider } from '#libs/event-sourcing/decider';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type LinkedAccountEvent } from '#libs/published/tenants';
import {
  assign,
  type Holding,
  type Holdings,
  type Interval,
  intersection,
  isEmpty,
  release,
  without,
} from '#libs/time/intervals';
import { type Day } from '#libs/time/time';
import { type Reach, reaches } from '../reach.ts';

/** A tenant with its path from the root. */
export type Holder = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

/** `formerly` are all that ever held it, so that unlinking again is "already so" and not "never linked". */
export type LinkedAccount = Readonly<{ holdings: Holdings<Holder>; formerly: readonly TenantId[] }>;

const sameTenant = (a: Holder, b: Holder): boolean => a.id === b.id;

/** Of one account of one data source: to whom it belongs on which days, one tenant at a time. */
export const linkedAccount = decider<LinkedAccount, LinkedAccountEvent>(
  'tenants.linkedAccount',
  { holdings: [], formerly: [] },
  (state, event) => {
    switch (event.type) {
      case 'LinkedAccountLinked': {
        const { tenantId: id, path, from, to } = event.data;
        return {
          holdings: assign(state.holdings, { from, to }, { id, path }, sameTenant),
          formerly: state.formerly.includes(id) ? state.formerly : [...state.formerly, id],
        };
      }
      case 'LinkedAccountUnlinked': {
        const { tenantId, from } = event.data;
        return { ...state, holdings: release(state.holdings, { from, to: null }, ({ id }) => id === tenantId) };
      }
    }
  },
);

/** Account ids hold anything, `/` and `-` included; a source's id never holds a `~`. */
export const linkedAccountKey = (dataSourceId: DataSourceId, accountId: LinkedAccountId): string =>
  `${dataSourceId}~${accountId}`;

/** A data source as a link needs it; `path` is its owner's. */
export type Source = Readonly<{ id: DataSourceId; managementAccountId: ManagementAccountId; path: readonly TenantId[] }>;

export type LinkAsked = Readonly<{
  tenant: Holder;
  /** Undefined: no such data source. */
  source: Source | undefined;
  accountId: LinkedAccountId;
  /** Undefined: since the beginning for an account that was never linked, else from today. */
  from: Day | null | undefined;
  to: Day | null | undefined;
  /** Take the days that another customer holds. */
  move: boolean;
  today: Day;
  reach: Reach;
  /** Days on which an automatic link of the source takes the account in: it is then in that customer's data. */
  automatic: Holdings<Holder>;
  /** For the message that names a holder. */
  nameOf: (tenant: TenantId) => string;
}>;

/**
 * Links an account to a tenant for [from, to). What is in the caller's data: every account of a data source whose owner is within
 * reach, and any account on the days on which somebody within reach holds it. Everything else has one answer, whoever holds it.
 */
export const link =
  (asked: LinkAsked) =>
  ({ holdings, formerly }: LinkedAccount): LinkedAccountEvent[] => {
    const { tenant, source, accountId, today, reach } = asked;
    if (asked.from && asked.to && asked.to <= asked.from) throw endsBeforeItBegins();
    const beginning = formerly.length === 0 ? null : today;
    const wanted: Interval = { from: asked.from === undefined ? beginning : asked.from, to: asked.to ?? null };
    if (!source || !tenant.path.includes(ownerOf(source)) || !isAvailable(wanted, holdings, source, asked)) throw notAvailable();
    if (isEmpty(wanted)) throw endsBeforeItBegins();

    const ours = holdings.filter(({ holder }) => holder.id === tenant.id);
    if (without(wanted, ours).length === 0) return [];
    const taken = holdings.filter((held) => held.holder.id !== tenant.id && intersection(held, wanted));
    if (taken.length > 0 && !asked.move) throw alreadyLinked(taken, asked.nameOf, reach);
    return [
      {
        type: 'LinkedAccountLinked',
        data: {
          ...identity(source, accountId, tenant),
          path: tenant.path,
          ...wanted,
          takenFrom: [...new Set(taken.map(({ holder }) => holder.id))],
        },
      },
    ];
  };

/**
 * Hands an account back from a day on: until it is linked again nobody is billed for it but the source's owner. So that nobody
 * slips out of a bill this way, the source must be within the caller's reach; below it, accounts are moved.
 */
export const unlink =
  (
    asked: Readonly<{
      tenant: Holder;
      source: Source | undefined;
      accountId: LinkedAccountId;
      from: Day | undefined;
      today: Day;
      reach: Reach;
    }>,
  ) =>
  ({ holdings, formerly }: LinkedAccount): LinkedAccountEvent[] => {
    const { tenant, source, accountId, reach } = asked;
    if (!source || !formerly.includes(tenant.id)) {
      const message = 'was never linked to this tenant';
      throw new DomainError('rejected', 'account-not-linked', `The account ${message}.`, [{ path: 'accountId', message }]);
    }
    if (!reaches(reach, source.path)) {
      const message = 'comes from a data source of a tenant above you: link it to another of your tenants instead';
      throw new DomainError('rejected', 'account-from-upstream', `The account ${message}.`, [{ path: 'accountId', message }]);
    }
    const from = asked.from ?? asked.today;
    const ends = holdings.some((held) => held.holder.id === tenant.id && intersection(held, { from, to: null }));
    return ends ? [{ type: 'LinkedAccountUnlinked', data: { ...identity(source, accountId, tenant), from } }] : [];
  };

const ownerOf = (source: Source): TenantId => source.path.at(-1) as TenantId;

const isAvailable = (
  wanted: Interval,
  holdings: Holdings<Holder>,
  source: Source,
  { reach, automatic }: Pick<LinkAsked, 'reach' | 'automatic'>,
): boolean => {
  const within = ({ holder }: Holding<Holder>): boolean => reaches(reach, holder.path);
  if (holdings.some((held) => !within(held) && intersection(held, wanted))) return false;
  if (reaches(reach, source.path)) return true;
  const ours = [...holdings.filter(within), ...automatic.filter(within)];
  return !isEmpty(wanted) && without(wanted, ours).length === 0;
};

const identity = (source: Source, accountId: LinkedAccountId, tenant: Holder) => ({
  dataSourceId: source.id,
  managementAccountId: source.managementAccountId,
  accountId,
  tenantId: tenant.id,
  rootId: tenant.path[0] ?? tenant.id,
});

/** Says nothing about the account: the same to the last byte for one that a stranger holds and one that nobody knows. */
const notAvailable = (): DomainError =>
  new DomainError('rejected', 'account-not-available', 'The account is not in your data, or not on all of these days.', [
    { path: 'accountId', message: 'is not in your data, or not on all of these days' },
  ]);

const endsBeforeItBegins = (): DomainError =>
  new DomainError('invalid', 'interval-empty', 'The link ends before it begins: `to` is the first day no longer linked.', [
    { path: 'to', message: 'must be after `from` (today, where `from` is left out and the account was linked before)' },
  ]);

const alreadyLinked = (taken: Holdings<Holder>, nameOf: LinkAsked['nameOf'], reach: Reach): DomainError => {
  const errors: FieldError[] = taken
    .filter(({ holder }) => reaches(reach, holder.path))
    .map(({ holder, from, to }) => ({
      path: 'accountId',
      message: `is linked to ${nameOf(holder.id)} (${holder.id})${inWords({ from, to })}`,
    }));
  return new DomainError(
    'rejected',
    'account-already-linked',
    'The account is linked to another customer on some of these days; say `move: true` to take them.',
    errors,
  );
};

/** ` from 2026-01-01 until 2026-02-01`, as far as it is bounded. */
const inWords = ({ from, to }: Interval): string => `${from ? ` from ${from}` : ''}${to ? ` until ${to}` : ''}`;
