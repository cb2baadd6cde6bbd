import { createHash } from 'node:crypto';
import { type Currency, minorUnit } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type CustomLineItem } from '#libs/published/contract-terms';
import { type ContractId, type ManagementAccountId, type RuleId } from '#libs/published/ids';
import { type Proforma, type ProformaLine, type TaxLine } from '#libs/published/invoicing';
import { type Month } from '#libs/time/time';
import { appliesIn, type ContractMonth, type ItemLine, type TaxItem } from './custom-line-items.ts';
import { entryOf } from './entry-of.ts';
import { type AccountLedger, type FixedRate, type Post } from './ledger.ts';
import { type RatedContract, type RatedTenant } from './rating-input.ts';

/** What stands behind a line of a document. */
type Derivation =
  | Readonly<{ of: 'lines'; posts: readonly Post[] }>
  | Readonly<{ of: 'fixedRate'; fixedRate: FixedRate }>
  | Readonly<{ of: 'item'; item: ItemLine }>;

/** A line of a document before it is rounded. */
export type Entry = Readonly<{
  id: string;
  kind: ProformaLine['kind'];
  contract: RatedContract;
  customer: RatedTenant;
  managementAccountId: ManagementAccountId | null;
  currency: Currency;
  serviceName: string | null;
  chargeCategory: string | null;
  ruleId: RuleId | null;
  /** Of the price rule; lines that no rule matched come last. */
  priority: number;
  /** The rule's or item's own words. */
  words: string | null;
  unrounded: Decimal;
  sourceLines: number;
  derivation: Derivation;
}>;

type Key = Readonly<{
  kind: Entry['kind'];
  contractId: ContractId;
  customer: RatedTenant;
  managementAccountId?: ManagementAccountId | null;
  serviceName?: string;
  chargeCategory?: string;
  ruleId?: RuleId | undefined;
}>;

/** From what the line is and not from what it comes to: the same in every revision, and in every month. */
const lineId = (key: Key): string =>
  digest([key.kind, key.contractId, key.customer.id, key.managementAccountId, key.serviceName, key.chargeCategory, key.ruleId]);

const taxId = (contractId: ContractId, ruleId: RuleId): string => digest(['tax', contractId, ruleId]);

const digest = (parts: readonly unknown[]): string =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex')
    .slice(0, 32);

/** Posts that print as one line. */
type Printed = {
  readonly key: Omit<Key, 'kind'> & Readonly<{ serviceName: string; chargeCategory: string }>;
  readonly currency: Currency;
  readonly posts: Post[];
};

/** One line per contract, customer, service, category and price rule, and the differences that print apart. */
const usageEntries = (contract: RatedContract, customer: RatedTenant, accounts: readonly AccountLedger[]): readonly Entry[] => {
  const printed = new Map<string, Printed>();
  for (const post of accounts.flatMap(({ posts }) => posts)) {
    const { serviceName, chargeCategory, currency } = post.cell;
    const ruleId = post.charge.pricing?.rule.id;
    const text = JSON.stringify([serviceName, chargeCategory, ruleId, currency]);
    const key = { contractId: contract.id, customer, serviceName, chargeCategory, ruleId };
    entryOf(printed, text, (): Printed => ({ key, currency, posts: [] })).posts.push(post);
  }
  return [...printed.values()].flatMap(({ key, currency, posts }) => {
    const apart = posts.filter(({ charge }) => charge.pricing && charge.pricing.rule.separateLine !== null);
    const differences = apart.map(({ charge }) => charge.amount.minus(charge.before));
    const difference = Decimal.sum(differences);
    const whole = Decimal.sum(posts.map(({ charge }) => charge.amount));
    const entry = (kind: 'usage' | 'separate', unrounded: Decimal, behind: readonly Post[]): Entry => {
      const rule = latestOf(behind)?.charge.pricing?.rule;
      return {
        id: lineId({ ...key, kind }),
        kind,
        contract,
        customer,
        managementAccountId: null,
        currency,
        serviceName: key.serviceName,
        chargeCategory: key.chargeCategory,
        ruleId: key.ruleId ?? null,
        priority: rule?.priority ?? Number.MAX_SAFE_INTEGER,
        words: (kind === 'separate' ? rule?.separateLine : rule?.name) ?? null,
        unrounded,
        sourceLines: behind.reduce((lines, { cell }) => lines + cell.lines, 0),
        derivation: { of: 'lines', posts: behind },
      };
    };
    const main = entry('usage', whole.minus(difference), posts);
    return apart.length === 0 ? [main] : [main, entry('separate', difference, apart)];
  });
};

/** The post of the last day: its version words what several versions print together. */
const latestOf = (posts: readonly Post[]): Post | undefined =>
  posts.reduce<Post | undefined>(
    (latest, post) => (latest && latest.cell.lastDay >= post.cell.lastDay ? latest : post),
    undefined,
  );

const fixedRateEntries = (
  contract: RatedContract,
  customer: RatedTenant,
  { managementAccountId, fixedRates }: AccountLedger,
  currency: Currency,
): readonly Entry[] =>
  [...fixedRates.values()].map((fixedRate) => ({
    id: lineId({ kind: 'fixedRate', contractId: contract.id, customer, managementAccountId, ruleId: fixedRate.rule.id }),
    kind: 'fixedRate',
    contract,
    customer,
    managementAccountId,
    currency,
    serviceName: null,
    chargeCategory: null,
    ruleId: fixedRate.rule.id,
    priority: fixedRate.rule.priority,
    words: fixedRate.rule.name,
    unrounded: fixedRate.amount,
    sourceLines: fixedRate.posts.reduce((lines, { cell }) => lines + cell.lines, 0),
    derivation: { of: 'fixedRate', fixedRate },
  }));

const wordsOf = ({ name, description }: CustomLineItem): string => description ?? name;

const itemEntry = (contract: RatedContract, line: ItemLine): Entry => {
  const { item, customer, managementAccountId, currency, amount, derivation } = line;
  return {
    id: lineId({ kind: 'customLineItem', contractId: contract.id, customer, managementAccountId, ruleId: item.id }),
    kind: 'customLineItem',
    contract,
    customer,
    managementAccountId,
    currency,
    serviceName: null,
    chargeCategory: null,
    ruleId: item.id,
    priority: 0,
    words: wordsOf(item),
    unrounded: amount,
    sourceLines: derivation.of === 'fixed' ? 0 : derivation.bases.reduce((lines, base) => lines + base.lines, 0),
    derivation: { of: 'item', item: line },
  };
};

/** The order in which documents print: contracts by start, customers by name, then as `KINDS`, then by what the line says. */
const KINDS: readonly Entry['kind'][] = ['usage', 'separate', 'fixedRate', 'customLineItem'];

const byText = (left: string, right: string): number => (left === right ? 0 : left < right ? -1 : 1);

const byCustomer = (a: RatedTenant, b: RatedTenant): number => byText(a.name, b.name) || byText(a.id, b.id);

const placeOf = ({ kind }: Entry): number => Math.max(KINDS.indexOf(kind), 1);

const printOrder = (a: Entry, b: Entry): number =>
  placeOf(a) - placeOf(b) ||
  byText(a.serviceName ?? '', b.serviceName ?? '') ||
  byText(a.chargeCategory ?? '', b.chargeCategory ?? '') ||
  a.priority - b.priority ||
  byText(a.ruleId ?? '', b.ruleId ?? '') ||
  byText(a.managementAccountId ?? '', b.managementAccountId ?? '') ||
  KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);

/** Every line that a tenant is billed under one contract, in print order; `items` keep the order in which the contract lists them. */
export const entriesOf = (
  tenant: RatedTenant,
  { contract, ledger }: ContractMonth,
  items: readonly ItemLine[],
): readonly Entry[] => {
  const customers = new Map([...(ledger?.customers ?? [])].map(([id, { customer }]) => [id, customer]));
  for (const { customer } of items) customers.set(customer.id, customer);
  return [...customers.values()].sort(byCustomer).flatMap((customer) => {
    const accounts = [...(ledger?.customers.get(customer.id)?.accounts.values() ?? [])];
    const rated = [
      ...usageEntries(contract, customer, accounts),
      ...accounts.flatMap((account) => fixedRateEntries(contract, customer, account, tenant.currency)),
    ].sort(printOrder);
    return [...rated, ...items.filter((line) => line.customer.id === customer.id).map((line) => itemEntry(contract, line))];
  });
};

/** A tax line and the net that it is taken of. */
export type TaxEntry = Readonly<{ item: TaxItem; covered: ContractMonth; net: Decimal; line: TaxLine }>;

/** A document of one tenant and month, with everything that explains its lines. */
export type Document = Readonly<{
  currency: Currency;
  entries: readonly (Entry & Readonly<{ rounded: Decimal; text: string }>)[];
  taxes: readonly TaxEntry[];
  proforma: Proforma;
}>;

export const documentOf = (
  tenant: RatedTenant,
  month: Month,
  contracts: readonly ContractMonth[],
  entries: readonly Entry[],
  passThroughTax: Decimal,
): Document => {
  const places = minorUnit(tenant.currency);
  const accounts = new Set(entries.flatMap(({ managementAccountId }) => managementAccountId ?? []));
  const printed = entries.map((entry) => ({
    ...entry,
    rounded: entry.unrounded.round(places),
    text: textOf(entry, tenant, accounts.size > 1),
  }));
  const netOf = (lines: typeof printed): Decimal => Decimal.sum(lines.map(({ rounded }) => rounded));
  const taxes = contracts.flatMap((covered) => {
    const net = netOf(printed.filter(({ contract }) => contract.id === covered.contract.id));
    return taxEntries(covered, month, net, places);
  });
  const net = netOf(printed);
  const passedOn = passThroughTax.round(places);
  const amounts = [net, ...taxes.map(({ line }) => Decimal.of(line.amount)), passedOn];
  const proforma: Proforma = {
    currency: tenant.currency,
    lines: printed.map((entry) => proformaLine(entry, tenant, places)),
    net: net.toFixed(places),
    roundingDifference: net.minus(Decimal.sum(entries.map(({ unrounded }) => unrounded))).toString(),
    taxes: taxes.map(({ line }) => line),
    passThroughTax: passedOn.toFixed(places),
    total: Decimal.sum(amounts).toFixed(places),
  };
  return { currency: tenant.currency, entries: printed, taxes, proforma };
};

const taxEntries = (covered: ContractMonth, month: Month, net: Decimal, places: number): readonly TaxEntry[] =>
  covered.version.terms.customLineItems
    .filter((item): item is TaxItem => item.type === 'tax' && appliesIn(item.frequency, month))
    .map((item) => {
      const contractId = covered.contract.id;
      const amount = Decimal.of(item.percentage).percentOf(net).toFixed(places);
      const line = { id: taxId(contractId, item.id), text: wordsOf(item), amount, contractId, ruleId: item.id };
      return { item, covered, net, line };
    });

const textOf = (
  { kind, customer, serviceName, chargeCategory, words, managementAccountId }: Entry,
  tenant: RatedTenant,
  severalAccounts: boolean,
) => {
  const whose = tenant.tier === 'endCustomer' ? '' : `${customer.name}: `;
  const where = severalAccounts && managementAccountId ? ` (${managementAccountId})` : '';
  if (kind === 'customLineItem' || kind === 'fixedRate') return `${whose}${words ?? ''}${where}`;
  const what = `${serviceName || 'No service'}, ${chargeCategory || 'no category'}`;
  return `${whose}${what}${words === null ? '' : `: ${words}`}`;
};

const proformaLine = (entry: Document['entries'][number], tenant: RatedTenant, places: number): ProformaLine => ({
  id: entry.id,
  kind: entry.kind,
  text: entry.text,
  amount: entry.rounded.toFixed(places),
  unrounded: entry.unrounded.toString(),
  contractId: entry.contract.id,
  customerId: tenant.tier === 'endCustomer' ? null : entry.customer.id,
  managementAccountId: entry.managementAccountId,
  serviceName: entry.serviceName,
  chargeCategory: entry.chargeCategory,
  ruleId: entry.ruleId,
  sourceLines: entry.sourceLines,
});
