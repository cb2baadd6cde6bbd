import { type AccountScope, type Contract, type TreeMonth, type Terms } from './case.ts';
import { entry, known } from './keyed.ts';
import { valueMatches } from './matching.ts';

export const inScope = (scope: AccountScope, account: string): boolean => scope === 'all' || scope.includes(account);

export const newestTerms = ({ id, versions }: Contract): Terms => {
  const newest = versions.at(-1);
  if (!newest) throw new Error(`the contract ${id} has no version`);
  return newest.terms;
};

/** Start to end, cancellation or superseding; without what auto-renewal adds. */
export const ownWindow = (contract: Contract, account: string, day: string): boolean => {
  const { start, end, managementAccounts } = newestTerms(contract);
  return (
    inScope(managementAccounts, account) &&
    start <= day &&
    (end === null || day <= end) &&
    (contract.endedOn === null || day < contract.endedOn)
  );
};

/** Whether the contract covers that account on that day. */
const covers = (contract: Contract, all: readonly Contract[], account: string, day: string): boolean => {
  const { start, renewalPolicy, managementAccounts } = newestTerms(contract);
  if (renewalPolicy !== 'auto-renewal') return ownWindow(contract, account, day);
  if (!inScope(managementAccounts, account) || day < start) return false;
  if (contract.endedOn !== null && day >= contract.endedOn) return false;
  // Term by term until the day before another contract covers the account. The ticks move the end, and change no bill.
  return !all.some((other) => {
    const from = newestTerms(other).start;
    return (
      other.id !== contract.id &&
      other.tenantId === contract.tenantId &&
      start < from &&
      from <= day &&
      ownWindow(other, account, from)
    );
  });
};

const within = (from: string | null, to: string | null, day: string): boolean =>
  (from === null || from <= day) && (to === null || day < to);

/** On a day: whose an account is, which contract covers it, and by which version. */
export class InForce {
  readonly #month: TreeMonth;
  /** By data source, those that are linked or used. */
  readonly #accounts = new Map<string, Set<string>>();
  readonly #sources: ReadonlyMap<string, TreeMonth['dataSources'][number]>;

  constructor(month: TreeMonth) {
    this.#month = month;
    this.#sources = new Map(month.dataSources.map((source) => [source.id, source]));
    const add = (source: string, account: string): unknown => entry(this.#accounts, source, () => new Set()).add(account);
    for (const { dataSourceId, accountId } of month.links) add(dataSourceId, accountId);
    for (const { id, accounts } of month.dataSources) for (const { accountId } of accounts) add(id, accountId);
  }

  /** The tenant that the account is linked to, explicitly before automatically; null: nobody. */
  linkedTo(dataSourceId: string, accountId: string, day: string): string | null {
    const link = this.#month.links.find(
      (one) => one.dataSourceId === dataSourceId && one.accountId === accountId && within(one.from, one.to, day),
    );
    if (link) return link.tenantId;
    const automatic = this.#month.autoAssignments.find(
      (one) => one.dataSourceId === dataSourceId && within(one.from, one.to, day),
    );
    // An automatic link takes in accounts with a line in the slice.
    const account = known(this.#sources, dataSourceId).accounts.find((one) => one.accountId === accountId);
    if (!automatic || !account) return null;
    return automatic.exclude.some((pattern) => valueMatches(pattern, account.name ?? '')) ? null : automatic.tenantId;
  }

  /** Whether the tenant has a linked account in that source on that day, used or not. */
  holdsAccount(tenantId: string, dataSourceId: string, day: string): boolean {
    return [...(this.#accounts.get(dataSourceId) ?? [])].some(
      (account) => this.linkedTo(dataSourceId, account, day) === tenantId,
    );
  }

  covers(contract: Contract, account: string, day: string): boolean {
    return covers(contract, this.#month.contracts, account, day);
  }

  contractOn(tenantId: string, account: string, day: string): Contract | null {
    return (
      this.#month.contracts.find((contract) => contract.tenantId === tenantId && this.covers(contract, account, day)) ?? null
    );
  }

  termsOn(contract: Contract, day: string): Terms {
    if (this.#month.mode === 'current') return newestTerms(contract);
    const version = contract.versions.findLast(({ effectiveFrom }) => effectiveFrom <= day) ?? contract.versions[0];
    return version ? version.terms : newestTerms(contract);
  }
}
