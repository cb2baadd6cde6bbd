import { Decimal } from '#libs/money/decimal';
import { type Currency } from '#libs/money/currency';
import { type BillingRule } from '#libs/published/contract-terms';
import { type TenantId } from '#libs/published/ids';
import { type Day } from '#libs/time/time';
import { entryOf } from './entry-of.ts';
import { type Contracts, type InForce } from './coverage.ts';
import { type LineSignature, Signatures } from './line-signature.ts';
import { type Place, type Share } from './places.ts';
import { type Group, type RatedSource, type RatedTenant, type RatingInput } from './rating-input.ts';
import { isTax, type Pricing, type Rulebook, Rulebooks } from './rulebook.ts';

/** One step of the way from the root down to the tenant whose line it is; null: no contract of that tenant covers the day. */
type Stage = Readonly<{ tenant: RatedTenant; inForce: InForce | null; rulebook: Rulebook | null }>;

/** Where a line goes: whose it is, and which contract versions it meets from the root down. */
type Route = Readonly<{
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
  readonly #contracts: Contracts;
  readonly #signatures: Signatures;
  readonly #rulebooks: Rulebooks;

  constructor(input: RatingInput, contracts: Contracts) {
    this.#tenants = new Map(input.tenants.map((tenant) => [tenant.id, tenant]));
    this.#contracts = contracts;
    this.#signatures = new Signatures(input);
    this.#rulebooks = new Rulebooks(this.#signatures);
  }

  /** Of all lines of one tenant. */
  of({ tenant, places }: Share): readonly Cell[] {
    const ways = new Map<string, Way>();
    for (const place of places) {
      const way = this.#wayOf(ways, tenant, place);
      for (const group of place.groups) {
        const cell = this.#cellOf(way, group);
        cell.lines += group.lines;
        cell.billedCost = cell.billedCost.plus(group.billedCost);
        cell.pricingQuantity = cell.pricingQuantity.plus(group.pricingQuantity);
        if (group.firstDay < cell.firstDay) cell.firstDay = group.firstDay;
        if (group.lastDay > cell.lastDay) cell.lastDay = group.lastDay;
        cell.groups.push(group);
      }
    }
    return [...ways.values()].flatMap(({ byOutcome }) => [...byOutcome.values()]);
  }

  #cellOf(way: Way, group: Group): Growing {
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

  /** Places whose lines meet the same contract versions on the same way are one. */
  #wayOf(ways: Map<string, Way>, { path }: RatedTenant, { source, unassigned, groups }: Place): Way {
    const [first] = groups;
    const stages = path.map((tenantId): Stage => {
      const inForce = first ? this.#contracts.on(tenantId, source.managementAccountId, first.firstDay) : null;
      const rulebook = inForce && this.#rulebooks.of(inForce.version, source.managementAccountId);
      return { tenant: this.#tenant(tenantId), inForce, rulebook };
    });
    const key = JSON.stringify([
      source.id,
      unassigned,
      stages.map(({ inForce }) => [inForce?.contract.id, inForce?.version.version]),
    ]);
    const route = { source, stages, unassigned };
    return entryOf(ways, key, (): Way => ({ route, bySignature: new Map(), byOutcome: new Map() }));
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
