import { stringify } from 'yaml';
import { type Case, type Contract, type Terms, type TreeMonth, type UsageLine } from './case.ts';
import { addDays, daysOf } from './days.ts';
import { type Exact, minorUnit, sum } from './exact.ts';
import { newestTerms } from './in-force.ts';
import { oracle } from './oracle.ts';
import { type Statement } from './statement.ts';

type Json = Readonly<Record<string, unknown>>;

/** A case in the format of `scenarios/` with the oracle's figures expected, or why that format cannot say it. */
export type Written = Readonly<{ yaml: string }> | Readonly<{ reasons: readonly string[] }>;

/** Limits that the platform sets to a single contract, and random ones do not keep. */
const isRefused = ({ start, end, renewalPolicy, customLineItems }: Terms): boolean =>
  (renewalPolicy === 'auto-renewal' && end !== null && end < addDays(start, 27)) ||
  customLineItems.some((item) => item.type !== 'percentageCharge' && 'percentage' in item && Number(item.percentage) > 100);

const reasonsAgainst = ({ input, lines }: Case): readonly string[] => {
  const { mode, tenants, dataSources, autoAssignments, contracts } = input;
  const terms = contracts.flatMap(({ versions }) => versions.map((version) => version.terms));
  const tierOf = (id: string | undefined): string | undefined => tenants.find((tenant) => tenant.id === id)?.tier;
  const unusualParent = tenants.some(({ tier, path }) => {
    const parent = tierOf(path.at(-2));
    return parent !== undefined && parent !== (tier === 'endCustomer' ? 'reseller' : 'distributor');
  });
  return [
    ...(mode === 'current' ? ['months are rated as of their days'] : []),
    ...(unusualParent ? ['a tenant is not one tier below its parent'] : []),
    ...(lines.length === 0 ? ['there is no usage'] : []),
    ...(autoAssignments.some(({ to }) => to !== null) ? ['an automatic link ends'] : []),
    ...(terms.some(isRefused) ? ['a contract has terms that the platform refuses'] : []),
    ...(dataSources.some(({ ownerId }) => tierOf(ownerId) === 'endCustomer') ? ['an end customer owns a data source'] : []),
  ];
};

/** As it is written by hand: rules are named, not numbered, and keep their identity from version to version by that name. */
const named = <Rule extends Readonly<{ id: string; name: string }>>({ id, name: _, ...rule }: Rule): Json => ({
  name: id,
  ...Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== null)),
});

const BILLING_DETAILS = {
  profileName: 'Main',
  address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
};

const writtenScope = ({ conditions, formula }: Terms['billingRules'][number]['scope']): Json => ({
  conditions,
  ...(formula === null ? {} : { formula }),
});

const writtenFrequency = (frequency: Terms['customLineItems'][number]['frequency']): Json =>
  Object.fromEntries(Object.entries(frequency).filter(([, value]) => value !== null));

const writtenTerms = (terms: Terms, end: string | null, id: string): Json => ({
  name: id,
  start: terms.start,
  ...(end === null ? {} : { end }),
  renewalPolicy: terms.renewalPolicy,
  managementAccounts: terms.managementAccounts,
  billingDetails: BILLING_DETAILS,
  billingRules: terms.billingRules.map((rule) => ({ ...named(rule), scope: writtenScope(rule.scope) })),
  priceBooks: terms.priceBooks.map((book) => ({
    ...named(book),
    rules: book.rules.map((rule) => ({ ...named(rule), scope: writtenScope(rule.scope) })),
  })),
  customLineItems: terms.customLineItems.map((item) => ({
    ...named(item),
    ...(item.type === 'supportBands'
      ? { bands: item.bands.map(({ upTo, percentage }) => ({ ...(upTo === null ? {} : { upTo }), percentage })) }
      : {}),
    frequency: writtenFrequency(item.frequency),
  })),
});

/** A contract that ended before its first day covers nothing, and a cancellation inside the window is the same as an earlier end. */
const writtenContract = (contract: Contract): readonly Json[] => {
  const { tenantId, id, versions, endedOn } = contract;
  const { start, end } = newestTerms(contract);
  if (endedOn !== null && endedOn <= start) return [];
  const lastDay = endedOn === null ? null : addDays(endedOn, -1);
  const until = lastDay !== null && (end === null || lastDay < end) ? lastDay : end;
  const renewal = newestTerms(contract).renewalPolicy;
  const isCancelled = endedOn !== null && renewal === 'auto-renewal';
  const [first, ...later] = versions.map(({ terms, ...version }, index) => ({
    ...version,
    terms: writtenTerms(terms, !isCancelled && index === versions.length - 1 ? until : terms.end, id),
  }));
  if (!first) return [];
  return [
    {
      tenant: tenantId,
      terms: first.terms,
      ...(later.length === 0 ? {} : { versions: later.map(({ effectiveFrom, terms }) => ({ effectiveFrom, terms })) }),
      ...(isCancelled ? { end: { status: 'cancelled', effectiveFrom: endedOn } } : {}),
    },
  ];
};

const writtenLine = ({ month, dataSources }: TreeMonth, line: UsageLine): Json => {
  const source = dataSources.find(({ id }) => id === line.dataSourceId);
  const account = source?.accounts.find(({ accountId }) => accountId === (line.subAccountId ?? source.managementAccountId));
  const tags = Object.entries(line.columns).filter(([dimension]) => dimension.startsWith('Tags/'));
  const monthEnd = addDays(daysOf(month).at(-1) ?? line.day, 1);
  return {
    BillingAccountId: source?.managementAccountId,
    SubAccountId: line.subAccountId ?? '',
    SubAccountName: account?.name ?? '',
    BillingPeriodStart: `${month}-01T00:00:00Z`,
    BillingPeriodEnd: `${monthEnd}T00:00:00Z`,
    ChargePeriodStart: `${line.day}T00:00:00Z`,
    ChargePeriodEnd: `${addDays(line.day, 1)}T00:00:00Z`,
    BillingCurrency: line.currency,
    ServiceName: line.serviceName,
    ChargeCategory: line.chargeCategory,
    ProviderName: 'AWS',
    PublisherName: line.marketplace ? 'Somebody else' : 'AWS',
    ...Object.fromEntries(Object.entries(line.columns).filter(([dimension]) => !dimension.startsWith('Tags/'))),
    Tags: JSON.stringify(Object.fromEntries(tags.map(([dimension, text]) => [dimension.slice('Tags/'.length), text]))),
    BilledCost: line.billedCost,
    PricingQuantity: line.pricingQuantity ?? '',
  };
};

const writtenUsage = ({ input, lines }: Case): readonly Json[] =>
  input.dataSources.flatMap(({ id, ownerId }) => {
    const rows = lines.filter(({ dataSourceId }) => dataSourceId === id).map((line) => writtenLine(input, line));
    return rows.length === 0 ? [] : [{ owner: ownerId, format: 'focus', rows }];
  });

/** Figures in the tenant's own currency, and its document. */
const expectedOf = ({ tenantId, figures, proforma }: Statement<Exact>, currency: string): Json => {
  const own = figures.find((one) => one.currency === currency);
  const fixed = (amount: Exact): string => amount.toFixed(minorUnit(currency));
  return {
    name: tenantId,
    ...(own && {
      billed: own.billed.toFixed(),
      resold: own.resold?.toFixed() ?? null,
      margin: own.margin?.toFixed() ?? null,
      rated: own.rated.toFixed(),
      excluded: sum(own.excluded.map(({ amount }) => amount)).toFixed(),
      unbilled: own.unbilled.toFixed(),
      unassigned: own.unassigned.toFixed(),
    }),
    proforma: proforma && {
      net: fixed(proforma.net),
      passThroughTax: fixed(proforma.passThroughTax),
      total: fixed(proforma.total),
      roundingDifference: proforma.roundingDifference.toFixed(),
    },
  };
};

/** By beginning: the first link of an account reaches back for ever. */
const fromFirst = (one: Readonly<{ from: string | null }>, other: Readonly<{ from: string | null }>): number =>
  (one.from ?? '') < (other.from ?? '') ? -1 : 1;

/** Before everything. */
const EVER = '2000-01-01';

export const scenarioOf = (of: Case, name: string): Written => {
  const reasons = reasonsAgainst(of);
  if (reasons.length > 0) return { reasons };
  const { month, tenants, dataSources, links, autoAssignments, contracts } = of.input;
  const accountOf = new Map(dataSources.map(({ id, managementAccountId }) => [id, managementAccountId]));
  const fromTheTop = tenants.toSorted((one, other) => one.path.length - other.path.length);
  const statements = new Map(oracle(of.input, of.lines).map((one) => [one.tenantId, one]));
  const scenario = {
    name,
    tenants: fromTheTop.map(({ id, tier, path, currency }) => {
      const parent = path.at(-2);
      return { name: id, tier, ...(parent === undefined ? {} : { parent }), currency };
    }),
    dataSources: dataSources.map(({ managementAccountId, ownerId }) => ({
      managementAccount: managementAccountId,
      owner: ownerId,
    })),
    links: links.toSorted(fromFirst).map(({ tenantId, dataSourceId, accountId, from, to }) => ({
      tenant: tenantId,
      managementAccount: accountOf.get(dataSourceId),
      account: accountId,
      ...(from === null ? {} : { from }),
      ...(to === null ? {} : { to }),
    })),
    autoAssignments: autoAssignments.map(({ tenantId, dataSourceId, from, exclude }) => ({
      tenant: tenantId,
      managementAccount: accountOf.get(dataSourceId),
      from: from ?? EVER,
      exclude,
    })),
    contracts: contracts.flatMap(writtenContract),
    usage: writtenUsage(of),
    expected: {
      months: [
        {
          month,
          tenants: fromTheTop.flatMap(({ id, currency }) => {
            const statement = statements.get(id);
            return statement ? [expectedOf(statement, currency)] : [];
          }),
        },
      ],
    },
  };
  return { yaml: stringify(scenario, { lineWidth: 130, aliasDuplicateObjects: false }) };
};
