import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  isISO31661Alpha2,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { isEmailAddress } from '#libs/email-address';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { isCurrency } from '#libs/money/currency';
import { Decimal } from '#libs/money/decimal';
import { type Path } from '#libs/read-models/projection';
import { type Query, type Sort } from '#libs/read-models/read-model';
import { isDay, isInstant, isMonth } from '#libs/time/time';

/** Absent is fine, `null` is refused: for what has no meaning of "empty". */
export const Optional = (): PropertyDecorator =>
  applyDecorators(
    ValidateIf((_object: object, value: unknown) => value !== undefined),
    ValidateBy({
      name: 'notNull',
      validator: {
        validate: (value) => value !== null,
        defaultMessage: () => '$property must not be null; leave it out instead',
      },
    }),
    ApiPropertyOptional(),
  );

/** `null` is a value of its own ("none"); absent is allowed too. */
export const Nullable = (): PropertyDecorator =>
  applyDecorators(
    ValidateIf((_object: object, value: unknown) => value !== undefined && value !== null),
    ApiPropertyOptional({ nullable: true }),
  );

const text = (name: string, holds: (value: string) => boolean, message: string): PropertyDecorator =>
  ValidateBy({
    name,
    validator: { validate: (value) => typeof value === 'string' && holds(value), defaultMessage: () => `$property ${message}` },
  });

const PLAIN_DECIMAL = /^-?\d+(\.\d+)?$/;

export type DecimalLimits = Readonly<{ min?: string; max?: string; decimals?: number; digits?: number }>;

/**
 * An exact decimal as text in plain notation, `"-12.5"`: no exponent, no blanks, no separators. Limits are inclusive; `digits`
 * bounds those before the point (15 unless told), `decimals` those behind it (12 unless told).
 */
export const IsDecimalText = ({ min, max, decimals = 12, digits = 15 }: DecimalLimits = {}): PropertyDecorator => {
  const range = [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])];
  const wanted = [`up to ${String(digits)} digits before and ${String(decimals)} behind the point`, ...range].join(', ');
  return applyDecorators(
    text(
      'isDecimalText',
      (value) => {
        if (value.length > digits + decimals + 2 || !PLAIN_DECIMAL.test(value)) return false;
        const [whole = '', fraction = ''] = value.replace('-', '').split('.');
        if (whole.replace(/^0+(?=\d)/, '').length > digits || fraction.length > decimals) return false;
        const amount = Decimal.of(value);
        return (
          (min === undefined || amount.compare(Decimal.of(min)) >= 0) &&
          (max === undefined || amount.compare(Decimal.of(max)) <= 0)
        );
      },
      `must be a decimal number as text (${wanted})`,
    ),
    ApiProperty({ type: String, format: 'decimal', example: '12.5' }),
  );
};

/** `YYYY-MM-DD`, a day that exists. */
export const IsDay = (): PropertyDecorator =>
  applyDecorators(
    text('isDay', isDay, 'must be a day that exists, YYYY-MM-DD'),
    ApiProperty({ type: String, format: 'date', example: '2026-01-31' }),
  );

/** `YYYY-MM`. */
export const IsMonth = (): PropertyDecorator =>
  applyDecorators(
    text('isMonth', isMonth, 'must be a month, YYYY-MM'),
    ApiProperty({ type: String, example: '2026-01', pattern: '^\\d{4}-(0[1-9]|1[0-2])$' }),
  );

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/** An RFC 3339 instant in any zone; it arrives in UTC with milliseconds, as instants compare. */
export const IsInstant = (): PropertyDecorator =>
  applyDecorators(
    Transform(({ value }: Readonly<{ value: unknown }>) => {
      // A day that does not exist would become one that does.
      const isWritten = typeof value === 'string' && RFC_3339.test(value) && isDay(value.slice(0, 10));
      const instant = isWritten ? new Date(value) : undefined;
      return instant && !Number.isNaN(instant.getTime()) ? instant.toISOString() : value;
    }),
    text('isInstant', isInstant, 'must be an instant (RFC 3339), such as 2026-01-31T12:00:00Z'),
    ApiProperty({ type: String, format: 'date-time', example: '2026-01-31T12:00:00Z' }),
  );

/** ISO 4217. */
export const IsCurrencyCode = (): PropertyDecorator =>
  applyDecorators(
    text('isCurrencyCode', isCurrency, 'must be a currency code (ISO 4217), such as USD'),
    ApiProperty({ type: String, example: 'USD' }),
  );

/** ISO 3166-1, two capital letters. */
export const IsCountryCode = (): PropertyDecorator =>
  applyDecorators(
    text(
      'isCountryCode',
      (value) => /^[A-Z]{2}$/.test(value) && isISO31661Alpha2(value),
      'must be a country code (ISO 3166-1, two capital letters), such as US',
    ),
    ApiProperty({ type: String, example: 'US', pattern: '^[A-Z]{2}$' }),
  );

/** What ends lines, is nothing, or turns what stands beside it around, so that one name looks like another. */
const NOT_IN_NAMES = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]/u;
const VISIBLE = /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u;

/** A name or code as people write it: something to see, trimmed, whole characters, none of control, at most `max`. */
export const IsName = (max = 200): PropertyDecorator =>
  applyDecorators(
    text(
      'isName',
      (value) => value.length <= max && value.trim() === value && VISIBLE.test(value) && !NOT_IN_NAMES.test(value),
      `must be 1 to ${String(max)} characters, one of them visible, without blanks around it or characters that end lines or turn text around`,
    ),
    ApiProperty({ type: String, minLength: 1, maxLength: max }),
  );

/** An e-mail address: see `isEmailAddress`. */
export const IsAddress = (max = 320): PropertyDecorator =>
  applyDecorators(
    text(
      'isEmail',
      (value) => value.length <= max && isEmailAddress(value),
      `must be an e-mail address of at most ${String(max)} characters, all of them visible, at a domain that can exist`,
    ),
    ApiProperty({ type: String, format: 'email', maxLength: max }),
  );

// @nestjs/swagger tells a function that names a class from a class by its own name, which has to be "type".
const lazily = (of: () => new () => object): (() => new () => object) => {
  const { type } = { type: () => of() };
  return type;
};

/** One object of its own class, checked throughout: neither absent nor an array passes. */
export const Nested = (type: () => new () => object): PropertyDecorator =>
  applyDecorators(IsObject(), ValidateNested(), Type(type), ApiProperty({ type: lazily(type) }));

/** A list of objects of one class, each checked. */
export const NestedList = (type: () => new () => object, max = 1_000): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    ArrayMaxSize(max),
    IsObject({ each: true }),
    ValidateNested({ each: true }),
    Type(type),
    ApiProperty({ type: lazily(type), isArray: true, maxItems: max }),
  );

const digitsToNumber = ({ value }: Readonly<{ value: unknown }>): unknown =>
  typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;

/** A whole number in a query string, where everything arrives as text. */
export const QueryInteger = (min: number, max: number): PropertyDecorator =>
  applyDecorators(Transform(digitsToNumber), IsInt(), Min(min), Max(max));

/** `true` or `false` in a query string; anything else is refused. */
export const QueryBoolean = (): PropertyDecorator =>
  applyDecorators(
    Transform(({ value }: Readonly<{ value: unknown }>) => (value === 'true' ? true : value === 'false' ? false : value)),
    ValidateBy({
      name: 'isQueryBoolean',
      validator: { validate: (value) => typeof value === 'boolean', defaultMessage: () => '$property must be true or false' },
    }),
  );

/** What every list takes; lists with filters extend it. */
export class PageQuery {
  @Optional()
  @QueryInteger(1, 500)
  @ApiPropertyOptional({ description: 'Items a page', default: 50, minimum: 1, maximum: 500 })
  limit?: number;

  @Optional()
  @IsString()
  // It carries what the last row is sorted by: the longest names, in the longest letters, on each level of a tree.
  @MaxLength(8_000)
  @ApiPropertyOptional({ description: '`nextCursor` of the page before' })
  cursor?: string;

  @Optional()
  @IsString()
  @MaxLength(200)
  @ApiPropertyOptional({ description: 'Fields by comma, `-` before one for descending: `-month,name`' })
  sort?: string;
}

/**
 * The paging part of a read-model query. `sortable` are the fields a caller may name, with the paths that rows are sorted by where
 * these are others (`{ name: 'nameOrder' }`), `otherwise` the order without `sort`, in the caller's fields too.
 * @throws DomainError `invalid` `invalid-sort`
 */
export const paging = (
  query: PageQuery,
  sortable: readonly string[] | Readonly<Record<string, Path>> = [],
  otherwise: Sort = [],
): Required<Pick<Query, 'limit' | 'sort'>> & Pick<Query, 'cursor'> => {
  const paths: ReadonlyMap<string, Path> = new Map(
    sortable instanceof Array ? sortable.map((field) => [field, field]) : Object.entries(sortable),
  );
  const fields = [...paths.keys()];
  const terms = query.sort === undefined ? otherwise : query.sort.split(',').map((term) => sortTerm(term, fields));
  return {
    limit: query.limit ?? 50,
    ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
    sort: terms.map(({ by, direction }) => ({ by: paths.get(by) ?? by, direction })),
  };
};

const sortTerm = (term: string, fields: readonly string[]): Sort[number] => {
  const by = term.replace(/^-/, '');
  if (!fields.includes(by)) {
    const message = fields.length > 0 ? `can be sorted by ${fields.join(', ')}, not by "${by}"` : 'has one order of its own';
    throw new DomainError('invalid', 'invalid-sort', `This list ${message}.`, [{ path: 'sort', message }]);
  }
  return { by, direction: term.startsWith('-') ? 'descending' : 'ascending' };
};
