import { type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type Bill, type BillWarning, type Figures, type MarginReason, type UnpricedUsage } from '#libs/published/invoicing';
import { type Month } from '#libs/time/time';
import { type Cell, Cells } from './cells.ts';
import { Contracts, Holders } from './coverage.ts';
import { type ContractMonth, contractMonth, CustomLineItems } from './custom-line-items.ts';
import { type Document, documentOf, entriesOf, type Entry } from './document.ts';
import { currencyLedger, emptyLedger, post, type TenantLedger } from './ledger.ts';
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

export type Rating = Readonly<{
  input: RatingInput;
  contracts: Contracts;
  holders: Holders;
  /** Parents before their children, siblings by name. */
  tenants: readonly TenantRating[];
}>;

/** What a tenant's part of the tree was delivered: source amounts over the accounts of its subtree, tax included. */
type SourceTotal = Readonly<{ tenantId: TenantId; currency: Currency; amount: string; tax: string }>;

/** A rated month: the bills of all tenants of a tree, parents first, and the source that they must add up to. */
export type RatedMonth = Readonly<{ month: Month; bills: readonly Bill[]; sources: readonly SourceTotal[] }>;

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

/** Rates a month of one tree: pure, exact, and the same whatever the order of the input's arrays. */
export const ratingOf = (input: RatingInput, groups: readonly Group[]): Rating => {
  const contracts = new Contracts(input);
  const holders = new Holders(input, groups);
  const tenants = fromTheTop(input.tenants);
  const ledgers = new Map(tenants.map((tenant) => [tenant.id, emptyLedger(tenant)]));
  const ledgerOf = ({ id }: RatedTenant): TenantLedger => {
    const ledger = ledgers.get(id);
    if (!ledger) throw new Error(`the rating input does not list the tenant ${id}`);
    return ledger;
  };
  for (const cell of new Cells(input, contracts, holders).of(groups)) post(cell, ledgerOf);

  const items = new CustomLineItems(input.month, contracts, holders, input.dataSources);
  const below = membersOf(tenants);
  const hasImport = input.dataSources.some(({ slice }) => slice !== null);
  const tenantRating = (tenant: RatedTenant): TenantRating => {
    const ledger = ledgerOf(tenant);
    if (parentOf(tenant) === undefined || !hasImport) {
      const reason = hasImport ? NO_PARENT : NO_IMPORT;
      const billed = new Map([...ledger.currencies].map(([currency, books]) => [currency, books.billed]));
      return { tenant, ledger, billed, document: null, reason, contracts: [] };
    }
    const covered = contracts
      .of(tenant.id)
      .flatMap((contract) => contractMonth(contracts, contract, ledger.contracts.get(contract.id)) ?? []);
    const customers = tenant.tier === 'endCustomer' ? [tenant] : (below.get(tenant.id) ?? []);
    const entries = covered.flatMap((one) => entriesOf(tenant, one, items.of(tenant, one, customers)));
    const reason = whyNoDocument(tenant, ledger, covered, entries);
    const passThroughTax = currencyLedger(ledger, tenant.currency).passThroughTax;
    const document = reason ? null : documentOf(tenant, input.month, covered, entries, passThroughTax);
    return { tenant, ledger, billed: billedOf(ledger, entries), document, reason, contracts: covered };
  };
  return { input, contracts, holders, tenants: tenants.map(tenantRating) };
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
 * say how lines are grouped). Amounts come out as exact decimal text.
 */
export const rate = (input: RatingInput, groups: readonly Group[]): RatedMonth => {
  const rating = ratingOf(input, groups);
  const imports = importsOf(rating);
  const resold = resoldOf(rating.tenants);
  return {
    month: input.month,
    bills: rating.tenants.map((rated) => ({
      tenantId: rated.tenant.id,
      path: rated.tenant.path,
      tier: rated.tenant.tier,
      name: rated.tenant.name,
      month: input.month,
      figures: figuresOf(rated, resold.get(rated.tenant.id) ?? new Map<Currency, Decimal>()),
      proforma: rated.document?.proforma ?? null,
      reason: rated.reason,
      contracts: reflectedContracts(rating, rated),
      imports: imports.get(rated.tenant.id) ?? [],
      pricedUpstream: isPricedUpstream(rating, rated),
      warnings: warningsOf(rating, rated),
      unassigned: unpricedUsage(unassignedCells(rated), NOBODYS),
      unbilled: unpricedUsage(rated.ledger.unbilled, NOT_COVERED),
    })),
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
  };
};

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
const importsOf = ({ input, holders, tenants }: Rating): ReadonlyMap<TenantId, Bill['imports']> => {
  const sources = new Map(tenants.map(({ tenant }) => [tenant.id, new Set<string>()] as const));
  for (const { tenant, ledger } of tenants) {
    const own = sources.get(tenant.id);
    for (const { source } of routesOf(ledger.cells)) own?.add(source.id);
    for (const held of holders.sourcesOf(tenant.id)) for (const id of tenant.path) sources.get(id)?.add(held);
  }
  const delivered = input.dataSources
    .flatMap(({ id, slice }) => (slice ? { dataSourceId: id, importId: slice.importId } : []))
    .sort((a, b) => (a.dataSourceId < b.dataSourceId ? -1 : 1));
  return new Map(
    [...sources].map(([id, concerned]) => [id, delivered.filter(({ dataSourceId }) => concerned.has(dataSourceId))]),
  );
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
