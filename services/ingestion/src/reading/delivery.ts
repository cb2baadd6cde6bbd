/** What is said of a delivery, before and after it is read; events hold it. */

export type Format = 'focus' | 'aws-cur';

/** What the caller says a slice must add up to. */
export type ExpectedTotal = Readonly<{ managementAccountId: string; month: string; rows?: number; billedCost?: string }>;

/** Why a delivery is refused. What does not concern one place has nulls there; the header is row 1. */
export type Problem = Readonly<{
  file: string | null;
  row: number | null;
  column: string | null;
  value: string | null;
  message: string;
}>;

const SHOWN_CHARACTERS = 100;

/** What a sender wrote, as a problem quotes it: events and answers hold it, whatever its length. */
export const shown = (text: string): string => text.slice(0, SHOWN_CHARACTERS);

/** Amounts of one column that had more decimals than the store keeps, and what rounding added to their sum. */
export type Rounding = Readonly<{ file: string; column: string; rows: number; added: string }>;
