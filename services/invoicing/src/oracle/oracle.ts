/**
 * The rating rules written a second time, straight from their text: every usage line is rated by itself on its own day, without
 * groups, segments or sums before the end, in numbers of decimal.js. Slow on purpose, and used by nothing but checks.
 *
 * It must never share code with what it judges: nothing of the rating, of libs/rules and of libs/money, and no fix copied from one to
 * the other without the text in hand. A mistake that is in both is one that no case can show.
 */
import { Books } from './books.ts';
import { type TreeMonth, type UsageLine } from './case.ts';
import { printCustomLineItems } from './custom-line-items.ts';
import { Exact, percent, rounded, sum } from './exact.ts';
import { printFixedRates } from './fixed-rates.ts';
import { InForce } from './in-force.ts';
import { known } from './keyed.ts';
import { type Statement } from './statement.ts';
import { rateLines } from './usage-lines.ts';

const rootOf = ({ tenants }: TreeMonth): string => {
  const root = tenants.find(({ path }) => path.length === 1);
  if (!root) throw new Error('the case has no root');
  return root.id;
};

/** Resold: what the direct children are billed. */
const addResold = (books: ReadonlyMap<string, Books>): void => {
  for (const { tenant, figures } of books.values()) {
    const parent = tenant.path.at(-2);
    if (parent === undefined) continue;
    for (const [currency, { billed }] of figures) {
      const above = known(books, parent).in(currency);
      above.resold = above.resold.plus(billed);
    }
  }
};

const proformaOf = ({ tenant: { currency }, printed, taxItems, passThroughTax }: Books): Statement<Exact>['proforma'] => {
  const lines = [...(printed.get(currency)?.values() ?? [])].map((line) => ({
    ...line,
    amount: rounded(line.unrounded, currency),
  }));
  const net = sum(lines.map(({ amount }) => amount));
  const taxes = taxItems.map(({ contractId, item }) => {
    const own = lines.filter((line) => line.contractId === contractId).map(({ amount }) => amount);
    return { contractId, ruleId: item.id, amount: rounded(percent(item.percentage, sum(own)), currency) };
  });
  const passedThrough = rounded(passThroughTax.get(currency) ?? new Exact(0), currency);
  return {
    currency,
    lines,
    net,
    roundingDifference: net.minus(sum(lines.map(({ unrounded }) => unrounded))),
    taxes,
    passThroughTax: passedThrough,
    total: sum([net, ...taxes.map(({ amount }) => amount), passedThrough]),
  };
};

const statementOf = (mine: Books, hasImport: boolean): Statement<Exact> => ({
  tenantId: mine.tenant.id,
  figures: [...mine.figures].map(([currency, { billed, resold, excluded, marginParts, ...buckets }]) => ({
    currency,
    billed,
    resold: mine.resells ? resold : null,
    margin: mine.resells ? resold.minus(billed) : null,
    ...buckets,
    excluded: [...excluded].map(([by, amount]) => ({ by, amount })),
    marginParts: [...marginParts].map(([reason, part]) => ({ reason, ...part })),
  })),
  proforma: mine.tenant.path.length > 1 && hasImport && mine.hasCoveredDay && !mine.refused ? proformaOf(mine) : null,
  unassigned: [...mine.unassigned.values()],
  unbilled: [...mine.unbilled.values()],
});

/** What every tenant's month comes to. */
export const oracle = (month: TreeMonth, lines: readonly UsageLine[]): readonly Statement<Exact>[] => {
  const rootId = rootOf(month);
  const inForce = new InForce(month);
  const books = new Map(month.tenants.map((tenant) => [tenant.id, new Books(tenant)]));
  const hasImport = month.dataSources.some(({ imported }) => imported);
  rateLines(lines, month.dataSources, inForce, books, rootId);
  for (const mine of books.values()) printFixedRates(mine, inForce);
  for (const contract of month.contracts)
    if (contract.tenantId !== rootId && hasImport)
      printCustomLineItems(month, contract, known(books, contract.tenantId), inForce);
  addResold(books);
  return [...books.values()].map((mine) => statementOf(mine, hasImport));
};
