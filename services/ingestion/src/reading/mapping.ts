import { type ColumnName, quoted } from '#libs/usage-store/columns';
import { type Header } from './csv-header.ts';

/** Where a column of the store comes from. `text` and `value` are SQL over the delivered columns (`c0`, `c1`, … by place). */
export type Source = Readonly<{
  /** Name in the file, as problems say it. */
  column: string;
  /** The text as it was delivered; null: empty. */
  text: string;
  /** What it means, where that is not the text itself: null for a text that means nothing. */
  value?: string;
  /** Why such a text means nothing: the sentence of the problem. */
  refusal?: string;
  /** Must every row have it? */
  required?: true;
  /** Where `holds` (SQL, never null), an amount is another column's, which then answers for what is wrong with it. */
  sameAs?: Readonly<{ column: ColumnName; holds: string }>;
}>;

/** How one file's columns become the store's. */
export type Mapping = Readonly<{
  sources: Readonly<Partial<Record<ColumnName, Source>>>;
  /** Columns of the file that are kept out. */
  unknown: readonly string[];
  /** Columns that the format requires and the file has not. */
  missing: readonly string[];
  /** Columns that `sources` read and the file has more than once. */
  twice: ReadonlySet<string>;
  /** Texts that stand for "nothing". */
  nothing: readonly string[];
  /** SQL names of the delivered columns that `sources` read. */
  used: ReadonlySet<string>;
}>;

/** The SQL name of a delivered column, undefined when the file has none of that name. */
export type Delivered = (name: string) => string | undefined;

export const delivered = ({ names }: Header): Readonly<{ textOf: Delivered }> & Pick<Mapping, 'used' | 'twice'> => {
  const places = new Map(names.map((name, place) => [name, place]));
  const used = new Set<string>();
  const twice = new Set<string>();
  const before = new Set<string>();
  const repeated = new Set(names.filter((name) => before.size === before.add(name).size));
  const textOf = (name: string): string | undefined => {
    const place = places.get(name);
    if (place === undefined) return undefined;
    const column = `c${String(place)}`;
    used.add(column);
    if (repeated.has(name)) twice.add(name);
    return column;
  };
  return { textOf, used, twice };
};

/** A data source's management account and the publishers that are the provider itself there. */
export type SourceRules = Readonly<{ managementAccountId: string; ownPublishers: readonly string[] }>;

const COMMON = ['USD', 'EUR', 'GBP'];

/** An ISO 4217 code in any column of currencies. */
export const currencyIn = (text: string): Pick<Source, 'value' | 'refusal'> => ({
  // Most lines are of a few currencies: to look one up among all of them costs more than to read an amount.
  value: `CASE WHEN ${text} IN (${COMMON.map(quoted).join(', ')}) THEN ${text} WHEN ${text} IN (${Intl.supportedValuesOf('currency').map(quoted).join(', ')}) THEN ${text} END`,
  refusal: 'is no currency code (ISO 4217)',
});

/** A JSON object in any column of tags, or of other pairs. */
export const objectIn = (text: string): Required<Pick<Source, 'value' | 'refusal'>> => ({
  value: `CASE WHEN json_valid(${text}) AND json_type(${text}) = 'OBJECT' THEN ${text} END`,
  refusal: 'is no JSON object',
});
