import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { DomainError } from '#libs/event-sourcing/domain-error';

/** What a cell may be told by; nothing at all is an empty cell. */
type Cell = string | number | boolean | null;

/** The columns of a CSV file, in order: the heading, and what a row has under it. */
export type Columns<Row> = readonly (readonly [heading: string, cell: (row: Row) => Cell])[];

/** A spreadsheet takes such a beginning for a formula, and carries it out on the machine of whoever opens the file. */
const FORMULA = /^[=+\-@\t\r＝＋－＠]/;
/** Nothing that a formula could do anything with. */
const NUMBER = /^-\d+(\.\d+)?$/;

/** As text that a spreadsheet only shows. */
const harmless = (cell: Cell): string => {
  if (cell === null) return '';
  const text = String(cell);
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
};

/**
 * RFC 4180, with a line of headings. Text that a spreadsheet would take for a formula (`= + - @` at its beginning) is preceded by an
 * apostrophe; a negative number stays one.
 */
export const writeCsv = <Row>(columns: Columns<Row>, rows: readonly Row[]): string =>
  csvHeadings(columns) + csvRows(columns, rows);

/** The first line, for whoever writes the rest as it comes. */
export const csvHeadings = <Row>(columns: Columns<Row>): string => lines([columns.map(([heading]) => heading)]);

/** Lines without headings. */
export const csvRows = <Row>(columns: Columns<Row>, rows: readonly Row[]): string =>
  lines(rows.map((row) => columns.map(([, cell]) => harmless(cell(row)))));

const lines = (cells: readonly (readonly string[])[]): string =>
  stringify(
    cells.map((line) => [...line]),
    { record_delimiter: '\r\n' },
  );

/**
 * A row of a file that was read: the line it begins on there (from 1) and its cells by heading, trimmed; `fault` says that it has too
 * few or too many of them, so that none is under its heading for certain.
 */
export type ReadRow = Readonly<{ line: number; cells: Readonly<Record<string, string>>; fault: string | null }>;

/**
 * Reads a file of headings and rows, separated by `,` or `;`, in UTF-8 with a byte order mark or not; lines may end in any way, and
 * stand in a cell in quotation marks. Headings do not mind case and blanks. As spreadsheets write them, empty cells may follow the last
 * heading, and lines may hold nothing but separators and blanks: these are no rows.
 * @throws DomainError `invalid` `invalid-csv` naming the line that the faulty row begins on, also for a heading that is not among
 * `known`, one of `needed` that is missing, one that is there twice, and more than `most` rows; naming the very line of what is not
 * UTF-8
 */
export const readCsv = (
  file: Buffer,
  { needed, optional = [], most }: Readonly<{ needed: readonly string[]; optional?: readonly string[]; most: number }>,
): readonly ReadRow[] => {
  refuseOtherEncodings(file);
  const [headings, ...rows] = parsed(file.toString(), most);
  if (!headings) throw invalid(1, `must hold the headings ${needed.join(', ')}`);
  const names = withoutEmptyEnd(headings.record).map((heading) => heading.toLowerCase().replaceAll(/\s/g, ''));
  const known = [...needed, ...optional];
  for (const [index, name] of names.entries()) {
    if (!known.includes(name)) throw invalid(headings.line, `has the unknown heading "${name}"; known: ${known.join(', ')}`);
    if (names.indexOf(name) !== index) throw invalid(headings.line, `has the heading "${name}" twice`);
  }
  for (const name of needed) if (!names.includes(name)) throw invalid(headings.line, `lacks the heading "${name}"`);
  return rows.map(({ record, line }) => {
    const has = Math.max(withoutEmptyEnd(record).length, Math.min(record.length, names.length));
    return {
      line,
      cells: Object.fromEntries(names.map((name, index) => [name, record[index] ?? ''])),
      fault: has === names.length ? null : `has ${counted(has, 'cell')}, its headings are ${String(names.length)}`,
    };
  });
};

const counted = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

const withoutEmptyEnd = (record: readonly string[]): readonly string[] =>
  record.slice(0, record.findLastIndex((cell) => cell.trim() !== '') + 1);

/** Anything else than UTF-8 would be read as other letters than were meant. No NUL is in a text, but in UTF-16 it is in most. */
const refuseOtherEncodings = (file: Buffer): void => {
  if (isUtf8(file) && !file.includes(0)) return;
  const lines = file.toString('latin1').split(/\r\n?|\n/);
  const foreign = lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')) || line.includes('\0'));
  throw invalid(foreign + 1, 'is not UTF-8 text: the file must be UTF-8, which a spreadsheet saves as “CSV UTF-8”');
};

type Parsed = Readonly<{ record: readonly string[]; line: number }>;

/** How far the parser is: the last line that it has read, and how many before it were empty. */
type Progress = Readonly<{ lines: number; empty_lines: number }>;

const parsed = (text: string, most: number): readonly Parsed[] => {
  const first = text.split('\n').find((line) => /[^\s,;]/.test(line)) ?? '';
  let before: Progress = { lines: 0, empty_lines: 0 };
  const beginsOn = ({ empty_lines }: Pick<Progress, 'empty_lines'>): number =>
    before.lines + 1 + empty_lines - before.empty_lines;
  const found: Parsed[] = [];
  try {
    parse(text.replaceAll(/\r\n?/g, '\n'), {
      bom: true,
      delimiter: first.includes(';') && !first.includes(',') ? ';' : ',',
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      on_record: (record: readonly string[], progress) => {
        const line = beginsOn(progress);
        before = progress;
        if (withoutEmptyEnd(record).length === 0) return null;
        // The headings are one.
        if (found.length > most) throw invalid(line, `is one too many: at most ${String(most)} rows`);
        found.push({ record, line });
        return null;
      },
    });
    return found;
  } catch (error) {
    if (error instanceof DomainError) throw error;
    const line = isProgress(error) ? beginsOn(error) : 1;
    throw invalid(line, 'is no CSV: a quotation mark is missing, or stands inside a cell that has none around it');
  }
};

const isProgress = (error: unknown): error is Pick<Progress, 'empty_lines'> =>
  error instanceof Error && 'empty_lines' in error && typeof error.empty_lines === 'number';

const invalid = (line: number, message: string): DomainError =>
  new DomainError('invalid', 'invalid-csv', `Line ${String(line)} of the file ${message}.`, [
    { path: `lines[${String(line)}]`, message },
  ]);
