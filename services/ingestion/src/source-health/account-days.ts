import { type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type Slice } from '#libs/published/ingestion';
import { wildcard } from '#libs/rules/wildcard';
import { type Holdings, type Interval, intersection, without } from '#libs/time/intervals';
import { addDays } from '#libs/time/time';

/** A tenant with its path from the root. */
export type Holder = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

/** Who takes in the accounts that no explicit link holds, but for those that match a pattern. */
export type Taker = Holder & Readonly<{ exclude: readonly string[] }>;

/** An account of a slice, with the days from its first line to its last. */
export type UsedAccount = Slice['accounts'][number];

const daysOfUsage = ({ firstDay, lastDay }: UsedAccount): Interval => ({ from: firstDay, to: addDays(lastDay, 1) });

/** Explicit links of a source's accounts, and its automatic ones: whose an account is on which days. */
export type Links = Readonly<{
  explicit: (account: LinkedAccountId) => Holdings<Holder>;
  automatic: Holdings<Taker>;
}>;

/** Whose the account is on days of its usage. As its name in the slice decides whether a pattern leaves it out, so do the bills. */
export const holdersOf = (account: UsedAccount, { explicit, automatic }: Links): Holdings<Holder> => {
  const usage = daysOfUsage(account);
  const within = (held: Interval): Interval | undefined => intersection(held, usage);
  const linked = explicit(account.accountId).flatMap(({ holder, ...days }) => {
    const common = within(days);
    return common ? [{ ...common, holder }] : [];
  });
  const taken = automatic
    .filter(({ holder }) => !isLeftOut(account, holder))
    .flatMap(({ holder: { id, path }, ...days }) => {
      const common = within(days);
      return common ? without(common, linked).map(({ from, to }) => ({ from, to, holder: { id, path } })) : [];
    });
  return [...linked, ...taken];
};

/** Days between the account's first and last line on which it is nobody's. */
export const unassignedDays = (account: UsedAccount, links: Links): readonly Interval[] =>
  without(daysOfUsage(account), holdersOf(account, links));

/** By its name or, without one, its id. */
const isLeftOut = ({ accountId, name }: UsedAccount, { exclude }: Taker): boolean =>
  exclude.some((pattern) => wildcard(pattern)(name ?? accountId));
