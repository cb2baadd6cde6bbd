import { Decimal } from '#libs/money/decimal';
import { totalOf, type Usage } from './delivery.ts';
import { pricedBy } from './terms.ts';

export type Figures = Readonly<Record<'billed' | 'resold' | 'margin' | 'unassigned', string | null>>;

/** Everything that a month's figures may depend on. */
export type Inputs = Readonly<{ usage: Usage; version: number; movingIsWith: 'first' | 'second' }>;
export type Role = 'distributor' | 'reseller' | 'first' | 'second';

/**
 * The month of a tree with one reseller and two customers. The first one's contract discounts by its version, the reseller's and the
 * second one's price at list; `loose` usage stays with the distributor.
 */
export const figuresOf = (role: Role, { usage, version, movingIsWith }: Inputs): Figures => {
  const own = (customer: 'first' | 'second'): number => usage[customer] + (movingIsWith === customer ? usage.moving : 0);
  const first = pricedBy(version, own('first'));
  const second = Decimal.of(own('second'));
  const list = Decimal.of(own('first') + own('second'));
  const between = (billed: Decimal, resold: Decimal, unassigned = 0): Figures => ({
    billed: billed.toString(),
    resold: resold.toString(),
    margin: resold.minus(billed).toString(),
    unassigned: String(unassigned),
  });
  const only = (billed: Decimal): Figures => ({ billed: billed.toString(), resold: null, margin: null, unassigned: '0' });
  switch (role) {
    case 'distributor':
      return between(Decimal.of(totalOf(usage)), list, usage.loose);
    case 'reseller':
      return between(list, first.plus(second));
    case 'first':
      return only(first);
    case 'second':
      return only(second);
  }
};

const FIELDS = ['billed', 'resold', 'margin', 'unassigned'] as const;

/** Whether what a bill shows is what one of the inputs gives, to the last digit. */
export const isOneOf = (seen: Figures, role: Role, inputs: readonly Inputs[]): boolean =>
  inputs.some((one) => {
    const expected = figuresOf(role, one);
    return FIELDS.every((field) => seen[field] === expected[field]);
  });
