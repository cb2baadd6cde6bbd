import { type Currency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type TenantId } from '#libs/published/ids';
import { type Bill, type Figures } from '#libs/published/invoicing';
import { type RatedMonth } from './rate.ts';

export type TieOut = Readonly<{ ok: true }> | Readonly<{ ok: false; where: readonly string[] }>;

const sum = (texts: readonly string[]): Decimal => Decimal.sum(texts.map((text) => Decimal.of(text)));

/** What tie-outs look at: the published figures, and what was delivered. */
type Published = Pick<RatedMonth, 'bills' | 'sources'>;

/** What must always hold of a rated month, checked on nothing but the published figures. `where` says each place that does not. */
export const tieOutSteps = function* ({ bills, sources }: Published): Generator<void, TieOut> {
  const where: string[] = [];
  const equal: Equal = (what, left, right) => {
    if (!left.equals(right)) where.push(`${what}: ${left.toString()} is not ${right.toString()}`);
  };
  const currencies = new Set<Currency>(bills.flatMap(({ figures }) => figures.map(({ currency }) => currency)));
  const delivered = new Map(sources.map((source) => [`${source.tenantId} ${source.currency}`, source]));
  const children = new Map<TenantId, Bill[]>();
  for (const bill of bills) {
    const parentId = bill.path.at(-2);
    if (parentId !== undefined) children.set(parentId, [...(children.get(parentId) ?? []), bill]);
  }
  for (const bill of bills) {
    for (const figures of bill.figures) {
      const source = delivered.get(`${bill.tenantId} ${figures.currency}`);
      checkFigures(bill, figures, children.get(bill.tenantId) ?? [], source, equal);
    }
    where.push(...documentFaults(bill));
    yield;
  }
  for (const currency of currencies) {
    const all = bills.map((bill) => ({ bill, figures: figuresIn(bill, currency) }));
    const rootBilled = sum(all.flatMap(({ bill, figures }) => (bill.path.length === 1 ? (figures?.billed ?? []) : [])));
    const margins = sum(all.flatMap(({ figures }) => figures?.margin ?? []));
    const endBilled = sum(all.flatMap(({ bill, figures }) => (bill.tier === 'endCustomer' ? (figures?.billed ?? []) : [])));
    equal(`${currency}, Billed of the root + all margins = Billed of all end customers`, rootBilled.plus(margins), endBilled);
  }
  return where.length === 0 ? { ok: true } : { ok: false, where };
};

/** `tieOutSteps` at one go. */
export const tieOuts = (month: Published): TieOut => {
  const steps = tieOutSteps(month);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
};

type Equal = (what: string, left: Decimal, right: Decimal) => void;

const figuresIn = ({ figures }: Bill, currency: Currency): Figures | undefined =>
  figures.find((figure) => figure.currency === currency);

const checkFigures = (
  bill: Bill,
  figures: Figures,
  children: readonly Bill[],
  delivered: RatedMonth['sources'][number] | undefined,
  equal: Equal,
): void => {
  const { currency } = figures;
  const place = `${bill.name}, ${currency}`;
  const source = Decimal.of(delivered?.amount ?? '0');
  const buckets = [figures.rated, figures.unbilled, figures.unassigned, ...figures.excluded.map(({ amount }) => amount)];
  equal(`${place}, rated + excluded + unbilled + unassigned = source`, sum(buckets), source);
  if (bill.path.length === 1) {
    equal(
      `${place}, Billed of the root = source ex tax`,
      Decimal.of(figures.billed),
      source.minus(Decimal.of(delivered?.tax ?? '0')),
    );
  }
  if (figures.resold === null) return;
  const billed = sum(children.flatMap((child) => figuresIn(child, currency)?.billed ?? []));
  equal(`${place}, Resold = the children's Billed`, Decimal.of(figures.resold), billed);
  const margin = Decimal.of(figures.resold).minus(Decimal.of(figures.billed));
  equal(`${place}, margin = Resold - Billed`, Decimal.of(figures.margin ?? '0'), margin);
};

/** Of bills that were looked at before: a bill never changes. */
const documentsChecked = new WeakMap<Bill, readonly string[]>();

const documentFaults = (bill: Bill): readonly string[] => {
  const known = documentsChecked.get(bill);
  if (known) return known;
  const faults: string[] = [];
  checkDocument(bill, (what, left, right) => {
    if (!left.equals(right)) faults.push(`${what}: ${left.toString()} is not ${right.toString()}`);
  });
  documentsChecked.set(bill, faults);
  return faults;
};

const checkDocument = (bill: Bill, equal: Equal): void => {
  const { proforma, reason, name } = bill;
  if (!proforma) {
    if (bill.path.length === 1 || reason?.code === 'foreign-currency') return;
    for (const { currency, billed } of bill.figures)
      equal(`${name}, ${currency}, Billed without a proforma`, Decimal.of(billed), Decimal.zero);
    return;
  }
  const { lines, net, roundingDifference, taxes, passThroughTax, total, currency } = proforma;
  const unrounded = sum(lines.map((line) => line.unrounded));
  for (const figures of bill.figures) {
    const printed = figures.currency === currency ? unrounded : Decimal.zero;
    equal(`${name}, ${figures.currency}, unrounded printed lines = Billed`, printed, Decimal.of(figures.billed));
  }
  equal(`${name}, net = sum of the rounded lines`, Decimal.of(net), sum(lines.map(({ amount }) => amount)));
  equal(`${name}, roundingDifference = net - unrounded net`, Decimal.of(roundingDifference), Decimal.of(net).minus(unrounded));
  equal(`${name}, total`, Decimal.of(total), sum([net, passThroughTax, ...taxes.map(({ amount }) => amount)]));
};
