import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Columns, readCsv, writeCsv } from './csv.ts';

type Row = Readonly<{ name: string; amount: string | null }>;
const columns: Columns<Row> = [
  ['name', ({ name }) => name],
  ['amount', ({ amount }) => amount],
];
const written = (name: string, amount: string | null = null): string => writeCsv(columns, [{ name, amount }]);

describe('a file that is written', () => {
  it('has headings, quotation marks where they are needed, and empty cells for nothing', () => {
    expect(written('Ada, "the first"', '12.5')).toBe('name,amount\r\n"Ada, ""the first""",12.5\r\n');
    expect(written('Ada')).toBe('name,amount\r\nAda,\r\n');
    expect(writeCsv(columns, [])).toBe('name,amount\r\n');
  });

  it.each(['=1+1', '+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', '＝1', '=HYPERLINK("https://evil.example")'])(
    'holds no formula: %j',
    (name) => {
      const [, row] = parse(written(name));
      expect(row).toEqual([`'${name}`, '']);
    },
  );

  it('leaves negative amounts what they are', () => {
    expect(written('x', '-12.50')).toBe('name,amount\r\nx,-12.50\r\n');
  });

  it('begins no cell like a formula, whatever is in it, and loses nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '=', '+', '-', '@'), (rest, first) => {
        const name = first + rest;
        const [, row] = parse(written(name)) as readonly (readonly string[])[];
        const shown = row?.[0] ?? '';
        expect(/^[=+@]/.test(shown) || (shown.startsWith('-') && !/^-\d+(\.\d+)?$/.test(shown))).toBe(false);
        expect(shown.replace(/^'(?=[=+\-@\t\r＝＋－＠])/, '')).toBe(name.replace(/^'(?=[=+\-@\t\r＝＋－＠])/, ''));
      }),
    );
  });
});

describe('a file that is read', () => {
  const readBytes = (bytes: Buffer) => readCsv(bytes, { needed: ['email', 'name'], optional: ['role'], most: 2 });
  const read = (text: string) => readBytes(Buffer.from(text));
  const refusal = (file: string | Buffer): string => {
    try {
      readBytes(Buffer.from(file));
    } catch (error) {
      if (error instanceof DomainError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return '';
  };

  it('gives cells by heading, with their lines, however it is separated', () => {
    const ada = { line: 2, cells: { email: 'ada@example.com', name: 'Ada, L.' }, fault: null };
    expect(read('email,name\nada@example.com,"Ada, L."\n')).toEqual([ada]);
    expect(read('\uFEFFEMAIL; Name\r\nada@example.com; Ada, L.\r\n')).toEqual([ada]);
    expect(read('name,email,role\n\n\nBob,bob@example.com,admin')).toEqual([
      { line: 4, cells: { email: 'bob@example.com', name: 'Bob', role: 'admin' }, fault: null },
    ]);
    expect(read('email,name\n')).toEqual([]);
  });

  it.each([
    ['too few', 'c', { email: 'c', name: '' }, 'has 1 cell, its headings are 2'],
    ['too many', 'c,d,,e', { email: 'c', name: 'd' }, 'has 4 cells, its headings are 2'],
  ])('says of a row with %s cells that it has, and gives the others', (_, line, cells, fault) => {
    expect(read(`email,name\n${line}\na,b\n`)).toEqual([
      { line: 2, cells, fault },
      { line: 3, cells: { email: 'a', name: 'b' }, fault: null },
    ]);
  });

  it.each([
    ['after a row', 'email,name\na,b,, ,\n'],
    ['after the headings, too', 'email;name;;\na;b;;\n'],
    ['in the last place', 'email,name,role,\na,b,,\n'],
  ])('minds no empty cells %s', (_, text) => {
    expect(read(text)).toEqual([
      expect.objectContaining({ line: 2, cells: expect.objectContaining({ name: 'b' }), fault: null }),
    ]);
  });

  it('takes lines of nothing but separators and blanks for no rows, and counts them as lines', () => {
    const rows = read(',,\nemail,name\n,\n , ,,\na,b\n,,\n"","\n"\nc,d\n,\n');
    expect(rows.map(({ line, cells }) => [line, cells['email']])).toEqual([
      [5, 'a'],
      [9, 'c'],
    ]);
    expect(read(';;\nemail;name\na;b\n')).toHaveLength(1);
    expect(refusal(',,\n')).toBe('invalid-csv: Line 1 of the file must hold the headings email, name.');
  });

  it.each([
    ['', 'invalid-csv: Line 1 of the file must hold the headings email, name.'],
    ['email\nx', 'invalid-csv: Line 1 of the file lacks the heading "name".'],
    ['email,name,colour\n', 'invalid-csv: Line 1 of the file has the unknown heading "colour"; known: email, name, role.'],
    ['email,name,name\n', 'invalid-csv: Line 1 of the file has the heading "name" twice.'],
    ['email,name,,role\n', 'invalid-csv: Line 1 of the file has the unknown heading ""; known: email, name, role.'],
    ['email,name\na,b\n,\nc,d\ne\nf,g\n', 'invalid-csv: Line 5 of the file is one too many: at most 2 rows.'],
    [
      'email,name\na,"b\n',
      'invalid-csv: Line 2 of the file is no CSV: a quotation mark is missing, or stands inside a cell that has none around it.',
    ],
  ])('names the line of what is wrong in %j', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it.each([
    ['a line break in a cell', 'email,name\na,"b\nc"\n\nd,e\n', [2, 5]],
    ['an empty line of blanks', 'email,name\n\n  \na,"b\r\n\r\nc"\r\nd,e', [4, 7]],
    ['a heading of two lines', '\n"email","na\nme"\na,b', [4]],
  ])('names a row by the line that it begins on, after %s', (_, text, lines) => {
    expect(read(text).map(({ line }) => line)).toEqual(lines);
  });

  it.each([
    ['email,name\na,"b\nc"\nd"\n', 4],
    ['email,name\n,\n,"\n"\nd"\n', 5],
    ['email,name\n\na,"b\nc\nd\n', 3],
    ['email,name\na,"b\nc"d\n', 2],
    ['email,name\na,"b\n\nc"\n\nd,e"f"\n', 6],
    ['email,name\na,"\n"\nc,d\ne,"\n"', 5],
  ])('names a faulty row by the line that it begins on: %j', (text, line) => {
    expect(refusal(text)).toContain(`Line ${String(line)} of the file`);
  });

  const NOT_UTF_8 = 'is not UTF-8 text: the file must be UTF-8, which a spreadsheet saves as “CSV UTF-8”';
  it.each([
    ['Latin-1', Buffer.from('email,name\r\na,b\rc,Müller\n', 'latin1'), `Line 3 of the file ${NOT_UTF_8}.`],
    ['half a character', Buffer.from('email,name\na,Ü').subarray(0, -1), `Line 2 of the file ${NOT_UTF_8}.`],
    ['half a pair', Buffer.from([...Buffer.from('email,name\na,'), 0xed, 0xa0, 0x80]), `Line 2 of the file ${NOT_UTF_8}.`],
    ['UTF-16 with its mark', Buffer.from('\uFEFFemail,name\n', 'utf16le'), `Line 1 of the file ${NOT_UTF_8}.`],
    ['UTF-16 the other way round', Buffer.from('\uFEFFemail,name\n', 'utf16le').swap16(), `Line 1 of the file ${NOT_UTF_8}.`],
    ['UTF-16 without a mark', Buffer.from('email,name\n', 'utf16le'), `Line 1 of the file ${NOT_UTF_8}.`],
  ])('is refused when it is %s', (_, bytes, message) => {
    expect(refusal(bytes)).toBe(`invalid-csv: ${message}`);
  });

  it('is what was written, whatever people are called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const name = text.trim();
        fc.pre(!/^[=+\-@'＝＋－＠]/.test(name));
        const file = writeCsv<string>(
          [
            ['email', () => 'e'],
            ['name', (cell) => cell],
          ],
          [name],
        );
        expect(read(file)).toEqual([expect.objectContaining({ cells: { email: 'e', name } })]);
      }),
    );
  });
});
