import { type ColumnName, columnNames, COLUMNS, identifier, quoted } from '../columns.ts';
import { type DuckDb } from '../duckdb.ts';

/** A line as text by column; what is not given is null. */
export type WrittenLine = Readonly<Partial<Record<ColumnName, string | null>>>;

/** Writes lines as a Parquet file of the store; `x_Row` counts them where it is not given. */
export const writeUsage = async (duckDb: DuckDb, file: string, lines: readonly WrittenLine[]): Promise<void> => {
  const rows = lines.map((line, index) => {
    const full: WrittenLine = { x_Row: String(index + 1), x_Marketplace: 'false', ...line };
    return `(${columnNames.map((name) => `(${cell(full[name] ?? null)})::${COLUMNS[name]}`).join(', ')})`;
  });
  const select =
    rows.length > 0
      ? `SELECT * FROM (VALUES ${rows.join(', ')}) AS usage(${columnNames.map(identifier).join(', ')})`
      : `SELECT ${columnNames.map((name) => `NULL::${COLUMNS[name]} AS ${identifier(name)}`).join(', ')} LIMIT 0`;
  await duckDb.run(`COPY (${select}) TO ${quoted(file)} (FORMAT parquet)`);
};

const cell = (text: string | null): string => (text === null ? 'NULL' : quoted(text));
