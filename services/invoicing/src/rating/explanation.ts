import { type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type PriceBook, type PriceRule } from '#libs/published/contract-terms';
import { type ContractId, type ManagementAccountId, type RuleId, type TenantId } from '#libs/published/ids';
import { type Cell, chargesOf } from './cells.ts';
import { type AccountBase, type ItemLine } from './custom-line-items.ts';
import { type Document, type TaxEntry } from './document.ts';
import { type Post } from './ledger.ts';
import { type Group } from './rating-input.ts';
import { type RatedMonth, type Rating, type TenantRating } from './rate.ts';

/** Which version of whose contract a step follows. */
type Ruled = Readonly<{ tenantId: TenantId; contractId: ContractId; version: number }>;

/**
 * One tier's step. What basis `UPSTREAM` starts from, and by how much it changes it, only the contract's author and those above may
 * see: `before` and `pricing` are null for others.
 */
type PriceStep = Ruled &
  Readonly<{
    step: 'price';
    basis: PriceBook['basis'];
    /** Null: no rule matched, the line keeps its amount. */
    rule: Readonly<{ id: RuleId; name: string; pricing: PriceRule['pricing'] | null }> | null;
    before: string | null;
    after: string;
  }>;

/** A tier without a contract for these lines: it is billed nothing for them, and those below are rated all the same. */
type UnbilledStep = Readonly<{ step: 'unbilled'; tenantId: TenantId }>;

/** Source lines that met the same rules on every tier that the viewer sees, and the amounts along the way. */
type ExplainedPath = Readonly<{
  lines: number;
  /** The amount that the viewer's tier started from: what was not removed above it. Null where `UPSTREAM` hides it. */
  start: string | null;
  steps: readonly (PriceStep | UnbilledStep)[];
  /** What of the printed line these lines make, unrounded. */
  amount: string;
}>;

/** Lines of the same service that a rule removed before any price. */
type RemovedLines = Ruled &
  Readonly<{
    rule: Readonly<{ id: RuleId; name: string }>;
    serviceName: string;
    chargeCategory: string;
    lines: number;
    amount: string;
  }>;

/** A base of a custom line item: one management account's lines after the price book, its fixed rates included. */
type ExplainedBase = Readonly<{
  managementAccountId: ManagementAccountId;
  lines: number;
  amount: string;
  fixedRates: string;
}>;

type ExplainedItem = Ruled &
  Readonly<{
    itemId: RuleId;
    name: string;
    customerId: TenantId;
    how:
      | Readonly<{ of: 'fixed'; amount: string; prorated: Readonly<{ coveredDays: number; days: number }> | null }>
      | Readonly<{ of: 'percentage'; percentage: string; bases: readonly ExplainedBase[] }>
      | Readonly<{
          of: 'bands';
          bases: readonly ExplainedBase[];
          bands: readonly Readonly<{ percentage: string; part: string; amount: string }>[];
          minimumApplied: string | null;
        }>
      | Readonly<{ of: 'fixedRate'; amount: string; lines: number; lastDay: string }>
      | Readonly<{ of: 'tax'; percentage: string; net: string }>;
  }>;

/** How a line of a document came about, as far as the viewer's tier may see. Amounts are exact decimal text. */
export type Explanation = Readonly<{
  tenantId: TenantId;
  lineId: string;
  text: string;
  currency: Currency;
  /** As printed: `unrounded` rounded once. */
  amount: string;
  unrounded: string;
  paths: readonly ExplainedPath[];
  /** In the order in which the tiers' rules act. */
  removed: readonly RemovedLines[];
  item: ExplainedItem | null;
  /** Behind the line: source lines are those of these groups. */
  groups: readonly Group[];
  /** The source lines' own amounts would show what `UPSTREAM` hides. */
  sourceAmountsHidden: boolean;
}>;

/**
 * Explains a line (or tax line) of a tenant's document by reading what the rating itself went through. `viewerPath`: from the root to
 * the tenant as whose user somebody looks; tiers above it stay invisible. Undefined: the viewer stands nowhere on the way to the
 * tenant, or the document has no such line.
 */
export const explain = (
  { rating }: RatedMonth,
  tenantId: TenantId,
  lineId: string,
  viewerPath: readonly TenantId[],
): Explanation | undefined => {
  const rated = rating.tenants.find(({ tenant }) => tenant.id === tenantId);
  const viewerId = viewerPath.at(-1);
  const viewer = viewerId === undefined ? -1 : (rated?.tenant.path.indexOf(viewerId) ?? -1);
  if (!rated?.document || viewer < 0) return undefined;
  const scene: Scene = { rating, rated, at: rated.tenant.path.length - 1, viewer };
  const entry = rated.document.entries.find(({ id }) => id === lineId);
  if (entry) return explainEntry(scene, entry);
  const tax = rated.document.taxes.find(({ line }) => line.id === lineId);
  return tax && explainTax(scene, rated.document, tax);
};

/** `at`: the tenant's place on its path; `viewer`: the viewer's. */
type Scene = Readonly<{ rating: Rating; rated: TenantRating; at: number; viewer: number }>;
type PrintedEntry = Document['entries'][number];

const explainEntry = (scene: Scene, entry: PrintedEntry): Explanation => {
  const { derivation, kind, contract, serviceName } = entry;
  const posts = postsBehind(entry);
  const hidden = posts.some(({ cell }) => hidesUpstream(scene, cell));
  const isUsage = kind === 'usage' || kind === 'separate';
  return {
    ...shown(scene, entry.id, entry.text, entry.currency, entry.rounded, entry.unrounded),
    paths: isUsage || derivation.of === 'fixedRate' ? pathsOf(scene, posts, kind) : [],
    removed: isUsage ? removedBefore(scene, contract.id, entry.customer.id, serviceName ?? '') : [],
    item: itemOf(entry),
    groups: [...new Set(posts.map(({ cell }) => cell))].flatMap(({ groups }) => groups),
    sourceAmountsHidden: hidden,
  };
};

const shown = (
  { rated }: Scene,
  lineId: string,
  text: string,
  currency: Currency,
  amount: Decimal,
  unrounded: Decimal,
): Pick<Explanation, 'tenantId' | 'lineId' | 'text' | 'currency' | 'amount' | 'unrounded'> => ({
  tenantId: rated.tenant.id,
  lineId,
  text,
  currency,
  amount: amount.toString(),
  unrounded: unrounded.toString(),
});

const postsBehind = ({ derivation }: PrintedEntry): readonly Post[] => {
  switch (derivation.of) {
    case 'lines':
      return derivation.posts;
    case 'fixedRate':
      return derivation.fixedRate.posts;
    case 'item': {
      const { derivation: how } = derivation.item;
      return how.of === 'fixed' ? [] : how.bases.flatMap(({ posts }) => posts);
    }
  }
};

/** The viewer is below the author of its own price book: what the book starts from is the price of the tier above. */
const hidesUpstream = ({ viewer }: Scene, { route }: Cell): boolean =>
  viewer > 0 && route.stages[viewer]?.rulebook?.basis === 'UPSTREAM';

/** Posts whose visible steps name the same rules are one path: what only tiers above the viewer tell apart stays together. */
const pathsOf = (scene: Scene, posts: readonly Post[], kind: PrintedEntry['kind']): readonly ExplainedPath[] => {
  const paths = new Map<string, Post[]>();
  for (const post of posts) {
    const key = JSON.stringify(visibleStages(scene).map((at) => ruleKey(post, at)));
    paths.set(key, [...(paths.get(key) ?? []), post]);
  }
  return [...paths].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, same]) => pathOf(scene, same, kind));
};

/** The viewer's own stage and those below it down to the tenant; the root's own stage has no price. */
const visibleStages = ({ viewer, at }: Scene): readonly number[] =>
  Array.from({ length: at + 1 }, (_, index) => index).filter((index) => index >= Math.max(viewer, 1));

const ruleKey = ({ cell }: Post, at: number): readonly unknown[] => {
  const { inForce } = cell.route.stages[at] ?? {};
  return [inForce?.contract.id, inForce?.version.version, cell.pricings[at]?.rule.id];
};

const pathOf = (scene: Scene, posts: readonly Post[], kind: PrintedEntry['kind']): ExplainedPath => {
  const charges = posts.map(({ cell }) => chargesOf(cell));
  const total = (of: 'amount' | 'before', at: number): Decimal =>
    Decimal.sum(
      charges.map((all) => {
        const charge = all[at];
        return charge?.bucket === 'rated' ? charge[of] : Decimal.zero;
      }),
    );
  const [first] = posts;
  const steps = visibleStages(scene).flatMap((at): readonly (PriceStep | UnbilledStep)[] => {
    const stage = first?.cell.route.stages[at];
    const charge = charges[0]?.[at];
    if (!stage) return [];
    const tenantId = stage.tenant.id;
    if (charge?.bucket !== 'rated' || !stage.inForce) return [{ step: 'unbilled', tenantId }];
    const { basis, pricing } = charge;
    const masked = basis === 'UPSTREAM' && at <= scene.viewer;
    const rule = pricing && { id: pricing.rule.id, name: pricing.rule.name, pricing: masked ? null : pricing.rule.pricing };
    const { contract, version } = stage.inForce;
    return [
      {
        step: 'price',
        tenantId,
        contractId: contract.id,
        version: version.version,
        basis,
        rule,
        before: masked ? null : total('before', at).toString(),
        after: total('amount', at).toString(),
      },
    ];
  });
  const made = total('amount', scene.at);
  const before = total('before', scene.at);
  const hasSeparateLine = (first?.charge.pricing?.rule.separateLine ?? null) !== null;
  const amount = kind === 'separate' ? made.minus(before) : kind === 'usage' && hasSeparateLine ? before : made;
  return {
    lines: posts.reduce((lines, { cell }) => lines + cell.lines, 0),
    start: posts.some(({ cell }) => hidesUpstream(scene, cell))
      ? null
      : Decimal.sum(posts.map(({ cell }) => cell.billedCost)).toString(),
    steps,
    amount: (kind === 'fixedRate' ? Decimal.zero : amount).toString(),
  };
};

/** Exclusions by the viewer's tier and those below, of the line's service, contract and customer, whatever their charge category. */
const removedBefore = (
  { rated, at, viewer }: Scene,
  contractId: ContractId,
  customerId: TenantId,
  serviceName: string,
): readonly RemovedLines[] => {
  const found = new Map<string, { order: readonly [number, number, string]; removed: RemovedLines; amount: Decimal }>();
  for (const cell of rated.ledger.cells) {
    const { excluded, route, chargeCategory } = cell;
    if (!excluded || excluded.at > at || excluded.at < viewer || cell.serviceName !== serviceName) continue;
    if (route.stages.at(-1)?.tenant.id !== customerId || route.stages[at]?.inForce?.contract.id !== contractId) continue;
    const stage = route.stages[excluded.at];
    if (!stage?.inForce) continue;
    const { contract, version } = stage.inForce;
    const key = JSON.stringify([contract.id, version.version, excluded.rule.id, chargeCategory]);
    const known = found.get(key);
    const amount = cell.billedCost.plus(known?.amount ?? Decimal.zero);
    const order = [excluded.at, version.terms.billingRules.findIndex(({ id }) => id === excluded.rule.id), key] as const;
    const removed: RemovedLines = {
      tenantId: stage.tenant.id,
      contractId: contract.id,
      version: version.version,
      rule: { id: excluded.rule.id, name: excluded.rule.name },
      serviceName,
      chargeCategory,
      lines: cell.lines + (known?.removed.lines ?? 0),
      amount: amount.toString(),
    };
    found.set(key, { order, removed, amount });
  }
  return [...found.values()]
    .sort(({ order: a }, { order: b }) => a[0] - b[0] || a[1] - b[1] || (a[2] < b[2] ? -1 : 1))
    .map(({ removed }) => removed);
};

const itemOf = ({ derivation, contract, customer }: PrintedEntry): ExplainedItem | null => {
  switch (derivation.of) {
    case 'lines':
      return null;
    case 'fixedRate': {
      const { rule, amount, inForce, lastDay, posts } = derivation.fixedRate;
      return {
        tenantId: contract.tenantId,
        contractId: contract.id,
        version: inForce.version.version,
        itemId: rule.id,
        name: rule.name,
        customerId: customer.id,
        how: {
          of: 'fixedRate',
          amount: amount.toString(),
          lines: posts.reduce((lines, { cell }) => lines + cell.lines, 0),
          lastDay,
        },
      };
    }
    case 'item': {
      const { item, version } = derivation.item;
      return {
        tenantId: contract.tenantId,
        contractId: contract.id,
        version: version.version,
        itemId: item.id,
        name: item.name,
        customerId: customer.id,
        how: howOf(derivation.item),
      };
    }
  }
};

const howOf = ({ item, derivation }: ItemLine): ExplainedItem['how'] => {
  switch (derivation.of) {
    case 'fixed':
      return { of: 'fixed', amount: 'amount' in item ? item.amount : '0', prorated: derivation.prorated };
    case 'percentage':
      return { of: 'percentage', percentage: derivation.percentage, bases: derivation.bases.map(explainedBase) };
    case 'bands':
      return {
        of: 'bands',
        bases: derivation.bases.map(explainedBase),
        bands: derivation.bands.map(({ percentage, part, amount }) => ({
          percentage,
          part: part.toString(),
          amount: amount.toString(),
        })),
        minimumApplied: derivation.minimumApplied,
      };
  }
};

const explainedBase = ({ managementAccountId, lines, amount, fixedRates }: AccountBase): ExplainedBase => ({
  managementAccountId,
  lines,
  amount: amount.toString(),
  fixedRates: fixedRates.toString(),
});

const explainTax = (scene: Scene, { currency }: Document, { item, covered, net, line }: TaxEntry): Explanation => ({
  ...shown(scene, line.id, line.text, currency, Decimal.of(line.amount), Decimal.of(item.percentage).percentOf(net)),
  paths: [],
  removed: [],
  item: {
    tenantId: covered.contract.tenantId,
    contractId: covered.contract.id,
    version: covered.version.version,
    itemId: item.id,
    name: item.name,
    customerId: scene.rated.tenant.id,
    how: { of: 'tax', percentage: item.percentage, net: net.toString() },
  },
  groups: [],
  sourceAmountsHidden: false,
});
