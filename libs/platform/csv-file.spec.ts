import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { csvFile } from './csv-file.ts';

const PAGES = 5;

describe('a list as a CSV file', () => {
  it('has the headings once, and every page after the one before', async () => {
    const asked: unknown[] = [];
    const file = csvFile<number>('numbers', [['number', (number) => number]], (part) => {
      asked.push(part);
      const page = Number(part.cursor ?? '0');
      return Promise.resolve({ items: [2 * page, 2 * page + 1], nextCursor: page < 2 ? String(page + 1) : null });
    });
    expect(await text(file.getStream())).toBe('number\r\n0\r\n1\r\n2\r\n3\r\n4\r\n5\r\n');
    expect(asked).toEqual([{ limit: 500 }, { limit: 500, cursor: '1' }, { limit: 500, cursor: '2' }]);
    expect(file.getHeaders()).toEqual({
      type: 'text/csv; charset=utf-8',
      disposition: 'attachment; filename="numbers.csv"',
      length: undefined,
    });
  });

  it('lets others be answered between two pages', async () => {
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const turnsAt: number[] = [];
    const file = csvFile<number>('numbers', [['number', (number) => number]], () => {
      turnsAt.push(turns);
      return Promise.resolve({ items: [1], nextCursor: turnsAt.length < PAGES ? 'next' : null });
    });
    await text(file.getStream());
    done = true;
    expect(new Set(turnsAt).size).toBe(PAGES);
  });
});
