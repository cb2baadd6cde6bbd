import { type AccountScope } from '#libs/published/contract-terms';
import {
  type ContractId,
  type DataSourceId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { matchesWildcard } from '#libs/rules/wildcard';
import { covers, intersection, type Interval, isEmpty, without } from '#libs/time/intervals';
import { addDays, type Day, firstDay, nextMonth } from '#libs/time/time';
import {
  type AutoAssignment,
  type Group,
  type Link,
  type RatedContract,
  type RatedSource,
  type RatedVersion,
  type RatingInput,
} from './rating-input.ts';

export const isInScope = (scope: AccountScope, account: ManagementAccountId): boolean =>
  scope === 'all' || scope.includes(account);

/** A contract and its version in force on some day. */
export type InForce = Readonly<{ contract: RatedContract; version: RatedVersion }>;

/** Start, end, renewal policy and management accounts are the newest version's. */
const newestOf = ({ id, versions }: RatedContract): RatedVersion => {
  const newest = versions.at(-1);
  if (!newest) throw new Error(`contract ${id} has no version`);
  return newest;
};

const earliest = (...days: readonly (Day | null)[]): Day | null =>
  days.reduce((first, next) => (first === null || (next !== null && next < first) ? next : first), null);

/** [start, end], cut by a cancellation or superseding; an auto-renewing contract is not over at its end. */
const ownWindow = (contract: RatedContract): Interval => {
  const { start, end, renewalPolicy } = newestOf(contract).terms;
  const over = end === null || renewalPolicy === 'auto-renewal' ? null : addDays(end, 1);
  return { from: start, to: earliest(over, contract.endedOn) };
};

const groupedBy = <Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<Key, readonly Item[]> => {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

const startOf = (contract: RatedContract): Day => newestOf(contract).terms.start;
const byStartThenId = (a: RatedContract, b: RatedContract): number => {
  const [left, right] = [startOf(a), startOf(b)];
  return left === right ? (a.id < b.id ? -1 : 1) : left < right ? -1 : 1;
};

/** Which contract, in which version, covers which days of a management account. Nothing here looks at a contract's status. */
export class Contracts {
  readonly month: Interval;
  readonly #mode: RatingInput['mode'];
  readonly #byTenant: ReadonlyMap<TenantId, readonly RatedContract[]>;
  readonly #accounts: readonly ManagementAccountId[];
  readonly #inMonth = new Map<ContractId, Interval | null>();

  constructor({ month, mode, contracts, dataSources }: RatingInput) {
    this.month = { from: firstDay(month), to: firstDay(nextMonth(month)) };
    this.#mode = mode;
    this.#byTenant = groupedBy(contracts.toSorted(byStartThenId), ({ tenantId }) => tenantId);
    this.#accounts = [...new Set(dataSources.map(({ managementAccountId }) => managementAccountId))];
  }

  /** The tenant's contracts, by start. */
  of(tenantId: TenantId): readonly RatedContract[] {
    return this.#byTenant.get(tenantId) ?? [];
  }

  /** The days of the management account that the contract covers, whatever the month. */
  window(contract: RatedContract, account: ManagementAccountId): Interval | undefined {
    const { managementAccounts, renewalPolicy, start } = newestOf(contract).terms;
    if (!isInScope(managementAccounts, account)) return undefined;
    const window = ownWindow(contract);
    const successor = renewalPolicy === 'auto-renewal' ? this.#firstSuccessor(contract, start, account) : null;
    return intersection(window, { from: null, to: successor });
  }

  /** A renewing contract is over for an account when a later one begins there, and does not come back. */
  #firstSuccessor(contract: RatedContract, start: Day, account: ManagementAccountId): Day | null {
    const later = this.of(contract.tenantId).find(
      (other) =>
        startOf(other) > start && isInScope(newestOf(other).terms.managementAccounts, account) && !isEmpty(ownWindow(other)),
    );
    return later ? startOf(later) : null;
  }

  /** The covered days of a management account that lie in the month. */
  inMonth(contract: RatedContract, account: ManagementAccountId): Interval | undefined {
    const window = this.window(contract, account);
    return window && intersection(window, this.month);
  }

  /** From the first to the last day of the month that the contract covers, over all its management accounts. */
  monthOf(contract: RatedContract): Interval | undefined {
    const known = this.#inMonth.get(contract.id);
    if (known !== undefined) return known ?? undefined;
    const { managementAccounts, renewalPolicy } = newestOf(contract).terms;
    const accounts = managementAccounts === 'all' ? this.#accounts : managementAccounts;
    const asked = renewalPolicy === 'auto-renewal' ? accounts : accounts.slice(0, 1);
    const windows = asked.flatMap((account) => this.inMonth(contract, account) ?? []);
    const widest = windows.reduce<Interval | null>(
      (all, { from, to }) => ({ from, to: all?.to && to && all.to > to ? all.to : to }),
      null,
    );
    this.#inMonth.set(contract.id, widest);
    return widest ?? undefined;
  }

  versionOn({ id, versions }: RatedContract, day: Day): RatedVersion {
    const version =
      this.#mode === 'current'
        ? versions.at(-1)
        : (versions.findLast(({ effectiveFrom }) => effectiveFrom <= day) ?? versions[0]);
    if (!version) throw new Error(`contract ${id} has no version`);
    return version;
  }

  on(tenantId: TenantId, account: ManagementAccountId, day: Day): InForce | null {
    const contract = this.of(tenantId).findLast((one) => {
      const window = this.window(one, account);
      return window !== undefined && covers(window, day);
    });
    return contract ? { contract, version: this.versionOn(contract, day) } : null;
  }

  /** Versions in force on a covered day of the month. */
  versionsInMonth(contract: RatedContract): readonly RatedVersion[] {
    const days = this.monthOf(contract);
    if (!days?.from) return [];
    const changes = contract.versions.map(({ effectiveFrom }) => effectiveFrom).filter((day) => covers(days, day));
    return [...new Set([days.from, ...changes].map((day) => this.versionOn(contract, day)))];
  }
}

const isLeftOut = ({ exclude }: AutoAssignment, name: string): boolean =>
  exclude.some((pattern) => matchesWildcard(pattern, name));

/** Whose usage a linked account is, day by day. */
export class Holders {
  readonly #links: ReadonlyMap<string, readonly Link[]>;
  readonly #linksOfTenant: ReadonlyMap<TenantId, readonly Link[]>;
  readonly #automatic: ReadonlyMap<DataSourceId, readonly AutoAssignment[]>;
  readonly #names = new Map<string, string>();
  readonly #accountsWithLines: ReadonlyMap<DataSourceId, ReadonlySet<LinkedAccountId>>;

  constructor({ links, autoAssignments, dataSources }: RatingInput, groups: readonly Group[]) {
    this.#links = groupedBy(links, accountKey);
    this.#linksOfTenant = groupedBy(links, ({ tenantId }) => tenantId);
    this.#automatic = groupedBy(
      autoAssignments.toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1)),
      ({ dataSourceId }) => dataSourceId,
    );
    for (const { id: dataSourceId, accounts } of dataSources)
      for (const { accountId, name } of accounts) if (name) this.#names.set(accountKey({ dataSourceId, accountId }), name);
    const withLines = new Map<DataSourceId, Set<LinkedAccountId>>();
    for (const { dataSourceId, accountId } of groups) {
      const accounts = withLines.get(dataSourceId);
      if (accounts) accounts.add(accountId);
      else withLines.set(dataSourceId, new Set([accountId]));
    }
    this.#accountsWithLines = withLines;
  }

  /** Null: the account is linked to nobody on that day. */
  on(account: Readonly<{ dataSourceId: DataSourceId; accountId: LinkedAccountId }>, day: Day): TenantId | null {
    const link = this.#links.get(accountKey(account))?.find((one) => covers(one, day));
    return link?.tenantId ?? this.#takenIn(account).find((one) => covers(one, day))?.tenantId ?? null;
  }

  /** Automatic links that take this account in, on days on which no other link holds it. */
  #takenIn(account: Readonly<{ dataSourceId: DataSourceId; accountId: LinkedAccountId }>): readonly AutoAssignment[] {
    const automatic = this.#automatic.get(account.dataSourceId) ?? [];
    if (automatic.length === 0) return automatic;
    const name = this.#names.get(accountKey(account)) ?? account.accountId;
    return automatic.filter((one) => !isLeftOut(one, name));
  }

  /** Data sources in which the tenant ever has a linked account or takes accounts in. */
  sourcesOf(tenantId: TenantId): ReadonlySet<DataSourceId> {
    const linked = (this.#linksOfTenant.get(tenantId) ?? []).map(({ dataSourceId }) => dataSourceId);
    const automatic = [...this.#automatic].filter(([, all]) => all.some((one) => one.tenantId === tenantId)).map(([id]) => id);
    return new Set([...linked, ...automatic]);
  }

  /**
   * Whether the tenant has a linked account of the source on any of the days, used or not; through an automatic link only accounts
   * with a line in the slice are known.
   */
  hasAccount(tenantId: TenantId, { id: dataSourceId }: RatedSource, days: Interval): boolean {
    const links = this.#linksOfTenant.get(tenantId) ?? [];
    if (links.some((link) => link.dataSourceId === dataSourceId && intersection(link, days))) return true;
    const automatic = (this.#automatic.get(dataSourceId) ?? []).filter((one) => one.tenantId === tenantId);
    if (automatic.length === 0) return false;
    return [...(this.#accountsWithLines.get(dataSourceId) ?? [])].some((accountId) => {
      const held = this.#links.get(accountKey({ dataSourceId, accountId })) ?? [];
      return this.#takenIn({ dataSourceId, accountId })
        .filter((one) => one.tenantId === tenantId)
        .some((one) => without(intersection(one, days) ?? NO_DAYS, held).length > 0);
    });
  }
}

const NO_DAYS: Interval = { from: '0001-01-01' as Day, to: '0001-01-01' as Day };

const accountKey = ({ dataSourceId, accountId }: Readonly<{ dataSourceId: DataSourceId; accountId: LinkedAccountId }>): string =>
  `${dataSourceId}~${accountId}`;
