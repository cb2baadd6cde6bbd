import { type Brand } from '#libs/brand';

/** An ISO 4217 alphabetic code. */
export type Currency = Brand<string, 'Currency'>;

const CODES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

export const isCurrency = (text: string): text is Currency => CODES.has(text);

/** @throws RangeError when the text is no ISO 4217 code. */
export const currency = (text: string): Currency => {
  if (!isCurrency(text)) throw new RangeError(`"${text}" is not a currency code (ISO 4217)`);
  return text;
};

/** Where ISO 4217 differs from two decimals. `Intl` answers otherwise for some: how people write amounts, 0 for HUF and IQD. */
const MINOR_UNITS: ReadonlyMap<string, number> = new Map([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0] as const),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3] as const),
]);

/** Decimals of the currency's minor unit: USD 2, JPY 0, KWD 3. */
export const minorUnit = (of: Currency): number => MINOR_UNITS.get(of) ?? 2;
