import { Decimal } from '#libs/money/decimal';
import { type Bill } from '#libs/published/invoicing';
import { rate } from '../rating/rate.ts';
import { type Group, type RatingInput } from '../rating/rating-input.ts';
import { cutsOf, dimensionsOf, segmentOf } from '../rating/signature.ts';
import { type Case, type TreeMonth, type Unbranded } from './case.ts';
import { entry, known } from './keyed.ts';
import { valueMatches } from './matching.ts';

/** The one file in which the oracle's cases meet the engine. */

/** The compiler checks everything but the brands: the same text is a day or an id here that the commands would have checked before. */
const ratingInput = ({ dataSources, ...month }: TreeMonth): RatingInput => {
  const unbranded: Unbranded<RatingInput> = {
    ...month,
    dataSources: dataSources.map(({ imported, ...source }) => ({
      ...source,
      slice: imported ? { importId: `import of ${source.id}`, files: [] } : null,
    })),
  };
  return unbranded as RatingInput;
};

type Signature = Omit<Group, 'lines' | 'billedCost' | 'pricingQuantity' | 'firstDay' | 'lastDay'>;

/** The usage as the engine takes it: every line a group of its own, or lines of the same signature merged. */
const groupsOf = (input: RatingInput, { lines }: Case, merged: boolean): readonly Group[] => {
  const cuts = cutsOf(input);
  const { values, truths } = dimensionsOf(input);
  const sources = new Map<string, RatingInput['dataSources'][number]>(input.dataSources.map((source) => [source.id, source]));
  const groups = new Map<string, Group[]>();
  for (const [index, line] of lines.entries()) {
    const source = known(sources, line.dataSourceId);
    const textOf = (dimension: string): string => line.columns[dimension] ?? '';
    const billedCost = Decimal.of(line.billedCost);
    const pricingQuantity = Decimal.of(line.pricingQuantity ?? '0');
    const day = line.day as Group['firstDay'];
    const signature: Signature = {
      dataSourceId: source.id,
      accountId: (line.subAccountId ?? source.managementAccountId) as Group['accountId'],
      segment: segmentOf(cuts, day),
      currency: line.currency as Group['currency'],
      serviceName: line.serviceName,
      chargeCategory: line.chargeCategory,
      marketplace: line.marketplace,
      values: Object.fromEntries(values.map((dimension) => [dimension, textOf(dimension)])),
      truths: Object.fromEntries(
        truths.map(({ key, dimension, values: asked }) => [key, asked.some((value) => valueMatches(value, textOf(dimension)))]),
      ),
      unitRateApplies: line.pricingQuantity !== null && pricingQuantity.sign() * billedCost.sign() >= 0,
    };
    const one = { ...signature, lines: 1, billedCost, pricingQuantity, firstDay: day, lastDay: day };
    entry(groups, merged ? JSON.stringify(signature) : String(index), () => []).push(one);
  }
  return [...groups.values()].flatMap(([first, ...more]) => (first ? [more.reduce(mergedGroup, first)] : []));
};

const mergedGroup = (one: Group, other: Group): Group => ({
  ...one,
  lines: one.lines + other.lines,
  billedCost: one.billedCost.plus(other.billedCost),
  pricingQuantity: one.pricingQuantity.plus(other.pricingQuantity),
  firstDay: one.firstDay < other.firstDay ? one.firstDay : other.firstDay,
  lastDay: one.lastDay > other.lastDay ? one.lastDay : other.lastDay,
});

/** The case under other ids of tenants, data sources and contracts: what makes it a tree of its own beside others. */
const apart = ({ input, lines }: Case, prefix: string): Case => {
  const own = (id: string): string => `${prefix}${id}`;
  const ofSource = <Part extends Readonly<{ dataSourceId: string }>>(part: Part): Part => ({
    ...part,
    dataSourceId: own(part.dataSourceId),
  });
  const held = <Part extends Readonly<{ dataSourceId: string; tenantId: string }>>(part: Part): Part => ({
    ...ofSource(part),
    tenantId: own(part.tenantId),
  });
  return {
    input: {
      ...input,
      tenants: input.tenants.map((one) => ({ ...one, id: own(one.id), path: one.path.map(own) })),
      dataSources: input.dataSources.map((one) => ({ ...one, id: own(one.id), ownerId: own(one.ownerId) })),
      links: input.links.map(held),
      autoAssignments: input.autoAssignments.map(held),
      contracts: input.contracts.map((one) => ({ ...one, id: own(one.id), tenantId: own(one.tenantId) })),
    },
    lines: lines.map(ofSource),
  };
};

/**
 * What the engine makes of cases of the same month and mode that it rates in ONE run, as trees beside each other: the groups are cut
 * and told apart by what the rules of all of them ask. By case; the ids of case n begin with `prefixOf(n)`.
 */
export const engineBeside = (cases: readonly Case[]): readonly (readonly Bill[])[] => {
  const trees = cases.map((one, index) => apart(one, prefixOf(index)));
  const [first] = trees;
  if (!first) return [];
  const input: TreeMonth = {
    month: first.input.month,
    mode: first.input.mode,
    tenants: trees.flatMap((tree) => tree.input.tenants),
    dataSources: trees.flatMap((tree) => tree.input.dataSources),
    links: trees.flatMap((tree) => tree.input.links),
    autoAssignments: trees.flatMap((tree) => tree.input.autoAssignments),
    contracts: trees.flatMap((tree) => tree.input.contracts),
  };
  const bills = engine({ input, lines: trees.flatMap(({ lines }) => lines) }, true);
  return trees.map(({ input: { tenants } }) => {
    const own = new Set(tenants.map(({ id }) => id));
    return bills.filter(({ tenantId }) => own.has(tenantId));
  });
};

export const prefixOf = (index: number): string => `tree-${String(index)}~`;

/** What the engine makes of a case. */
export const engine = (one: Case, merged: boolean): readonly Bill[] => {
  const input = ratingInput(one.input);
  return rate(input, groupsOf(input, one, merged)).bills;
};
