import { type Condition, type Scope } from '#libs/published/contract-terms';
import { conditionKey } from '#libs/rules/condition';
import { addDays, type Day, firstDay, nextMonth } from '#libs/time/time';
import { type RatedContract, type RatedVersion, type RatingInput } from './rating-input.ts';

/** A condition without its letter: the same question, wherever it is asked, has the same key. */
export type Question = Readonly<{ key: string }> & Pick<Condition, 'dimension' | 'values'>;

/**
 * Ascending: every day on which a link, an automatic assignment, a contract or a version begins or is over, and the first days of the
 * month and of the next. So all days between two neighbours are rated alike, and lie inside the month or outside it. Days far from
 * the month count too: a line's day is not clamped to its month.
 */
export const cutsOf = (input: RatingInput): readonly Day[] => {
  const days = new Set<Day>([firstDay(input.month), firstDay(nextMonth(input.month))]);
  const add = (cut: Day | null): void => {
    if (cut !== null) days.add(cut);
  };
  for (const { from, to } of [...input.links, ...input.autoAssignments]) {
    add(from);
    add(to);
  }
  for (const { versions, endedOn } of input.contracts) {
    add(endedOn);
    const terms = versions.at(-1)?.terms;
    add(terms?.start ?? null);
    add(terms?.end ? addDays(terms.end, 1) : null);
    if (input.mode === 'as-of') for (const { effectiveFrom } of versions) add(effectiveFrom);
  }
  return [...days].sort();
};

/** How many of the (ascending) cuts are ≤ the day. */
export const segmentOf = (cuts: readonly Day[], day: Day): number => {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cuts[middle] ?? day) <= day) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Columns that every group carries anyway, whatever the conditions ask. */
const CARRIED = new Set([
  'BillingAccountId',
  'BillingCurrency',
  'ChargeCategory',
  'ServiceName',
  'SubAccountId',
  'x_Marketplace',
]);

/**
 * Columns with few distinct texts in a month. Every other one (resource ids, descriptions, invoice ids, SKUs, all tags: a `Name` tag is
 * as distinct as the resources are) enters as the truth of each condition on it, so that no condition can blow up the groups.
 */
const FEW_TEXTS = new Set([
  'AvailabilityZone',
  'BillingAccountName',
  'BillingAccountType',
  'CapacityReservationStatus',
  'ChargeClass',
  'ChargeFrequency',
  'CommitmentDiscountCategory',
  'CommitmentDiscountStatus',
  'CommitmentDiscountType',
  'CommitmentDiscountUnit',
  'ConsumedUnit',
  'InvoiceIssuerName',
  'PricingCategory',
  'PricingCurrency',
  'PricingUnit',
  'ProviderName',
  'PublisherName',
  'RegionId',
  'RegionName',
  'ResourceType',
  'ServiceCategory',
  'ServiceSubcategory',
  'SubAccountName',
  'SubAccountType',
  'x_LineItemType',
  'x_Operation',
  'x_UsageType',
]);

/** Versions that can be in force on a day, in this mode. */
const versionsIn = ({ versions }: RatedContract, mode: RatingInput['mode']): readonly RatedVersion[] =>
  mode === 'current' ? versions.slice(-1) : versions;

const scopesOf = ({ terms: { billingRules, priceBooks } }: RatedVersion): readonly Scope[] => [
  ...billingRules.map(({ scope }) => scope),
  ...priceBooks.flatMap(({ rules }) => rules.map(({ scope }) => scope)),
];

/**
 * What the conditions of the tree's contracts ask of a line, in an order that does not depend on the order of the contracts: `values`,
 * dimensions whose text keeps groups apart, and `truths`, conditions whose truth does.
 */
export const dimensionsOf = (input: RatingInput): Readonly<{ values: readonly string[]; truths: readonly Question[] }> => {
  const values = new Set<string>();
  const truths = new Map<string, Question>();
  for (const contract of input.contracts) {
    for (const { conditions } of versionsIn(contract, input.mode).flatMap(scopesOf)) {
      for (const { dimension, values: asked } of conditions) {
        if (CARRIED.has(dimension)) continue;
        if (FEW_TEXTS.has(dimension)) values.add(dimension);
        else {
          const key = conditionKey({ dimension, values: asked });
          truths.set(key, { key, dimension, values: asked });
        }
      }
    }
  }
  return {
    values: [...values].sort(),
    truths: [...truths.values()].sort((a, b) => (a.key < b.key ? -1 : 1)),
  };
};
