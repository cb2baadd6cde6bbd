import { describe, expect, it } from '@jest/globals';
import { currency, isCurrency, minorUnit } from './currency.ts';

describe('a currency', () => {
  it('is an ISO 4217 code in capitals', () => {
    for (const code of ['USD', 'EUR', 'CHF', 'JPY', 'KWD']) expect(currency(code)).toBe(code);
    for (const text of ['', 'usd', 'US', 'USDX', 'ABC', '$', ' USD', 'USD ']) {
      expect(isCurrency(text)).toBe(false);
      expect(() => currency(text)).toThrow(`"${text}" is not a currency code (ISO 4217)`);
    }
  });

  it.each([
    [2, ['USD', 'EUR', 'GBP', 'HUF', 'IDR', 'COP', 'PKR', 'RSD', 'TWD', 'MGA']],
    [0, ['JPY', 'KRW', 'CLP', 'ISK', 'VND', 'XAF', 'UGX']],
    [3, ['KWD', 'BHD', 'TND', 'IQD', 'OMR']],
  ])('has %i decimals in its minor unit as ISO 4217 lists it: %j', (decimals, codes) => {
    for (const code of codes) expect([code, minorUnit(currency(code))]).toEqual([code, decimals]);
  });
});
