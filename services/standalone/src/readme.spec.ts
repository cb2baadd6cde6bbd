import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { configurationTable, PLATFORM_CONCERNS } from '#libs/platform/configuration';
import { SERVICES } from './services.ts';

const README = new URL('../../../README.md', import.meta.url);

/** Cells of a Markdown table's body, without the padding that the formatter gives them. */
const cellsOf = (table: string): readonly (readonly string[])[] =>
  table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe('the README', () => {
  it('lists every configuration variable with its default and meaning', async () => {
    const text = await readFile(README, 'utf8');
    const [, table = ''] = /<!-- configuration:begin -->([\s\S]*)<!-- configuration:end -->/.exec(text) ?? [];
    const concerns = [...PLATFORM_CONCERNS, ...SERVICES.flatMap(({ configuration = [] }) => configuration)];
    expect(cellsOf(table)).toEqual(
      configurationTable(concerns).map(({ variable, fallback, description }) => [
        `\`${variable}\``,
        fallback === '' ? '' : `\`${fallback}\``,
        description.replaceAll('|', '\\|'),
      ]),
    );
  });
});
