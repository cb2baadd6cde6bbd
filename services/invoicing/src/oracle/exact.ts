import { Decimal } from 'decimal.js';

/** Numbers of the oracle: decimal.js with room for more digits than any case has. */
export const Exact = Decimal.clone({ precision: 200, toExpNeg: -9e15, toExpPos: 9e15, rounding: Decimal.ROUND_HALF_UP });
export type Exact = Decimal;

const MINOR_UNITS: ReadonlyMap<string, number> = new Map([
  ['JPY', 0],
  ['KWD', 3],
]);

export const minorUnit = (currency: string): number => MINOR_UNITS.get(currency) ?? 2;

/** Half away from zero, to the currency's minor unit. */
export const rounded = (amount: Exact, currency: string): Exact =>
  amount.toDecimalPlaces(minorUnit(currency), Decimal.ROUND_HALF_UP);

export const percent = (percentage: string, of: Exact): Exact => of.times(percentage).div(100);

export const sum = (of: readonly Exact[]): Exact => of.reduce((total, one) => total.plus(one), new Exact(0));
