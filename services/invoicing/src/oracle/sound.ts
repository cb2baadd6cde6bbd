import { type AccountScope, type Case, type Contract, type Scope } from './case.ts';
import { newestTerms, ownWindow } from './in-force.ts';

type Days = Readonly<{ from: string | null; to: string | null }>;

const meet = (one: Days, other: Days): boolean =>
  (one.from === null || other.to === null || one.from < other.to) &&
  (other.from === null || one.to === null || other.from < one.to);

const pairs = <T>(of: readonly T[]): readonly (readonly [T, T])[] =>
  of.flatMap((one, index) => of.slice(index + 1).map((other) => [one, other] as const));

const withoutEnd = ({ terms, effectiveFrom }: Contract['versions'][number]): string =>
  JSON.stringify({ effectiveFrom, ...terms, end: null });

/** Without the ticks of its renewals: newest versions that only move the end. */
const unrenewed = (contract: Contract): Contract => {
  const [newest, former] = contract.versions.toReversed();
  if (newest?.terms.renewalPolicy !== 'auto-renewal' || newest.terms.end === null || !former) return contract;
  return withoutEnd(newest) === withoutEnd(former)
    ? unrenewed({ ...contract, versions: contract.versions.slice(0, -1) })
    : contract;
};

/** Whether two contracts of one tenant cover a management account on the same day: a renewal gives way to whatever comes. */
export const overlap = (first: Contract, second: Contract, accounts: readonly string[]): boolean => {
  const [one, other] = [unrenewed(first), unrenewed(second)];
  // Windows begin together or one begins inside the other, so their first days tell.
  const starts = [newestTerms(one).start, newestTerms(other).start];
  return ['any other', ...accounts].some((account) =>
    starts.some((day) => ownWindow(one, account, day) && ownWindow(other, account, day)),
  );
};

const shareAnAccount = (one: AccountScope, other: AccountScope): boolean =>
  one === 'all' || other === 'all' || one.some((account) => other.includes(account));

const scopeFits = ({ conditions, formula }: Scope): boolean =>
  conditions.every(({ values }) => values.length > 0) &&
  (formula?.match(/[A-Za-z0-9]+/g) ?? []).every(
    (word) => /^(and|or|not)$/i.test(word) || conditions.some(({ letter }) => letter === word.toUpperCase()),
  );

const contractIsSound = ({ versions }: Contract): boolean =>
  versions.length > 0 &&
  versions.every(
    ({ terms: { start, end, billingRules, priceBooks } }) =>
      (end === null || start <= end) &&
      billingRules.every(({ scope }) => scope.conditions.length > 0 && scopeFits(scope)) &&
      priceBooks.every(({ rules }) => rules.every(({ scope }) => scopeFits(scope))) &&
      pairs(priceBooks).every(([one, other]) => !shareAnAccount(one.managementAccounts, other.managementAccounts)),
  );

/** Whether the commands could have let it come about, limits of single figures apart: only such a case is a counterexample. */
export const isSound = ({ input, lines }: Case): boolean => {
  const { tenants, dataSources, links, autoAssignments, contracts } = input;
  const hasTenant = (id: string): boolean => tenants.some((tenant) => tenant.id === id);
  const isBelowOwner = (tenantId: string, dataSourceId: string): boolean =>
    tenants.some(
      ({ id, path }) =>
        id === tenantId && dataSources.some((source) => source.id === dataSourceId && path.includes(source.ownerId)),
    );
  const accounts = dataSources.map(({ managementAccountId }) => managementAccountId);
  return (
    tenants.filter(({ path }) => path.length === 1).length === 1 &&
    tenants.every(({ path }) => path.every(hasTenant)) &&
    dataSources.every(({ ownerId }) => hasTenant(ownerId)) &&
    [...links, ...autoAssignments].every(
      ({ tenantId, dataSourceId, from, to }) =>
        isBelowOwner(tenantId, dataSourceId) && (from === null || to === null || from < to),
    ) &&
    pairs(links).every(
      ([one, other]) => one.dataSourceId !== other.dataSourceId || one.accountId !== other.accountId || !meet(one, other),
    ) &&
    pairs(autoAssignments).every(([one, other]) => one.dataSourceId !== other.dataSourceId || !meet(one, other)) &&
    contracts.every((contract) => hasTenant(contract.tenantId) && contractIsSound(contract)) &&
    pairs(contracts).every(([one, other]) => one.tenantId !== other.tenantId || !overlap(one, other, accounts)) &&
    lines.every(({ dataSourceId }) => dataSources.some(({ id, imported }) => id === dataSourceId && imported))
  );
};
