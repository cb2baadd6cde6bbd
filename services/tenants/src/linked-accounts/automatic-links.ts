import { type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type Interval, without } from '#libs/time/intervals';
import { excludedBy, type KnownAccount } from '../auto-assignment/auto-assignment.ts';
import { type AutoAssignmentRow } from '../auto-assignment/auto-assignments.projection.ts';

/** An account on days on which nobody is linked to it explicitly, and what the automatic link of those days makes of it. */
export type AutomaticLink = KnownAccount &
  Readonly<{
    tenantId: TenantId;
    path: readonly TenantId[];
    /** The pattern that leaves it out; null: it is taken in. */
    excludedBy: string | null;
    intervals: readonly Interval[];
  }>;

/** One per account and stretch of the assignment, in the order of the accounts. `linkedOn` are the days of explicit links. */
export const automaticLinks = (
  { holdings }: Pick<AutoAssignmentRow, 'holdings'>,
  accounts: readonly KnownAccount[],
  linkedOn: (account: LinkedAccountId) => readonly Interval[],
): readonly AutomaticLink[] => {
  const stretches = holdings.map((held) => ({ ...held, patternFor: excludedBy(held.holder.exclude) }));
  return accounts.flatMap((account) =>
    stretches.flatMap(({ from, to, holder, patternFor }) => {
      const intervals = without({ from, to }, linkedOn(account.accountId));
      if (intervals.length === 0) return [];
      return [{ ...account, tenantId: holder.id, path: holder.path, excludedBy: patternFor(account) ?? null, intervals }];
    }),
  );
};
