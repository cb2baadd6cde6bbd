import { type Condition, type Scope } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { askedValues, conditionKey } from '#libs/rules/condition';
import { addDays, type Day, firstDay, nextMonth } from '#libs/time/time';
import { type Group, type RatedContract, type RatedVersion, type RatingInput } from './rating-input.ts';

/** A condition without its letter: the same question, wherever it is asked, has the same key. */
export type Question = Readonly<{ key: string }> & Pick<Condition, 'dimension' | 'values'>;

const questionOf = (condition: Condition): Question => ({
  key: conditionKey(condition),
  dimension: condition.dimension,
  values: askedValues(condition),
});

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

/** Columns that every group carries anyway, whatever the conditions ask, and where. */
export const CARRIED: ReadonlyMap<string, (group: Group, managementAccountId: ManagementAccountId) => string> = new Map([
  ['BillingAccountId', (_group: Group, managementAccountId: ManagementAccountId): string => managementAccountId],
  ['BillingCurrency', ({ currency }: Group): string => currency],
  ['ChargeCategory', ({ chargeCategory }: Group): string => chargeCategory],
  ['ServiceName', ({ serviceName }: Group): string => serviceName],
  ['SubAccountId', ({ accountId }: Group): string => accountId],
  ['x_Marketplace', ({ marketplace }: Group): string => String(marketplace)],
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

/** Every condition that a contract of the tree may ask. */
export const conditionsIn = ({ contracts, mode }: RatingInput): readonly Condition[] =>
  contracts.flatMap((contract) => versionsIn(contract, mode).flatMap(scopesOf)).flatMap(({ conditions }) => conditions);

/**
 * What the conditions of the tree's contracts ask of a line, in an order that does not depend on the order of the contracts: `values`,
 * dimensions whose text keeps groups apart, and `truths`, conditions whose truth does.
 */
export const dimensionsOf = (input: RatingInput): Readonly<{ values: readonly string[]; truths: readonly Question[] }> => {
  const asked = conditionsIn(input).filter(({ dimension }) => !CARRIED.has(dimension));
  const values = new Set(asked.map(({ dimension }) => dimension).filter((dimension) => FEW_TEXTS.has(dimension)));
  const truths = new Map(
    asked
      .filter(({ dimension }) => !FEW_TEXTS.has(dimension))
      .map(questionOf)
      .map((question) => [question.key, question]),
  );
  return { values: [...values].sort(), truths: [...truths.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) };
};
