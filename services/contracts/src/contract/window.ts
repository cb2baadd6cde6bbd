import { type AccountScope, type Terms } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { addDays, type Day, daysBetween } from '#libs/time/time';

/** What of a contract decides which days it covers. */
export type Covering = Readonly<{
  terms: Pick<Terms, 'start' | 'end' | 'renewalPolicy' | 'managementAccounts'>;
  /** Marked active or scheduled and not set back to draft since; a later status takes no coverage away. */
  marked: boolean;
  /** The end as it was agreed, before any renewal: the contract holds its days up to here against every other one. */
  agreedEnd: Day | null;
  /** First day no longer covered because of a cancellation or superseding. */
  endedOn: Day | null;
}>;

/** First and last day, both inclusive; `to` null: without end. */
export type Window = Readonly<{ from: Day; to: Day | null }>;

const earlier = (a: Day | null, b: Day | null): Day | null => (a === null ? b : b === null || a < b ? a : b);
const isAutomatic = ({ terms }: Covering): boolean => terms.renewalPolicy === 'auto-renewal';

/**
 * The days that a contract claims for itself alone; undefined: none. The days into which an automatic renewal runs on are not
 * among them: there it yields to any other contract.
 */
export const claimedWindow = (contract: Covering): Window | undefined => {
  if (!contract.marked) return undefined;
  const { start, end } = contract.terms;
  const agreed = isAutomatic(contract) ? contract.agreedEnd : end;
  const to = earlier(agreed, contract.endedOn && addDays(contract.endedOn, -1));
  return to !== null && to < start ? undefined : { from: start, to };
};

const commonDays = (a: Window, b: Window): Window | undefined => {
  const from = a.from > b.from ? a.from : b.from;
  const to = earlier(a.to, b.to);
  return to !== null && to < from ? undefined : { from, to };
};

/** The management accounts that two scopes share; undefined: none. `all` overlaps everything. */
export const commonAccounts = (a: AccountScope, b: AccountScope): AccountScope | undefined => {
  if (a === 'all') return b;
  if (b === 'all') return a;
  const common = a.filter((account) => b.includes(account));
  return common.length > 0 ? common : undefined;
};

/** The days and accounts that two contracts both claim. */
export const overlap = (a: Covering, b: Covering): (Window & Readonly<{ accounts: AccountScope }>) | undefined => {
  const [windowOfA, windowOfB] = [claimedWindow(a), claimedWindow(b)];
  const days = windowOfA && windowOfB && commonDays(windowOfA, windowOfB);
  const accounts = commonAccounts(a.terms.managementAccounts, b.terms.managementAccounts);
  return days && accounts ? { ...days, accounts } : undefined;
};

/**
 * The last day on which a contract may cover any account; null: it runs on. An automatic renewal is over for an account from the
 * first day on which another contract covers it, and over altogether when that holds for all of its accounts.
 */
export const lastCoveredDay = (contract: Covering, others: readonly Covering[]): Day | null => {
  if (!isAutomatic(contract)) return contract.terms.end;
  const { agreedEnd } = contract;
  if (agreedEnd === null) return null;
  const successors = others
    .map((other) => ({ from: claimedWindow(other)?.from, accounts: other.terms.managementAccounts }))
    .flatMap(({ from, accounts }) => (from !== undefined && from > agreedEnd ? [{ from, accounts }] : []));
  const firstDayOf = (takes: (accounts: AccountScope) => boolean): Day | null =>
    successors.filter(({ accounts }) => takes(accounts)).reduce<Day | null>((first, { from }) => earlier(first, from), null);
  const takesOver = (account: ManagementAccountId): Day | null =>
    firstDayOf((accounts) => accounts === 'all' || accounts.includes(account));
  const scope = contract.terms.managementAccounts;
  const days = scope === 'all' ? [firstDayOf((accounts) => accounts === 'all')] : scope.map(takesOver);
  const last = days.reduce((latest, day) => (latest === null || day === null ? null : day > latest ? day : latest));
  return last === null ? null : addDays(last, -1);
};

/** The same day of the month, `count` months later; the month's last day where it has no such day. */
const addMonths = (to: Day, count: number): Day => {
  const [year, month, date] = to.split('-').map(Number) as [number, number, number];
  const lastOfMonth = new Date(Date.UTC(year, month - 1 + count + 1, 0));
  const day = Math.min(date, lastOfMonth.getUTCDate());
  return new Date(Date.UTC(lastOfMonth.getUTCFullYear(), lastOfMonth.getUTCMonth(), day)).toISOString().slice(0, 10) as Day;
};

/**
 * The end of the first term that ends after `after`: terms of whole months stay so (a year ends on 31 December each time), others
 * repeat their number of days. All are counted from `start`, so short months do not wear a term down.
 */
export const nextTermEnd = (start: Day, agreedEnd: Day, after: Day): Day => {
  const months = wholeMonths(start, agreedEnd);
  const days = daysBetween(start, agreedEnd) + 1;
  const endOf = (term: number): Day =>
    months === undefined ? addDays(start, days * term - 1) : addDays(addMonths(start, months * term), -1);
  const longest = months === undefined ? days : months * 31;
  for (let term = Math.max(1, Math.floor(daysBetween(start, after) / longest)); ; term++)
    if (endOf(term) > after) return endOf(term);
};

const wholeMonths = (start: Day, end: Day): number | undefined => {
  const about = Math.round((daysBetween(start, end) + 1) / 30.4375);
  return [about - 1, about, about + 1].find((months) => months > 0 && addDays(addMonths(start, months), -1) === end);
};
