import { quoted } from '#libs/usage-store/columns';

/**
 * SQL that turns text into DECIMAL(38,18) without a float on the way. DuckDB's cast alone is no check (it takes `1_000.5`), and with
 * an exponent it loses digits (`.99E-20` becomes 1E-18): so a pattern comes first, and an exponent is worked off as text. Each step
 * is a column of its own, because DuckDB evaluates an expression as often as it is written.
 */

/** Sign, digits, one point, exponent. */
const NUMBER = quoted('[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?');
/** What the cast reads exactly, and as it stands. */
const PLAIN = quoted('[+-]?[0-9]{1,20}(\\.[0-9]{0,18})?');

const STORED_DECIMALS = 18;
/** Digits behind the stored ones that a rounding is measured by. */
const TAIL_DIGITS = 20;
/** Roundings are integers of this many decimals. */
export const ROUNDING_SCALE = STORED_DECIMALS + TAIL_DIGITS;

/** SQL truth: needs more than a cast, because it has an exponent or many digits, or is no number at all. */
export const isOdd = (text: string): string => `(${text} IS NOT NULL AND NOT regexp_full_match(${text}, ${PLAIN}))`;

/** Nearly every amount: what a cast of 64 bits reads exactly, which is eighty times as fast as one to 38 digits. */
const SHORT = quoted('[+-]?[0-9]{1,9}(\\.[0-9]{0,9})?');

/** Before all steps, SQL: the amount, if it is short; null for any other text. */
export const shortAmountOf = (text: string): string =>
  `CASE WHEN regexp_full_match(${text}, ${SHORT}) THEN ${text}::DECIMAL(18,9)::DECIMAL(38,18) END`;

/** First step, SQL: all digits of an odd number; null for any other text. */
export const digitsOf = (text: string): string =>
  `CASE WHEN ${isOdd(text)} AND regexp_full_match(${text}, ${NUMBER})
    THEN replace(regexp_extract(${text}, '^[+-]?([0-9.]*)', 1), '.', '') END`;

/** Second step, SQL: how many of these digits stand before the point once the exponent has moved it. */
export const pointOf = (text: string, digits: string): string =>
  `CASE WHEN ${digits} IS NOT NULL THEN length(regexp_extract(${text}, '^[+-]?([0-9]*)', 1))
    + coalesce(TRY_CAST(regexp_extract(${text}, '[eE](.*)$', 1) AS BIGINT), 0) END`;

/** Third step, SQL: the number without an exponent; null for a text that is none. */
export const plainOf = (text: string, digits: string, point: string): string =>
  `CASE WHEN ${digits} IS NOT NULL THEN regexp_extract(${text}, '^-') || CASE
      WHEN ${point} <= 0 THEN '0.' || repeat('0', -${point}) || ${digits}
      WHEN ${point} >= length(${digits}) THEN ${digits} || repeat('0', ${point} - length(${digits}))
      ELSE left(${digits}, ${point}) || '.' || substr(${digits}, ${point} + 1) END
    WHEN NOT ${isOdd(text)} THEN ${text} END`;

/** A text that fits 64 bits casts eighty times as fast as one to 38 digits: numbers of up to 18 digits go by way of these scales. */
const SHORT_SCALES = [9, 12, 15];
const SHORT_DIGITS = 18;

/** Last step, SQL: the amount, rounded half away from zero to 18 decimals; null for no number, or one too large for the store. */
export const amountOf = (plain: string): string => {
  const short = SHORT_SCALES.map((scale) => {
    const fits = quoted(`[+-]?[0-9]{1,${String(SHORT_DIGITS - scale)}}(\\.[0-9]{0,${String(scale)}})?`);
    return `WHEN regexp_full_match(${plain}, ${fits}) THEN ${plain}::DECIMAL(${String(SHORT_DIGITS)},${String(scale)})::DECIMAL(38,18)`;
  });
  return `CASE ${short.join(' ')} ELSE TRY_CAST(${plain} AS DECIMAL(38,18)) END`;
};

const tailOf = (plain: string): string => `substr(split_part(${plain}, '.', 2), ${String(STORED_DECIMALS + 1)})`;

const STORED_DIGITS = 20;

/** SQL truth: a number, but too large for the store. Only an odd one can be; only one of so many digits is worth the slow cast. */
export const isTooLarge = (plain: string, digits: string): string =>
  `CASE WHEN ${digits} IS NULL OR length(ltrim(split_part(${plain}, '.', 1), '-0')) < ${String(STORED_DIGITS)} THEN false
    ELSE TRY_CAST(${plain} AS DECIMAL(38,18)) IS NULL END`;

/** SQL truth: an amount with more decimals than the store keeps. Only an odd one can have them. */
export const isRounded = (plain: string, digits: string): string =>
  `CASE WHEN ${digits} IS NOT NULL THEN rtrim(${tailOf(plain)}, '0') <> '' ELSE false END`;

/** SQL: what rounding adds to an amount, as a HUGEINT of `ROUNDING_SCALE` decimals. */
export const roundingOf = (plain: string): string => {
  const tail = `left(rpad(${tailOf(plain)}, ${String(TAIL_DIGITS)}, '0'), ${String(TAIL_DIGITS)})::HUGEINT`;
  const whole = `1${'0'.repeat(TAIL_DIGITS)}::HUGEINT`;
  const added = `CASE WHEN ${tail} * 2 >= ${whole} THEN ${whole} - ${tail} ELSE -${tail} END`;
  return `CASE WHEN starts_with(${plain}, '-') THEN -(${added}) ELSE ${added} END`;
};
