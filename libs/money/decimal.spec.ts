import { describe, expect, it } from '@jest/globals';
import { Decimal as Oracle } from 'decimal.js';
import fc from 'fast-check';
import { Decimal } from './decimal.ts';

const Exact = Oracle.clone({ precision: 1_000, toExpNeg: -1_000, toExpPos: 1_000, rounding: Oracle.ROUND_HALF_UP });
const plain = (value: Oracle): string => (value.isZero() ? '0' : value.toFixed());

const digits = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: min, maxLength: max });
/** Every way a billing file may write an amount. */
const text = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.oneof(
      fc.tuple(digits(1, 25), digits(0, 20)).map(([whole, fraction]) => (fraction ? `${whole}.${fraction}` : whole)),
      digits(1, 20).map((fraction) => `.${fraction}`),
      digits(1, 20).map((whole) => `${whole}.`),
      // Halves and their neighbours, where rounding decides.
      fc
        .tuple(fc.nat({ max: 99 }), fc.nat({ max: 8 }), fc.constantFrom('4', '5', '6', '49', '50', '51', '499999', '500001'))
        .map(([whole, zeros, half]) => `${String(whole)}.${'0'.repeat(zeros)}${half}`),
    ),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom('e', 'E'), fc.integer({ min: -30, max: 30 })).map(([e, n]) => `${e}${String(n)}`),
      },
    ),
  )
  .map((parts) => parts.join(''));
const places = fc.nat({ max: 25 });

const agree = (property: fc.IProperty<unknown>): void => {
  fc.assert(property, { numRuns: 2_000 });
};

describe('a decimal agrees with decimal.js', () => {
  it('on reading and writing', () => {
    agree(
      fc.property(text, (written) => {
        expect(Decimal.of(written).toString()).toBe(plain(new Exact(written)));
      }),
    );
  });

  it('on sums, differences, products and percentages, to the last digit', () => {
    agree(
      fc.property(text, text, (left, right) => {
        const [a, b] = [Decimal.of(left), Decimal.of(right)];
        const [x, y] = [new Exact(left), new Exact(right)];
        expect(a.plus(b).toString()).toBe(plain(x.plus(y)));
        expect(a.minus(b).toString()).toBe(plain(x.minus(y)));
        expect(a.times(b).toString()).toBe(plain(x.times(y)));
        expect(a.percentOf(b).toString()).toBe(plain(x.times(y).div(100)));
      }),
    );
  });

  it('on sign, order and equality', () => {
    agree(
      fc.property(text, text, (left, right) => {
        const [a, b] = [Decimal.of(left), Decimal.of(right)];
        const [x, y] = [new Exact(left), new Exact(right)];
        expect(a.compare(b)).toBe(x.comparedTo(y));
        expect(a.equals(b)).toBe(x.equals(y));
        expect(a.equals(Decimal.of(a.toString()))).toBe(true);
        expect(a.sign()).toBe(x.isZero() ? 0 : x.isNegative() ? -1 : 1);
        expect([a.isZero(), a.isNegative()]).toEqual([x.isZero(), x.isNegative() && !x.isZero()]);
        expect(a.negated().toString()).toBe(plain(x.negated()));
        expect(a.abs().toString()).toBe(plain(x.abs()));
        expect(a.decimals()).toBe(x.decimalPlaces());
      }),
    );
  });

  it('on rounding half away from zero', () => {
    agree(
      fc.property(text, places, (written, to) => {
        const rounded = new Exact(written).toDecimalPlaces(to);
        expect(Decimal.of(written).round(to).toString()).toBe(plain(rounded));
        expect(Decimal.of(written).toFixed(to)).toBe(rounded.isZero() ? rounded.abs().toFixed(to) : rounded.toFixed(to));
      }),
    );
  });

  it('on quotients, rounded once', () => {
    const quotientPlaces = Oracle.clone({ precision: 400, rounding: Oracle.ROUND_HALF_UP });
    agree(
      fc.property(text, text, places, (left, right, to) => {
        fc.pre(!Decimal.of(right).isZero());
        const quotient = new quotientPlaces(left).div(right);
        expect(Decimal.of(left).dividedBy(Decimal.of(right), to).toString()).toBe(plain(quotient.toDecimalPlaces(to)));
      }),
    );
  });

  it('on the sum of many', () => {
    agree(
      fc.property(fc.array(text, { maxLength: 20 }), (terms) => {
        const total = terms.reduce((sum, term) => sum.plus(term), new Exact(0));
        expect(Decimal.sum(terms.map((term) => Decimal.of(term))).toString()).toBe(plain(total));
      }),
    );
  });
});

describe('a decimal', () => {
  it.each([
    ['0.005', '0.01'],
    ['-0.005', '-0.01'],
    ['0.0049999', '0.00'],
    ['-0.0049999', '0.00'],
    ['1.005', '1.01'],
    ['2.675', '2.68'],
    ['12', '12.00'],
  ])('%s prints as %s with two decimals', (exact, printed) => {
    expect(Decimal.of(exact).toFixed(2)).toBe(printed);
  });

  it.each([
    '',
    ' ',
    '.',
    '-',
    '+.',
    '1,5',
    '1.234,5',
    '1_000',
    '1 000',
    ' 1',
    '1 ',
    '0x10',
    'NaN',
    'Infinity',
    '1e',
    '1e1000',
    '--1',
    '1.2.3',
    '١',
    '1\n',
  ])('is not %j', (wrong) => {
    expect(() => Decimal.of(wrong)).toThrow(RangeError);
  });

  it('reads what the files write', () => {
    expect(Decimal.of('1.81E-8').toString()).toBe('0.0000000181');
    expect(Decimal.of('-0').toString()).toBe('0');
    expect(Decimal.of('+007.50').toString()).toBe('7.5');
    expect(Decimal.of('1e3').toString()).toBe('1000');
    expect(Decimal.of(-42).toString()).toBe('-42');
    expect(Decimal.of(10n ** 30n).toString()).toBe(`1${'0'.repeat(30)}`);
    expect(Decimal.scaled(-12345n, 3).toString()).toBe('-12.345');
  });

  it('comes from no number that a float may have bent', () => {
    for (const bent of [0.1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => Decimal.of(bent)).toThrow(RangeError);
  });

  it('divides by anything but zero', () => {
    expect(Decimal.of('1').dividedBy(Decimal.of('3'), 18).toString()).toBe('0.333333333333333333');
    expect(() => Decimal.of('1').dividedBy(Decimal.of('0.00'), 2)).toThrow('division by zero');
  });

  it('rounds to a number of decimals, never to tens', () => {
    for (const wrong of [-1, 0.5, Number.NaN]) {
      expect(() => Decimal.of('12.5').round(wrong)).toThrow(RangeError);
      expect(() => Decimal.of('12.5').toFixed(wrong)).toThrow(RangeError);
      expect(() => Decimal.of('12.5').dividedBy(Decimal.of('2'), wrong)).toThrow(RangeError);
    }
  });

  it('travels as text', () => {
    expect(JSON.stringify({ amount: Decimal.of('12.50') })).toBe('{"amount":"12.5"}');
  });

  it('differs from another one in a test’s deep equality too', () => {
    expect({ amount: Decimal.of('1') }).not.toEqual({ amount: Decimal.of('2') });
    expect({ amount: Decimal.of('1') }).toEqual({ amount: Decimal.of('1') });
  });
});
