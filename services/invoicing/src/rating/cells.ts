import { Decimal } from '#libs/money/decimal';
import { type Currency } from '#libs/money/currency';
import { type BillingRule } from '#libs/published/contract-terms';
import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type Day } from '#libs/time/time';
import { entryOf } from './entry-of.ts';
import { type Contracts, type Holders, type InForce } from './coverage.ts';
import { type LineSignature, Signatures } from './line-signature.ts';
import { type Group, type RatedSource, type RatedTenant, type RatingInput } from './rating-input.ts';
import { isTax, type Pricing, type Rulebook, Rulebooks } from './rulebook.ts';

/** One step of the way from the root down to the tenant whose line it is; null: no contract of that tenant covers the day. */
type Stage = Readonly<{ tenant: RatedTenant; inForce: InForce | null; rulebook: Rulebook | null }>;

/** Where a line goes: whose it is, and which contract versions it meets from the root down. */
export type Route = Readonly<{
  source: RatedSource;
  /** The root first; the last is the tenant to which the account is linked or, unassigned, the source's owner. */
  stages: readonly Stage[];
  unassigned: boolean;
}>;

/** What the rules along a route make of a line. `at`: the stage whose rule removes it. */
type Outcome = Readonly<{
  excluded: Readonly<{ at: number; rule: BillingRule }> | null;
  /** By stage; the root has none. */
  pricings: readonly (Pricing | null)[];
}>;

/** Lines that go the same way and meet the same rule at every stage, summed: whatever is said of them holds for each. */
export type Cell = Outcome &
  Readonly<{
    route: Route;
    currency: Currency;
    serviceName: string;
    chargeCategory: string;
    marketplace: boolean;
    lines: number;
    billedCost: Decimal;
    pricingQuantity: Decimal;
    firstDay: Day;
    lastDay: Day;
    groups: readonly Group[];
  }>;

type Growing = { -readonly [Key in keyof Cell]: Key extends 'groups' ? Group[] : Cell[Key] };

const outcomeOf = ({ stages }: Route, signature: LineSignature): Outcome => {
  let excluded: Outcome['excluded'] = null;
  for (const [at, { rulebook }] of stages.entries()) {
    const rule = rulebook?.excludedBy(signature);
    if (!rule) continue;
    excluded = { at, rule };
    break;
  }
  return { excluded, pricings: stages.map(({ rulebook }, at) => (at === 0 ? null : (rulebook?.pricing(signature) ?? null))) };
};

type Way = Readonly<{ route: Route; bySignature: Map<number, Growing>; byOutcome: Map<string, Growing> }>;

/** Sums groups into cells. The order of the groups decides nothing but the order of the cells. */
export class Cells {
  readonly #tenants: ReadonlyMap<TenantId, RatedTenant>;
  readonly #sources: ReadonlyMap<string, RatedSource>;
  readonly #contracts: Contracts;
  readonly #holders: Holders;
  readonly #signatures: Signatures;
  readonly #rulebooks: Rulebooks;
  readonly #ways = new Map<string, Way>();
  /** By data source, account and segment. */
  readonly #places = new Map<DataSourceId, Map<LinkedAccountId, Map<number, Way>>>();

  constructor(input: RatingInput, contracts: Contracts, holders: Holders) {
    this.#tenants = new Map(input.tenants.map((tenant) => [tenant.id, tenant]));
    this.#sources = new Map(input.dataSources.map((source) => [source.id, source]));
    this.#contracts = contracts;
    this.#holders = holders;
    this.#signatures = new Signatures(input);
    this.#rulebooks = new Rulebooks(this.#signatures);
  }

  of(groups: readonly Group[]): readonly Cell[] {
    for (const group of groups) {
      const cell = this.#cellOf(group);
      cell.lines += group.lines;
      cell.billedCost = cell.billedCost.plus(group.billedCost);
      cell.pricingQuantity = cell.pricingQuantity.plus(group.pricingQuantity);
      if (group.firstDay < cell.firstDay) cell.firstDay = group.firstDay;
      if (group.lastDay > cell.lastDay) cell.lastDay = group.lastDay;
      cell.groups.push(group);
    }
    return [...this.#ways.values()].flatMap(({ byOutcome }) => [...byOutcome.values()]);
  }

  #cellOf(group: Group): Growing {
    const way = this.#wayOf(group);
    const signature = this.#signatures.of(group, way.route.source.managementAccountId);
    const known = way.bySignature.get(signature.id);
    if (known) return known;
    const outcome = outcomeOf(way.route, signature);
    const { serviceName, chargeCategory, marketplace, currency, firstDay, lastDay } = group;
    const key = JSON.stringify([
      serviceName,
      chargeCategory,
      marketplace,
      currency,
      outcome.excluded && [outcome.excluded.at, outcome.excluded.rule.id],
      outcome.pricings.map((pricing) => pricing?.rule.id),
    ]);
    const cell: Growing = way.byOutcome.get(key) ?? {
      ...outcome,
      route: way.route,
      currency,
      serviceName,
      chargeCategory,
      marketplace,
      lines: 0,
      billedCost: Decimal.zero,
      pricingQuantity: Decimal.zero,
      firstDay,
      lastDay,
      groups: [],
    };
    way.byOutcome.set(key, cell);
    way.bySignature.set(signature.id, cell);
    return cell;
  }

  /** All days of a segment are alike: the first line's day stands for them. */
  #wayOf(group: Group): Way {
    const accounts = entryOf(this.#places, group.dataSourceId, () => new Map<LinkedAccountId, Map<number, Way>>());
    const segments = entryOf(accounts, group.accountId, () => new Map<number, Way>());
    return entryOf(segments, group.segment, () => this.#newWayOf(group));
  }

  #newWayOf(group: Group): Way {
    const route = this.#routeOf(group);
    const key = JSON.stringify([
      route.source.id,
      route.unassigned,
      route.stages.map(({ tenant, inForce }) => [tenant.id, inForce?.contract.id, inForce?.version.version]),
    ]);
    return entryOf(this.#ways, key, (): Way => ({ route, bySignature: new Map(), byOutcome: new Map() }));
  }

  #routeOf(group: Group): Route {
    const source = this.#sources.get(group.dataSourceId);
    if (!source) throw new Error(`the rating input does not list the data source ${group.dataSourceId}`);
    const { managementAccountId } = source;
    const holder = this.#holders.on(group, group.firstDay);
    const stages = this.#tenant(holder ?? source.ownerId).path.map((tenantId): Stage => {
      const inForce = this.#contracts.on(tenantId, managementAccountId, group.firstDay);
      const rulebook = inForce && this.#rulebooks.of(inForce.version, managementAccountId);
      return { tenant: this.#tenant(tenantId), inForce, rulebook };
    });
    return { source, stages, unassigned: holder === null };
  }

  #tenant(id: TenantId): RatedTenant {
    const tenant = this.#tenants.get(id);
    if (!tenant) throw new Error(`the rating input does not list the tenant ${id}`);
    return tenant;
  }
}

/** What one stage is billed for a cell. */
export type Charge =
  | Readonly<{ bucket: 'rated'; amount: Decimal; before: Decimal; pricing: Pricing | null; basis: 'LIST' | 'UPSTREAM' }>
  | Readonly<{ bucket: 'excluded' }>
  | Readonly<{ bucket: 'unbilled' }>;

const EXCLUDED: Charge = { bucket: 'excluded' };
const UNBILLED: Charge = { bucket: 'unbilled' };

/** The charge of every stage, from the root down, in exact decimals. */
export const chargesOf = (cell: Cell): readonly Charge[] => {
  const { route, excluded, billedCost, pricingQuantity } = cell;
  const { stages, unassigned } = route;
  // An unassigned line that its source's owner has no contract for is billed to nobody below the root.
  const billedBelowRoot = !(unassigned && stages.at(-1)?.inForce === null);
  let upstream = billedCost;
  return stages.map(({ rulebook }, at): Charge => {
    // Nobody who bills the root could exclude anything: its own rules act on those below it.
    if (at === 0) return { bucket: 'rated', amount: billedCost, before: billedCost, pricing: null, basis: 'LIST' };
    if (excluded && at >= excluded.at) return EXCLUDED;
    if (!rulebook || !billedBelowRoot) return UNBILLED;
    if (isTax(cell.chargeCategory))
      return { bucket: 'rated', amount: billedCost, before: billedCost, pricing: null, basis: 'LIST' };
    const { basis } = rulebook;
    const before = basis === 'UPSTREAM' ? upstream : billedCost;
    const pricing = cell.pricings[at] ?? null;
    const amount = pricing ? pricing.amount(before, pricingQuantity) : before;
    upstream = amount;
    return { bucket: 'rated', amount, before, pricing, basis };
  });
};
