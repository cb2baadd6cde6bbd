import { DomainError } from '#libs/event-sourcing/domain-error';
import { decider } from '#libs/event-sourcing/decider';
import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type AutoAssignmentEvent } from '#libs/published/tenants';
import { wildcard } from '#libs/rules/wildcard';
import { assign, type Holdings, intersection, release, without } from '#libs/time/intervals';
import { type Day } from '#libs/time/time';
import { type Holder, type Source } from '../linked-account/linked-account.ts';
import { type Reach, reaches } from '../reach.ts';

export type AutoHolder = Holder & Readonly<{ exclude: readonly string[] }>;

export type AutoAssignment = Readonly<{ holdings: Holdings<AutoHolder>; everOn: boolean }>;

const same = (a: AutoHolder, b: AutoHolder): boolean => a.id === b.id && samePatterns(a.exclude, b.exclude);

const samePatterns = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((pattern, index) => pattern === b[index]);

/** Of one data source: which one customer takes in the accounts that nobody holds, on which days. */
export const autoAssignment = decider<AutoAssignment, AutoAssignmentEvent, DataSourceId>(
  'tenants.autoAssignment',
  { holdings: [], everOn: false },
  (state, event) => {
    switch (event.type) {
      case 'AutoAssignmentTurnedOn': {
        const { tenantId: id, path, from, exclude } = event.data;
        return { everOn: true, holdings: assign(state.holdings, { from, to: null }, { id, path, exclude }, same) };
      }
      case 'AutoAssignmentTurnedOff': {
        const { tenantId, from } = event.data;
        return { ...state, holdings: release(state.holdings, { from, to: null }, ({ id }) => id === tenantId) };
      }
    }
  },
);

type Asked = Readonly<{ tenant: Holder; source: Source | undefined; today: Day; reach: Reach }>;

/**
 * From `from` on (undefined: since the beginning if it was never on for this source, else from today) and without end the tenant
 * takes in the source's accounts, those there are and those to come, except the ones that match a pattern.
 */
export const turnOn =
  (asked: Asked & Readonly<{ from: Day | null | undefined; exclude: readonly string[]; nameOf: (tenant: TenantId) => string }>) =>
  ({ holdings, everOn }: AutoAssignment): AutoAssignmentEvent[] => {
    const { tenant, exclude, reach } = asked;
    const source = reached(asked);
    const beginning = everOn ? asked.today : null;
    const from = asked.from === undefined ? beginning : asked.from;
    const days = { from, to: null };
    const others = holdings.filter((held) => held.holder.id !== tenant.id && intersection(held, days));
    if (others.length > 0) {
      const errors = others
        .filter(({ holder }) => reaches(reach, holder.path))
        .map(({ holder, to }) => ({
          path: 'dataSourceId',
          message: `is taken by ${asked.nameOf(holder.id)} (${holder.id})${to ? ` until ${to}` : ''}`,
        }));
      throw new DomainError(
        'rejected',
        'auto-assignment-taken',
        'Another customer takes in the unlinked accounts of this data source on some of these days; turn it off there first.',
        errors,
      );
    }
    const alreadySo = holdings.filter(({ holder }) => same(holder, { ...tenant, exclude }));
    if (without(days, alreadySo).length === 0) return [];
    return [{ type: 'AutoAssignmentTurnedOn', data: { ...identity(source, tenant), path: tenant.path, from, exclude } }];
  };

/** From `from` (undefined: today) on the tenant takes in nothing more, and holds nothing by it. */
export const turnOff =
  (asked: Asked & Readonly<{ from: Day | undefined }>) =>
  ({ holdings }: AutoAssignment): AutoAssignmentEvent[] => {
    const { tenant } = asked;
    const source = reached(asked);
    const from = asked.from ?? asked.today;
    const ends = holdings.some((held) => held.holder.id === tenant.id && intersection(held, { from, to: null }));
    return ends ? [{ type: 'AutoAssignmentTurnedOff', data: { ...identity(source, tenant), from } }] : [];
  };

/** The source must be within the caller's reach and its owner the tenant itself or above it; anything else has one answer. */
const reached = ({ source, tenant, reach }: Asked): Source => {
  const owner = source?.path.at(-1);
  if (!source || owner === undefined || !tenant.path.includes(owner) || !reaches(reach, source.path))
    throw new DomainError('rejected', 'data-source-not-available', 'The data source is not in your data.', [
      { path: 'dataSourceId', message: 'is not in your data' },
    ]);
  return source;
};

const identity = (source: Source, tenant: Holder) => ({
  dataSourceId: source.id,
  managementAccountId: source.managementAccountId,
  tenantId: tenant.id,
  rootId: tenant.path[0] ?? tenant.id,
});

export type KnownAccount = Readonly<{ accountId: LinkedAccountId; name: string | null }>;

/** The first pattern that leaves an account out: by its name or, without one, its id. Build it once for many accounts. */
export const excludedBy = (exclude: readonly string[]): ((account: KnownAccount) => string | undefined) => {
  const patterns = exclude.map((pattern) => ({ pattern, matches: wildcard(pattern) }));
  return ({ accountId, name }) => patterns.find(({ matches }) => matches(name ?? accountId))?.pattern;
};
