import { type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type Bill, type BillWarning, type Figures, type MarginReason, type UnpricedUsage } from '#libs/published/invoicing';
import { type Month } from '#libs/time/time';
import { type Cell, Cells } from './cells.ts';
import { Contracts, Holders } from './coverage.ts';
import { type ContractMonth, contractMonth, CustomLineItems } from './custom-line-items.ts';
import { type Document, documentOf, entriesOf, type Entry } from './document.ts';
import { entryOf } from './entry-of.ts';
import { currencyLedger, emptyLedger, mergedLedger, post, type TenantLedger } from './ledger.ts';
import { type Share, shareOut } from './places.ts';
import { type Group, type RatedContract, type RatedTenant, type RatingInput } from './rating-input.ts';

/** A tenant's month with everything that its figures are made of. */
export type TenantRating = Readonly<{
  tenant: RatedTenant;
  ledger: TenantLedger;
  /** Ex tax, unrounded; every currency that the tenant is billed in. */
  billed: ReadonlyMap<Currency, Decimal>;
  document: Document | null;
  reason: Bill['reason'];
  contracts: readonly ContractMonth[];
}>;

/** What no contract has a say in: whose the usage is, and who stands above whom. */
type Surroundings = Readonly<{
  holders: Holders;
  /** Parents before their children, siblings by name. */
  tenants: readonly RatedTenant[];
  /** Every tenant with all below it, itself included. */
  members: ReadonlyMap<TenantId, readonly RatedTenant[]>;
  shares: readonly Share[];
  /** Data sources in which the tenant or one below it ever has an account. */
  sourcesHeld: ReadonlyMap<TenantId, ReadonlySet<string>>;
}>;

export type Rating = Readonly<{
  input: RatingInput;
  groups: readonly Group[];
  surroundings: Surroundings;
  contracts: Contracts;
  /** By the tenant whose usage it is: the books of everybody on the way from the root down to it. */
  books: ReadonlyMap<TenantId, readonly TenantLedger[]>;
  /** In the order of the surroundings. */
  tenants: readonly TenantRating[];
}>;

/** What a tenant's part of the tree was delivered: source amounts over the accounts of its subtree, tax included. */
type SourceTotal = Readonly<{ tenantId: TenantId; currency: Currency; amount: string; tax: string }>;

/** A rated month: the bills of all tenants of a tree, parents first, and the source that they must add up to. */
export type RatedMonth = Readonly<{ month: Month; bills: readonly Bill[]; sources: readonly SourceTotal[]; rating: Rating }>;

const MARGIN_REASONS: readonly MarginReason[] = ['unbilled', 'upstream-unbilled', 'unassigned', 'own-use'];

/** Parents before children, siblings by name, then id: an order that no input array decides. */
const fromTheTop = (tenants: readonly RatedTenant[]): readonly RatedTenant[] => {
  const names = new Map(tenants.map(({ id, name }) => [id, name]));
  const sortKey = ({ path }: RatedTenant): string => path.map((id) => `${names.get(id) ?? ''}\u0001${id}`).join('\u0000');
  return tenants
    .map((tenant) => ({ tenant, key: sortKey(tenant) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ tenant }) => tenant);
};

const parentOf = ({ path }: RatedTenant): TenantId | undefined => path.at(-2);

/** Rates a month of one tree: pure, exact, and the same whatever the order of the input's arrays. Yields between its steps. */
const ratingSteps = function* (input: RatingInput, groups: readonly Group[], earlier?: Earlier): Generator<void, Rating> {
  const contracts = new Contracts(input);
  const surroundings = earlier?.rating.surroundings ?? (yield* surroundingsOf(input, groups));
  const { holders, shares, members } = surroundings;
  const byId = new Map(surroundings.tenants.map((tenant) => [tenant.id, tenant]));
  const cells = new Cells(input, contracts);
  const books = new Map(earlier?.rating.books);
  for (const share of shares) {
    const { tenant } = share;
    if (earlier && !earlier.isConcerned(tenant)) continue;
    const own = cells.of(share);
    const ledgers = tenant.path.flatMap((id) => byId.get(id) ?? []).map(emptyLedger);
    for (const cell of own) post(cell, ledgers);
    books.set(tenant.id, ledgers);
    yield;
  }

  const items = new CustomLineItems(input.month, contracts, holders, input.dataSources);
  const hasImport = input.dataSources.some(({ slice }) => slice !== null);
  const ledgerOf = (tenant: RatedTenant): TenantLedger =>
    mergedLedger(
      tenant,
      (members.get(tenant.id) ?? []).flatMap(({ id }) => books.get(id)?.[tenant.path.length - 1] ?? []),
    );
  const tenantRating = (tenant: RatedTenant): TenantRating => {
    const ledger = ledgerOf(tenant);
    if (parentOf(tenant) === undefined || !hasImport) {
      const reason = hasImport ? NO_PARENT : NO_IMPORT;
      const billed = new Map([...ledger.currencies].map(([currency, { billed: own }]) => [currency, own]));
      return { tenant, ledger, billed, document: null, reason, contracts: [] };
    }
    const covered = contracts
      .of(tenant.id)
      .flatMap((contract) => contractMonth(contracts, contract, ledger.contracts.get(contract.id)) ?? []);
    const customers = tenant.tier === 'endCustomer' ? [tenant] : (members.get(tenant.id) ?? []);
    const entries = covered.flatMap((one) => entriesOf(tenant, one, items.of(tenant, one, customers)));
    const reason = whyNoDocument(tenant, ledger, covered, entries);
    const passThroughTax = currencyLedger(ledger, tenant.currency).passThroughTax;
    const document = reason ? null : documentOf(tenant, input.month, covered, entries, passThroughTax);
    return { tenant, ledger, billed: billedOf(ledger, entries), document, reason, contracts: covered };
  };
  const tenants: TenantRating[] = [];
  for (const [index, tenant] of surroundings.tenants.entries()) {
    const before = earlier?.isConcerned(tenant) ? undefined : earlier?.rating.tenants[index];
    tenants.push(before ?? tenantRating(tenant));
    if (!before) yield;
  }
  return { input, groups, surroundings, contracts, books, tenants };
};

const surroundingsOf = function* (input: RatingInput, groups: readonly Group[]): Generator<void, Surroundings> {
  const holders = new Holders(input, groups);
  const tenants = fromTheTop(input.tenants);
  const shares = yield* shareOut({ tenants, dataSources: input.dataSources }, holders, groups);
  const sourcesHeld = new Map(tenants.map(({ id }) => [id, new Set<string>()]));
  for (const { id, path } of tenants)
    for (const source of holders.sourcesOf(id)) for (const above of path) sourcesHeld.get(above)?.add(source);
  return { holders, tenants, members: membersOf(tenants), shares, sourcesHeld };
};

/**
 * An earlier rating of the same usage in the same surroundings, and whom the contracts that are different now concern: the tenants
 * whose contracts they are, those below (whose exclusions and upstream prices they are) and those above (whose margins they make).
 */
type Earlier = Readonly<{ rating: Rating; bills: readonly Bill[]; isConcerned: (tenant: RatedTenant) => boolean }>;

/** Undefined: something else than contracts is different, so nothing of the earlier rating may be kept. */
const comparable = (input: RatingInput, groups: readonly Group[], { rating, bills }: RatedMonth): Earlier | undefined => {
  const before = rating.input;
  const same =
    groups === rating.groups &&
    (['month', 'mode', 'tenants', 'dataSources', 'links', 'autoAssignments'] as const).every(
      (part) => input[part] === before[part],
    );
  if (!same) return undefined;
  const [ours, theirs] = [contractsByTenant(input), contractsByTenant(before)];
  const changed = new Set(
    [...ours.keys(), ...theirs.keys()].filter((id) => {
      const [mine, old] = [ours.get(id) ?? [], theirs.get(id) ?? []];
      return mine.length !== old.length || mine.some((contract, index) => contract !== old[index]);
    }),
  );
  const above = new Set(input.tenants.filter(({ id }) => changed.has(id)).flatMap(({ path }) => path));
  return { rating, bills, isConcerned: ({ id, path }) => above.has(id) || path.some((one) => changed.has(one)) };
};

const contractsByTenant = ({ contracts }: RatingInput): ReadonlyMap<TenantId, readonly RatedContract[]> => {
  const byTenant = new Map<TenantId, RatedContract[]>();
  for (const contract of contracts) entryOf(byTenant, contract.tenantId, () => []).push(contract);
  return byTenant;
};

/** Every tenant with all below it, itself included. */
const membersOf = (tenants: readonly RatedTenant[]): ReadonlyMap<TenantId, readonly RatedTenant[]> => {
  const members = new Map<TenantId, RatedTenant[]>(tenants.map(({ id }) => [id, []]));
  for (const tenant of tenants) for (const id of tenant.path) members.get(id)?.push(tenant);
  return members;
};

const NO_PARENT = { code: 'no-parent', message: 'Nobody bills the root of the tree.' };
const NO_IMPORT = { code: 'no-import', message: 'No usage was imported for this month.' };
const NO_CONTRACT = { code: 'no-contract', message: 'No contract covers a day of this month.' };

const whyNoDocument = (
  tenant: RatedTenant,
  ledger: TenantLedger,
  covered: readonly ContractMonth[],
  entries: readonly Entry[],
): Bill['reason'] => {
  if (covered.length === 0) return NO_CONTRACT;
  const billedIn = [...ledger.currencies].filter(([, { billedLines }]) => billedLines > 0).map(([currency]) => currency);
  const foreign = [...new Set([...billedIn, ...entries.map(({ currency }) => currency)])]
    .filter((currency) => currency !== tenant.currency)
    .sort();
  if (foreign.length === 0) return null;
  const message = `Lines in ${foreign.join(', ')} are billed to a tenant whose currency is ${tenant.currency}, and no exchange rate is given.`;
  return { code: 'foreign-currency', message };
};

const billedOf = (ledger: TenantLedger, entries: readonly Entry[]): ReadonlyMap<Currency, Decimal> => {
  const billed = new Map([...ledger.currencies].map(([currency, books]) => [currency, books.billed]));
  for (const { kind, currency, unrounded } of entries) {
    if (kind === 'usage' || kind === 'separate') continue;
    billed.set(currency, (billed.get(currency) ?? Decimal.zero).plus(unrounded));
  }
  return billed;
};

/**
 * All of 'Rating, exactly' for one tree and month: a pure function of the input and the groups of its usage (`cutsOf`, `dimensionsOf`
 * say how lines are grouped). Amounts come out as exact decimal text. It yields between its steps, so that others may have their turn.
 *
 * `before`: a month rated earlier. Where all but contracts is the very same (the same objects), what they do not concern is taken over
 * from there, bills included; the outcome is the same with or without it.
 */
export const rateSteps = function* (
  input: RatingInput,
  groups: readonly Group[],
  before?: RatedMonth,
): Generator<void, RatedMonth> {
  const earlier = before && comparable(input, groups, before);
  const rating = yield* ratingSteps(input, groups, earlier);
  const resold = resoldOf(rating.tenants);
  const bills: Bill[] = [];
  for (const [index, rated] of rating.tenants.entries()) {
    const kept = earlier?.isConcerned(rated.tenant) ? undefined : earlier?.bills[index];
    bills.push(kept ?? billOf(rating, rated, resold.get(rated.tenant.id) ?? new Map<Currency, Decimal>()));
    if (!kept) yield;
  }
  return {
    month: input.month,
    bills,
    sources: rating.tenants.flatMap(({ tenant, ledger }) =>
      [...ledger.currencies]
        .map(([currency, { source, sourceTax }]) => ({
          tenantId: tenant.id,
          currency,
          amount: source.toString(),
          tax: sourceTax.toString(),
        }))
        .sort((a, b) => (a.currency < b.currency ? -1 : 1)),
    ),
    rating,
  };
};

/** `rateSteps` at one go. */
export const rate = (input: RatingInput, groups: readonly Group[], before?: RatedMonth): RatedMonth => {
  const steps = rateSteps(input, groups, before);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
};

const billOf = (rating: Rating, rated: TenantRating, resold: ReadonlyMap<Currency, Decimal>): Bill => ({
  tenantId: rated.tenant.id,
  path: rated.tenant.path,
  tier: rated.tenant.tier,
  name: rated.tenant.name,
  month: rating.input.month,
  figures: figuresOf(rated, resold),
  proforma: rated.document?.proforma ?? null,
  reason: rated.reason,
  contracts: reflectedContracts(rating, rated),
  imports: importsOf(rating, rated),
  pricedUpstream: isPricedUpstream(rating, rated),
  warnings: warningsOf(rating, rated),
  unassigned: unpricedUsage(unassignedCells(rated), NOBODYS),
  unbilled: unpricedUsage(rated.ledger.unbilled, NOT_COVERED),
});

/** What each parent's direct children are billed. */
const resoldOf = (tenants: readonly TenantRating[]): ReadonlyMap<TenantId, ReadonlyMap<Currency, Decimal>> => {
  const resold = new Map<TenantId, Map<Currency, Decimal>>();
  for (const { tenant, billed } of tenants) {
    const parentId = parentOf(tenant);
    if (parentId === undefined) continue;
    const sums = resold.get(parentId) ?? new Map<Currency, Decimal>();
    for (const [currency, amount] of billed) sums.set(currency, (sums.get(currency) ?? Decimal.zero).plus(amount));
    resold.set(parentId, sums);
  }
  return resold;
};

const figuresOf = ({ tenant, ledger, billed }: TenantRating, resold: ReadonlyMap<Currency, Decimal>): readonly Figures[] => {
  const resells = tenant.tier !== 'endCustomer';
  const currencies = [...new Set([...ledger.currencies.keys(), ...billed.keys(), ...resold.keys()])].sort();
  return currencies.map((currency) => {
    const books = currencyLedger(ledger, currency);
    const bought = billed.get(currency) ?? Decimal.zero;
    const sold = resold.get(currency) ?? Decimal.zero;
    return {
      currency,
      billed: bought.toString(),
      resold: resells ? sold.toString() : null,
      margin: resells ? sold.minus(bought).toString() : null,
      rated: books.rated.toString(),
      excluded: tenant.path.flatMap((by) => {
        const amount = books.excluded.get(by);
        return amount ? { by, amount: amount.toString() } : [];
      }),
      unbilled: books.unbilled.toString(),
      unassigned: books.unassigned.toString(),
      marginParts: MARGIN_REASONS.flatMap((reason) => {
        const part = books.marginParts.get(reason);
        return part ? { reason, amount: part.amount.toString(), sourceAmount: part.sourceAmount.toString() } : [];
      }),
    };
  });
};

/** Versions in force on a covered day of the month along the tenant's path, and those that its stray lines met. */
const reflectedContracts = ({ contracts }: Rating, { tenant, ledger }: TenantRating): Bill['contracts'] => {
  const found = new Map<ContractId, Readonly<{ contract: RatedContract; versions: Set<number> }>>();
  const add = (contract: RatedContract, version: number): void => {
    const known = found.get(contract.id) ?? { contract, versions: new Set<number>() };
    known.versions.add(version);
    found.set(contract.id, known);
  };
  for (const tenantId of tenant.path)
    for (const contract of contracts.of(tenantId))
      for (const { version } of contracts.versionsInMonth(contract)) add(contract, version);
  for (const { stages } of routesOf(ledger.cells))
    for (const { inForce } of stages.slice(0, tenant.path.length)) if (inForce) add(inForce.contract, inForce.version.version);
  return tenant.path.flatMap((tenantId) =>
    [...found.values()]
      .filter(({ contract }) => contract.tenantId === tenantId)
      .sort((a, b) => (a.contract.id < b.contract.id ? -1 : 1))
      .flatMap(({ contract, versions }) =>
        [...versions].sort((a, b) => a - b).map((version) => ({ tenantId, contractId: contract.id, version })),
      ),
  );
};

const isPricedUpstream = ({ contracts }: Rating, { contracts: covered }: TenantRating): boolean =>
  covered
    .flatMap(({ contract, version }) => [version, ...contracts.versionsInMonth(contract)])
    .some(({ terms }) => terms.priceBooks.some(({ basis }) => basis === 'UPSTREAM'));

const routesOf = (cells: readonly Cell[]): ReadonlySet<Cell['route']> => new Set(cells.map(({ route }) => route));

/** Imports whose lines pass a tenant, or that hold an account of its subtree. */
const importsOf = ({ input, surroundings }: Rating, { tenant, ledger }: TenantRating): Bill['imports'] => {
  const held = surroundings.sourcesHeld.get(tenant.id);
  const passing = new Set([...routesOf(ledger.cells)].map(({ source }) => source.id));
  return input.dataSources
    .flatMap(({ id, slice }) =>
      slice && (passing.has(id) || held?.has(id)) ? [{ dataSourceId: id, importId: slice.importId }] : [],
    )
    .sort((a, b) => (a.dataSourceId < b.dataSourceId ? -1 : 1));
};

const NOBODYS = { code: 'not-linked', message: 'The account is linked to nobody on these days.' };
const NOT_COVERED = { code: 'no-contract', message: 'No contract covers these days.' };

/** Lines of nobody's accounts in the tenant's own data sources. */
const unassignedCells = ({ tenant, ledger }: TenantRating): readonly Cell[] =>
  ledger.cells.filter(({ route }) => route.unassigned && route.source.ownerId === tenant.id);

const unpricedUsage = (cells: readonly Cell[], reason: UnpricedUsage['reason']): readonly UnpricedUsage[] => {
  const found = new Map<string, { usage: UnpricedUsage; amount: Decimal }>();
  for (const { route, groups } of cells) {
    for (const { dataSourceId, accountId, currency, billedCost, lines, firstDay, lastDay } of groups) {
      const key = [route.source.managementAccountId, accountId, currency, dataSourceId].join('\u0000');
      const known = found.get(key);
      const amount = known ? known.amount.plus(billedCost) : billedCost;
      const usage: UnpricedUsage = {
        dataSourceId,
        managementAccountId: route.source.managementAccountId,
        accountId,
        currency,
        amount: amount.toString(),
        lines: lines + (known?.usage.lines ?? 0),
        firstDay: known && known.usage.firstDay < firstDay ? known.usage.firstDay : firstDay,
        lastDay: known && known.usage.lastDay > lastDay ? known.usage.lastDay : lastDay,
        reason,
      };
      found.set(key, { usage, amount });
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { usage }]) => usage);
};

const warningsOf = ({ input, contracts }: Rating, rated: TenantRating): readonly BillWarning[] => {
  const { tenant, ledger } = rated;
  const several = sharingAMonth(contracts, tenant.id, input);
  const names = several.map(({ versions }) => `"${versions.at(-1)?.terms.name ?? ''}"`).join(' and ');
  const unbilled = [...ledger.currencies].filter(([, books]) => !books.unbilled.isZero()).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...(several.length > 0
      ? [
          {
            code: 'several-contracts',
            message: `The contracts ${names} cover parts of this month: the custom line items of each apply in full.`,
            by: tenant.id,
          },
        ]
      : []),
    ...unbilled.map(([currency, books]) => ({
      code: 'unbilled',
      message: `Usage of ${books.unbilled.toString()} ${currency} is not billed: no contract covers its days.`,
      by: null,
    })),
    ...(unassignedCells(rated).length > 0
      ? [{ code: 'unassigned', message: 'There is usage of accounts that are linked to nobody.', by: null }]
      : []),
  ];
};

/** The tenant's contracts that cover, one after the other, days of one management account in the month. */
const sharingAMonth = (contracts: Contracts, tenantId: TenantId, { dataSources }: RatingInput): readonly RatedContract[] => {
  const all = contracts.of(tenantId);
  if (all.length < 2) return [];
  const shared = (one: RatedContract, other: RatedContract): boolean =>
    dataSources.some(
      ({ managementAccountId }) =>
        contracts.inMonth(one, managementAccountId) !== undefined && contracts.inMonth(other, managementAccountId) !== undefined,
    );
  return all.filter((one) => all.some((other) => other !== one && shared(one, other)));
};
