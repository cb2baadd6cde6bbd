import { type Brand } from '#libs/brand';

/** An ISO 4217 alphabetic code. */
export type Currency = Brand<string, 'Currency'>;

/** An amount as it travels in JSON: exact decimal text. */
export type Money = Readonly<{ amount: string; currency: Currency }>;

export const isCurrency = (text: string): text is Currency => Intl.supportedValuesOf('currency').includes(text);

/** @throws RangeError when the text is no ISO 4217 code. */
export const currency = (text: string): Currency => {
  if (!isCurrency(text)) throw new RangeError(`"${text}" is not a currency code (ISO 4217)`);
  return text;
};

/** Decimals of the currency's minor unit: USD 2, JPY 0, KWD 3. */
export const minorUnit = (of: Currency): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency: of }).resolvedOptions().maximumFractionDigits ?? 2;
