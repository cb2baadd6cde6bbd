import { Decimal } from '#libs/money/decimal';

/** The part of the platform's answer for one tenant's month that the result needs. */
export type BillAnswer = Readonly<{
  tenantId: string;
  name: string;
  tier: string;
  parentId: string | null;
  month: string;
  state: 'current' | 'applying';
  revision: number;
  figures: readonly FiguresAnswer[];
  proforma: ProformaAnswer | null;
  reason: Readonly<{ code: string; message: string }> | null;
  /** Whose lines are in it. */
  imports: readonly Readonly<{ importId: string }>[];
  /** In force on a day of the month: the tenant's own and those of the tiers above. */
  contracts: readonly Readonly<{ tenantId: string; contractId: string; version: number }>[];
  warnings: readonly Readonly<{ code: string; message: string }>[];
}>;

type FiguresAnswer = Readonly<{
  currency: string;
  billed: string;
  resold: string | null;
  margin: string | null;
  rated: string;
  excluded: string;
  unbilled: string;
  unassigned: string;
  marginParts: readonly Readonly<{ reason: string; amount: string; sourceAmount: string }>[];
}>;

type ProformaAnswer = Readonly<{
  currency: string;
  net: string;
  roundingDifference: string;
  taxes: readonly Readonly<{ text: string; amount: string; contractId: string }>[];
  passThroughTax: string;
  total: string;
}>;

export type LineAnswer = Readonly<{
  id: string;
  kind: 'usage' | 'separate' | 'fixedRate' | 'customLineItem';
  text: string;
  amount: string;
  unrounded: string;
  contractId: string;
}>;

/** Source amounts that the imports of a tree's month reported, by currency. */
export type SourceTotals = ReadonlyMap<string, Decimal>;

export type Source = Readonly<{ bill: BillAnswer; currency: string; lines: readonly LineAnswer[] }>;

type Figures = Readonly<{
  billed: string;
  resold: string | null;
  margin: string | null;
  rated: string;
  excluded: string;
  unbilled: string;
  unassigned: string;
}>;

/** One tenant in the result. `otherCurrencies` is there only where usage came in another currency than the tenant's. */
export type TenantBill = Figures &
  Readonly<{
    name: string;
    tier: string;
    parent: string | null;
    currency: string;
    otherCurrencies?: readonly (Figures & { currency: string })[];
    marginParts: readonly Readonly<{ reason: string; amount: string; sourceAmount: string }>[];
    proforma:
      | (Omit<ProformaAnswer, 'currency' | 'taxes'> &
          Readonly<{
            taxes: readonly Readonly<{ text: string; amount: string }>[];
            lines: readonly Readonly<{ text: string; amount: string }>[];
          }>)
      | null;
    reason: string | null;
    warnings: readonly string[];
  }>;

export type MonthBill = Readonly<{ month: string; tieOut: true | readonly string[]; tenants: readonly TenantBill[] }>;

const NOTHING: FiguresAnswer = {
  currency: '',
  billed: '0',
  resold: '0',
  margin: '0',
  rated: '0',
  excluded: '0',
  unbilled: '0',
  unassigned: '0',
  marginParts: [],
};

const figuresOf = ({ billed, resold, margin, rated, excluded, unbilled, unassigned }: FiguresAnswer): Figures => ({
  billed,
  resold,
  margin,
  rated,
  excluded,
  unbilled,
  unassigned,
});

const hasAmounts = ({ marginParts, ...figures }: FiguresAnswer): boolean =>
  marginParts.length > 0 ||
  Object.values(figuresOf({ ...figures, marginParts })).some((amount) => amount !== null && amount !== '0');

/** A tenant's month as the result shows it: nothing in it depends on time, ids or the machine. */
export const tenantBill = ({ bill, currency, lines }: Source, parent: string | null): TenantBill => {
  const own = bill.figures.find((figures) => figures.currency === currency);
  const nothing = bill.tier === 'endCustomer' ? { ...NOTHING, resold: null, margin: null } : NOTHING;
  const others = bill.figures.filter((figures) => figures.currency !== currency && hasAmounts(figures));
  return {
    name: bill.name,
    tier: bill.tier,
    parent,
    currency,
    ...figuresOf(own ?? nothing),
    ...(others.length === 0
      ? {}
      : { otherCurrencies: others.map((figures) => ({ currency: figures.currency, ...figuresOf(figures) })) }),
    marginParts: (own ?? nothing).marginParts,
    proforma: bill.proforma && {
      net: bill.proforma.net,
      taxes: bill.proforma.taxes.map(({ text, amount }) => ({ text, amount })),
      passThroughTax: bill.proforma.passThroughTax,
      total: bill.proforma.total,
      roundingDifference: bill.proforma.roundingDifference,
      lines: lines.map(({ text, amount }) => ({ text, amount })),
    },
    reason: bill.reason?.message ?? null,
    warnings: bill.warnings.map(({ message }) => message),
  };
};

const sum = (amounts: Iterable<string>): Decimal => Decimal.sum([...amounts].map((amount) => Decimal.of(amount)));

/**
 * Every sentence of "always" that a reader of the public API can check on one tree's month: source = rated + excluded + unbilled +
 * unassigned, Resold = what the children are billed, the root's Billed and all margins = what the end customers are billed, and each
 * document adds up. Answers where it does not hold.
 */
export const tieOutFaults = (sources: readonly Source[], rootId: string, delivered: SourceTotals): readonly string[] => {
  const faults: string[] = [];
  const check = (where: string, left: Decimal, right: Decimal): void => {
    if (!left.equals(right)) faults.push(`${where}: ${left.toString()} ≠ ${right.toString()}`);
  };
  const currencies = new Set([
    ...delivered.keys(),
    ...sources.flatMap(({ bill }) => bill.figures.map(({ currency }) => currency)),
  ]);
  for (const currency of currencies) {
    const of = ({ bill }: Source): FiguresAnswer => bill.figures.find((figures) => figures.currency === currency) ?? NOTHING;
    let customers = Decimal.zero;
    let rootAndMargins = Decimal.zero;
    for (const source of sources) {
      const { bill } = source;
      const figures = of(source);
      const children = sources.filter((other) => other.bill.parentId === bill.tenantId);
      if (bill.tenantId === rootId) {
        const buckets = sum([figures.rated, figures.excluded, figures.unbilled, figures.unassigned]);
        check(
          `${bill.name}: source = rated + excluded + unbilled + unassigned (${currency})`,
          buckets,
          delivered.get(currency) ?? Decimal.zero,
        );
        rootAndMargins = rootAndMargins.plus(Decimal.of(figures.billed));
      }
      if (bill.tier === 'endCustomer') {
        customers = customers.plus(Decimal.of(figures.billed));
        continue;
      }
      const resold = Decimal.of(figures.resold ?? '0');
      const margin = Decimal.of(figures.margin ?? '0');
      check(
        `${bill.name}: Resold = what its customers are billed (${currency})`,
        resold,
        sum(children.map((child) => of(child).billed)),
      );
      check(`${bill.name}: Margin = Resold - Billed (${currency})`, margin, resold.minus(Decimal.of(figures.billed)));
      rootAndMargins = rootAndMargins.plus(margin);
    }
    check(`Billed of the root + all margins = what the end customers are billed (${currency})`, rootAndMargins, customers);
  }
  for (const { bill, currency, lines } of sources) {
    if (!bill.proforma) continue;
    const { net, roundingDifference, taxes, passThroughTax, total } = bill.proforma;
    const billed = Decimal.of(bill.figures.find((figures) => figures.currency === currency)?.billed ?? '0');
    check(`${bill.name}: the printed lines = net`, sum(lines.map(({ amount }) => amount)), Decimal.of(net));
    check(`${bill.name}: the unrounded lines = Billed`, sum(lines.map(({ unrounded }) => unrounded)), billed);
    check(`${bill.name}: net - rounding difference = Billed`, Decimal.of(net).minus(Decimal.of(roundingDifference)), billed);
    check(
      `${bill.name}: net + taxes + pass-through tax = total`,
      sum([net, passThroughTax, ...taxes.map(({ amount }) => amount)]),
      Decimal.of(total),
    );
  }
  return faults;
};

/** Compares what is expected, field by field, with what came out; a list must have the same length. Answers every difference. */
const differences = (expected: unknown, actual: unknown, path: string): readonly string[] => {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [`${path}: expected a list, got ${JSON.stringify(actual)}`];
    if (actual.length !== expected.length)
      return [`${path}: expected ${String(expected.length)} entries, got ${String(actual.length)}`];
    return expected.flatMap((entry, index) => differences(entry, actual[index], `${path}[${String(index)}]`));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null)
      return [`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
    const fields = new Map<string, unknown>(Object.entries(actual));
    return Object.entries(expected).flatMap(([name, value]) =>
      fields.has(name)
        ? differences(value, fields.get(name), `${path}.${name}`)
        : [`${path}.${name}: the result has no such field`],
    );
  }
  if (expected === actual) return [];
  const quotes = typeof expected === 'number' && typeof actual === 'string' ? ' (amounts stand in quotes)' : '';
  return [`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}${quotes}`];
};

/** The months and tenants of `expected` against the result's, matched by month and name. */
export const unexpected = (
  expected: readonly Readonly<Record<string, unknown> & { month: string }>[],
  months: readonly MonthBill[],
): readonly string[] =>
  expected.flatMap(({ month, tenants, ...rest }) => {
    const actual = months.find((candidate) => candidate.month === month);
    if (!actual) return [`${month}: nothing was billed in this month`];
    const wanted = Array.isArray(tenants) ? (tenants as readonly Readonly<Record<string, unknown>>[]) : [];
    return [
      ...differences(rest, actual, month),
      ...wanted.flatMap((tenant) => {
        const name = String(tenant['name']);
        const found = actual.tenants.find((candidate) => candidate.name === name);
        return found ? differences(tenant, found, `${month} ${name}`) : [`${month} ${name}: not in the result`];
      }),
    ];
  });
