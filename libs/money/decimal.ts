const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** Grown on demand: 10^n as bigint. */
const powers: bigint[] = [1n];
const tenTo = (exponent: number): bigint => {
  for (let next = powers.length; next <= exponent; next++) powers.push((powers[next - 1] ?? 1n) * 10n);
  return powers[exponent] ?? 10n ** BigInt(exponent);
};

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Quotient rounded half away from zero. */
const divideRounded = (dividend: bigint, divisor: bigint): bigint => {
  const top = magnitude(dividend);
  const bottom = magnitude(divisor);
  const quotient = (2n * top + bottom) / (2n * bottom);
  return dividend < 0n === divisor < 0n ? quotient : -quotient;
};

const refuseFraction = (places: number): void => {
  if (!Number.isInteger(places) || places < 0) throw new RangeError(`${String(places)} is no number of decimals`);
};

/**
 * An exact decimal number: an integer coefficient and how many of its digits stand behind the point. Sums and products keep every
 * digit; only `round` and `dividedBy` lose any, and both say to how many places. No float is ever involved.
 */
export class Decimal {
  static readonly zero = new Decimal(0n, 0);
  // Ordinary properties, not `#private` ones: a test's deep equality does not look into those and would find all amounts equal.
  private readonly coefficient: bigint;
  private readonly scale: number;

  private constructor(coefficient: bigint, scale: number) {
    this.coefficient = coefficient;
    this.scale = scale;
  }

  /**
   * Reads sign, digits, one point and an exponent (`-1.81E-8`). @throws RangeError for anything else: blanks, thousands separators,
   * a comma, `NaN`, an exponent beyond three digits.
   */
  static of(text: string | number | bigint): Decimal {
    if (typeof text === 'number' && !Number.isSafeInteger(text)) throw new RangeError(`${String(text)} is not an exact number`);
    const match = NUMBER.exec(String(text));
    const [, sign = '', whole = '', fraction = '', exponent = '0'] = match ?? [];
    if (!match || whole + fraction === '') throw new RangeError(`"${String(text)}" is not a decimal number`);
    const coefficient = BigInt(sign + whole + fraction);
    const scale = fraction.length - Number(exponent);
    return scale < 0 ? new Decimal(coefficient * tenTo(-scale), 0) : new Decimal(coefficient, scale);
  }

  /** A coefficient with a known number of decimal places, as DuckDB hands over DECIMAL values. */
  static scaled(coefficient: bigint, scale: number): Decimal {
    return new Decimal(coefficient, scale);
  }

  static sum(terms: Iterable<Decimal>): Decimal {
    let total = Decimal.zero;
    for (const term of terms) total = total.plus(term);
    return total;
  }

  plus(other: Decimal): Decimal {
    if (this.scale === other.scale) return new Decimal(this.coefficient + other.coefficient, this.scale);
    return this.scale > other.scale
      ? new Decimal(this.coefficient + other.coefficient * tenTo(this.scale - other.scale), this.scale)
      : new Decimal(this.coefficient * tenTo(other.scale - this.scale) + other.coefficient, other.scale);
  }

  minus(other: Decimal): Decimal {
    return this.plus(other.negated());
  }

  times(other: Decimal): Decimal {
    return new Decimal(this.coefficient * other.coefficient, this.scale + other.scale);
  }

  negated(): Decimal {
    return new Decimal(-this.coefficient, this.scale);
  }

  abs(): Decimal {
    return new Decimal(magnitude(this.coefficient), this.scale);
  }

  /** This percentage of another amount: exact, `this / 100` only moves the point. */
  percentOf(amount: Decimal): Decimal {
    return new Decimal(this.coefficient * amount.coefficient, this.scale + amount.scale + 2);
  }

  /** Rounded half away from zero to `places` decimals, 0 or more. */
  round(places: number): Decimal {
    refuseFraction(places);
    if (places >= this.scale) return this;
    return new Decimal(divideRounded(this.coefficient, tenTo(this.scale - places)), places);
  }

  /** The quotient, rounded half away from zero to `places` decimals. @throws RangeError for a zero divisor. */
  dividedBy(divisor: Decimal, places: number): Decimal {
    refuseFraction(places);
    if (divisor.isZero()) throw new RangeError('division by zero');
    const shift = places + divisor.scale - this.scale;
    const top = shift >= 0 ? this.coefficient * tenTo(shift) : this.coefficient;
    const bottom = shift >= 0 ? divisor.coefficient : divisor.coefficient * tenTo(-shift);
    return new Decimal(divideRounded(top, bottom), places);
  }

  compare(other: Decimal): -1 | 0 | 1 {
    const difference = this.minus(other).coefficient;
    return difference === 0n ? 0 : difference < 0n ? -1 : 1;
  }

  equals(other: Decimal): boolean {
    return this.compare(other) === 0;
  }

  /** -1, 0 or 1. */
  sign(): -1 | 0 | 1 {
    return this.coefficient === 0n ? 0 : this.coefficient < 0n ? -1 : 1;
  }

  isZero(): boolean {
    return this.coefficient === 0n;
  }

  isNegative(): boolean {
    return this.coefficient < 0n;
  }

  /** How many decimals it needs, without trailing zeros. */
  decimals(): number {
    const [, fraction = ''] = this.toString().split('.');
    return fraction.length;
  }

  /** All digits, plain notation, without trailing zeros: `-0.5`, `12`, never `-0`. */
  toString(): string {
    const digits = this.toFixedScale();
    return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
  }

  /** Exactly `places` decimals, rounded half away from zero: how documents print an amount. */
  toFixed(places: number): string {
    const rounded = this.round(places);
    return new Decimal(rounded.coefficient * tenTo(places - rounded.scale), places).toFixedScale();
  }

  toJSON(): string {
    return this.toString();
  }

  private toFixedScale(): string {
    const digits = magnitude(this.coefficient)
      .toString()
      .padStart(this.scale + 1, '0');
    const sign = this.coefficient < 0n ? '-' : '';
    const point = digits.length - this.scale;
    return this.scale === 0 ? sign + digits : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  }
}
