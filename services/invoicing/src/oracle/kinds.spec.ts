import { describe, expect, it } from '@jest/globals';
import { anyCase } from './any-case.ts';
import { type Case, type Contract, type Scope } from './case.ts';
import { addDays } from './days.ts';
import { oracle } from './oracle.ts';

const CASES = 300;

const scopesOf = (contracts: readonly Contract[]): readonly Scope[] =>
  contracts.flatMap(({ versions }) =>
    versions.flatMap(({ terms: { billingRules, priceBooks } }) => [
      ...billingRules.map(({ scope }) => scope),
      ...priceBooks.flatMap(({ rules }) => rules.map(({ scope }) => scope)),
    ]),
  );

/** What a rule of this id is, in whatever version. */
const typesOf = (contracts: readonly Contract[]): ReadonlyMap<string, string> =>
  new Map(
    contracts.flatMap(({ versions }) =>
      versions.flatMap(({ terms: { priceBooks, customLineItems } }) => [
        ...priceBooks.flatMap(({ basis, rules }) => rules.map(({ id, pricing }) => [id, `${pricing.type} on ${basis}`] as const)),
        ...customLineItems.map(({ id, type }) => [id, `item ${type}`] as const),
      ]),
    ),
  );

const FORMULAS: Readonly<Record<string, RegExp>> = {
  'formula NOT': /\bNOT\b/i,
  'formula AND': /\bAND\b/i,
  'formula OR': /\bOR\b/i,
  'formula parentheses': /\(/,
};

/** Every kind of thing that happens in a case: to its usage and its contracts in that month, and to what the oracle prints. */
const kindsOf = ({ input, lines }: Case): ReadonlySet<string> => {
  const { month, contracts, links, dataSources } = input;
  const kinds = new Set<string>();
  const add = (kind: string, happens: boolean): void => {
    if (happens) kinds.add(kind);
  };
  /** A change on this day divides the month. */
  const within = (day: string | null): boolean => day !== null && `${month}-01` < day && day.startsWith(month);
  const payers = new Map(dataSources.map(({ id, managementAccountId }) => [id, managementAccountId]));

  for (const { formula } of scopesOf(contracts))
    for (const [kind, operator] of Object.entries(FORMULAS)) add(kind, formula !== null && operator.test(formula));
  for (const { versions, endedOn } of contracts) {
    const newest = versions.at(-1)?.terms;
    add(
      'version within the month',
      versions.slice(1).some(({ effectiveFrom }) => within(effectiveFrom)),
    );
    add('window begins', within(newest?.start ?? null));
    add('window ends', newest?.renewalPolicy === 'fixed-term' && newest.end !== null && within(addDays(newest.end, 1)));
    add('window is cancelled', within(endedOn));
    add('auto-renewal', newest?.renewalPolicy === 'auto-renewal' && newest.end !== null);
  }
  for (const { dataSourceId, accountId, tenantId, to } of links) {
    const next = links.find(
      (one) => one.dataSourceId === dataSourceId && one.accountId === accountId && one.from === to && one.tenantId !== tenantId,
    );
    const used = lines.some(
      (line) => line.dataSourceId === dataSourceId && (line.subAccountId ?? payers.get(dataSourceId)) === accountId,
    );
    add('move', within(to) && next !== undefined && used);
  }
  for (const { chargeCategory, billedCost, marketplace, columns } of lines) {
    add('credit', chargeCategory === 'Credit');
    add('source tax', chargeCategory === 'Tax');
    add('refund', (chargeCategory === 'Usage' || chargeCategory === 'Adjustment') && billedCost.startsWith('-'));
    add('marketplace', marketplace);
    add(
      'tag',
      'Tags/team' in columns &&
        scopesOf(contracts).some((scope) => scope.conditions.some(({ dimension }) => dimension === 'Tags/team')),
    );
  }
  add('several payers', new Set(lines.map(({ dataSourceId }) => payers.get(dataSourceId))).size > 1);

  const types = typesOf(contracts);
  for (const { figures, proforma } of oracle(input, lines)) {
    for (const { excluded, unbilled, unassigned } of figures) {
      add(
        'excluded',
        excluded.some(({ amount }) => !amount.isZero()),
      );
      add('unbilled', !unbilled.isZero());
      add('unassigned', !unassigned.isZero());
    }
    for (const { ruleId, kind, unrounded } of proforma?.lines ?? []) {
      const type = ruleId === null ? undefined : types.get(ruleId);
      add(`printed ${type ?? ''}`, type !== undefined && !unrounded.isZero());
      add('separate line', kind === 'separate' && !unrounded.isZero());
    }
    add(
      'printed item tax',
      (proforma?.taxes ?? []).some(({ amount }) => !amount.isZero()),
    );
    add('pass-through tax', proforma !== null && !proforma.passThroughTax.isZero());
  }
  return kinds;
};

const countsOf = (seeds: readonly number[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const seed of seeds) for (const kind of kindsOf(anyCase(seed))) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

const KINDS = [
  ...Object.keys(FORMULAS),
  'version within the month',
  'window begins',
  'window ends',
  'window is cancelled',
  'auto-renewal',
  'move',
  'credit',
  'source tax',
  'refund',
  'marketplace',
  'tag',
  'several payers',
  'excluded',
  'unbilled',
  'unassigned',
  ...['percentageDiscount', 'percentageCharge', 'unitRate', 'fixedRate'].flatMap((type) => [
    `printed ${type} on LIST`,
    `printed ${type} on UPSTREAM`,
  ]),
  'separate line',
  ...['fixedCharge', 'fixedDiscount', 'percentageCharge', 'percentageDiscount', 'supportBands', 'tax'].map(
    (type) => `printed item ${type}`,
  ),
  'pass-through tax',
];

describe('the random cases', () => {
  it('hold everything that the rules speak of, each in at least five of 300', () => {
    const counts = countsOf(Array.from({ length: CASES }, (_, index) => index + 1));
    expect(KINDS.filter((kind) => (counts[kind] ?? 0) < 5).map((kind) => [kind, counts[kind] ?? 0])).toEqual([]);
  });

  it('are counted by what is in them: a single one does not hold it all', () => {
    const counts = countsOf([1]);
    expect(KINDS.filter((kind) => counts[kind] === undefined).length).toBeGreaterThan(5);
  });
});
