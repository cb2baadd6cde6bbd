import { quoted } from '#libs/usage-store/columns';

/**
 * SQL that turns text into DECIMAL(38,18) without a float on the way. DuckDB's cast alone is no check (it takes `1_000.5`), and with
 * an exponent it loses digits (`.99E-20` becomes 1E-18): so a pattern comes first, and an exponent is worked off as text.
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

const isPlain = (text: string): string => `regexp_full_match(${text}, ${PLAIN})`;

/** The same number without an exponent. */
const withoutExponent = (text: string): string => {
  const digits = `replace(regexp_extract(${text}, '^[+-]?([0-9.]*)', 1), '.', '')`;
  const exponent = `coalesce(try_cast(regexp_extract(${text}, '[eE](.*)$', 1) AS BIGINT), 0)`;
  const point = `(length(regexp_extract(${text}, '^[+-]?([0-9]*)', 1)) + ${exponent})`;
  return `(regexp_extract(${text}, '^-') || CASE
    WHEN ${point} <= 0 THEN '0.' || repeat('0', -${point}) || ${digits}
    WHEN ${point} >= length(${digits}) THEN ${digits} || repeat('0', ${point} - length(${digits}))
    ELSE left(${digits}, ${point}) || '.' || substr(${digits}, ${point} + 1) END)`;
};

const castOf = (text: string): string => `TRY_CAST(${withoutExponent(text)} AS DECIMAL(38,18))`;

/** SQL: the amount, rounded half away from zero to 18 decimals; only of text that `isAmount` holds for. */
export const amountOf = (text: string): string =>
  `CASE WHEN ${isPlain(text)} THEN TRY_CAST(${text} AS DECIMAL(38,18)) ELSE ${castOf(text)} END`;

/** SQL truth: a number that the store has room for. */
export const isAmount = (text: string): string =>
  `(${isPlain(text)} OR (regexp_full_match(${text}, ${NUMBER}) AND ${castOf(text)} IS NOT NULL))`;

const tailOf = (text: string): string => `substr(split_part(${withoutExponent(text)}, '.', 2), ${String(STORED_DECIMALS + 1)})`;

/** SQL truth: an amount with more decimals than the store keeps. */
export const isRounded = (text: string): string => `(NOT ${isPlain(text)} AND rtrim(${tailOf(text)}, '0') <> '')`;

/** SQL: what rounding adds to an amount, as a HUGEINT of `ROUNDING_SCALE` decimals. */
export const roundingOf = (text: string): string => {
  const tail = `left(rpad(${tailOf(text)}, ${String(TAIL_DIGITS)}, '0'), ${String(TAIL_DIGITS)})::HUGEINT`;
  const whole = `1${'0'.repeat(TAIL_DIGITS)}::HUGEINT`;
  const added = `CASE WHEN ${tail} * 2 >= ${whole} THEN ${whole} - ${tail} ELSE -${tail} END`;
  return `CASE WHEN starts_with(${text}, '-') THEN -(${added}) ELSE ${added} END`;
};
