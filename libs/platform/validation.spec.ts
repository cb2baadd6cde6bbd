import { describe, expect, it } from '@jest/globals';
import { type ArgumentMetadata } from '@nestjs/common';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { InputPipe } from './input-pipe.ts';
import {
  IsAddress,
  IsCurrencyCode,
  IsDay,
  IsDecimalText,
  IsInstant,
  IsMonth,
  IsName,
  NestedList,
  Optional,
  PageQuery,
  paging,
} from './validation.ts';

class Part {
  @Optional()
  @IsName()
  name?: string;
}

class Everything {
  @Optional()
  @NestedList(() => Part)
  parts?: Part[];

  @Optional()
  @IsDecimalText({ min: '-100', max: '100', decimals: 4 })
  percentage?: string;

  @Optional()
  @IsDecimalText()
  amount?: string;

  @Optional()
  @IsDay()
  day?: string;

  @Optional()
  @IsMonth()
  month?: string;

  @Optional()
  @IsCurrencyCode()
  currency?: string;

  @Optional()
  @IsName(5)
  name?: string;

  @Optional()
  @IsInstant()
  instant?: string;

  @Optional()
  @IsAddress()
  email?: string;
}

const BODY: ArgumentMetadata = { type: 'body', metatype: Everything };
const QUERY: ArgumentMetadata = { type: 'query', metatype: PageQuery };

const refusedPaths = async (body: unknown, metadata = BODY): Promise<readonly string[]> => {
  try {
    await new InputPipe().transform(body, metadata);
    return [];
  } catch (error) {
    if (error instanceof DomainError) return error.errors.map(({ path }) => path);
    throw error;
  }
};

describe('the rules for fields', () => {
  it.each([
    ['percentage', '100'],
    ['percentage', '-100.0000'],
    ['percentage', '0.1234'],
    ['amount', '123456789012345.123456789012'],
    ['amount', '000.5'],
    ['day', '2024-02-29'],
    ['month', '2026-12'],
    ['currency', 'KWD'],
    ['name', 'Émil'],
    ['name', 'a\u200db'],
    ['instant', '2024-02-29T12:00:00+02:00'],
    ['email', 'ada@example.com'],
    ['email', 'ada@bücher.example'],
    ['email', 'ada@xn--bcher-kva.example'],
  ])('take %s %j', async (field, value) => {
    expect(await refusedPaths({ [field]: value })).toEqual([]);
  });

  it.each([
    ['percentage', '100.0001'],
    ['percentage', '-101'],
    ['percentage', '0.12345'],
    ['percentage', '1e9'],
    ['percentage', 5],
    ['percentage', null],
    ['amount', '1234567890123456'],
    ['amount', '1,5'],
    ['amount', ' 1'],
    ['amount', '.5'],
    ['amount', '+1'],
    ['amount', ''],
    ['amount', 'NaN'],
    ['day', '2025-02-29'],
    ['day', '2025-2-1'],
    ['day', '2025-02-01T00:00:00Z'],
    ['month', '2025-13'],
    ['currency', 'usd'],
    ['currency', 'XXZ'],
    ['name', ' a'],
    ['name', ''],
    ['name', 'a\u0000b'],
    ['name', 'abcdef'],
    ['name', '\u200b'],
    ['name', '\u3164'],
    ['name', '\ufffe'],
    ['name', 'a\u2028b'],
    ['name', 'a\u202eb'],
    ['name', 'a\ud800'],
    ['instant', '2026-02-30T00:00:00Z'],
    ['email', 'a\ud800@example.com'],
    ['email', 'a\u200b@example.com'],
    ['email', 'example.com'],
    ['email', 'a@xn--bücher.example'],
    ['email', 'a@1א.example'],
  ])('refuse %s %j', async (field, value) => {
    expect(new Set(await refusedPaths({ [field]: value }))).toEqual(new Set([field]));
  });

  it('refuse half of a character wherever it stands in a body, however deeply that is nested', async () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as unknown;
    expect(await refusedPaths({ deep, names: [{ name: 'a' }, { name: '\ud800' }] })).toEqual(['names[1].name']);
  });

  it.each(['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'extra'])(
    'refuse the unknown field %j by its name, at the top, in what is nested and in a query',
    async (name) => {
      const stranger = JSON.parse(`{"${name}": {"a": 1}}`) as object;
      expect(await refusedPaths(stranger)).toEqual([name]);
      expect(await refusedPaths({ parts: [{ name: 'a' }, stranger] })).toContain(`parts[1].${name}`);
      expect(await refusedPaths(stranger, QUERY)).toEqual([name]);
    },
  );

  it('say what is wanted, naming the field by path and not again in words', async () => {
    await expect(new InputPipe().transform({ percentage: '1e9' }, BODY)).rejects.toMatchObject({
      code: 'invalid-input',
      errors: [
        {
          path: 'percentage',
          message: 'must be a decimal number as text (up to 15 digits before and 4 behind the point, at least -100, at most 100)',
        },
      ],
    });
  });
});

describe('the page of a list', () => {
  it.each([
    { limit: '0' },
    { limit: '501' },
    { limit: '1.5' },
    { limit: 'ten' },
    { limit: '' },
    { page: '2' },
    { cursor: ['a', 'b'] },
  ])('refuses %j', async (query) => {
    expect(await refusedPaths(query, QUERY)).not.toEqual([]);
  });

  it('has 50 items unless told', async () => {
    expect(paging(new PageQuery())).toEqual({ limit: 50, sort: [] });
    const query: unknown = await new InputPipe().transform({ limit: '7', cursor: 'c', sort: '-month,name' }, QUERY);
    expect(paging(query as PageQuery, ['name', 'month'])).toEqual({
      limit: 7,
      cursor: 'c',
      sort: [
        { by: 'month', direction: 'descending' },
        { by: 'name', direction: 'ascending' },
      ],
    });
  });

  it('is sorted by what stands for a field in its rows, also where nobody names a field', () => {
    const sortable = { name: 'nameOrder', month: 'month' };
    const byName = [{ by: 'name', direction: 'ascending' }] as const;
    expect(paging({}, sortable, byName).sort).toEqual([{ by: 'nameOrder', direction: 'ascending' }]);
    expect(paging({ sort: '-name,month' }, sortable, byName).sort).toEqual([
      { by: 'nameOrder', direction: 'descending' },
      { by: 'month', direction: 'ascending' },
    ]);
    expect(() => paging({ sort: 'nameOrder' }, sortable)).toThrow('This list can be sorted by name, month, not by "nameOrder".');
  });

  it('is not sorted by just any field', () => {
    expect(() => paging({ sort: 'secret' }, ['name'])).toThrow('This list can be sorted by name, not by "secret".');
    expect(() => paging({ sort: 'name' })).toThrow('This list has one order of its own.');
  });
});
