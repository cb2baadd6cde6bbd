import fc from 'fast-check';
import { type OpenApi, type Schema } from './documented.ts';
import { isFields, type Json, type Memory } from './memory.ts';

type Values = fc.Arbitrary<Json>;

/** Texts and numbers that programs stumble over. */
const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e\u200b\ufeff',
  '👩‍👩‍👧‍👦',
  'İıſß',
  '../../etc/passwd',
  '%00',
  "'; DROP TABLE events; --",
  '${jndi:x}',
  '__proto__',
  'constructor',
  'null',
  'NaN',
  '1e999',
  '-0',
  '0x10',
  '2025-02-30',
  '9999-12-31',
  '0000-01-01',
  '2026-13',
  '0000-00',
  '1'.repeat(400),
  '0.' + '3'.repeat(400),
  '𝒳'.repeat(300),
  'x'.repeat(20_000),
  '(((((A',
  'A AND NOT (B OR',
  '*'.repeat(500),
];
const ODD_NUMBERS: readonly number[] = [-1, 0, 0.1, -0.5, 1e21, -1e308, 2 ** 31, 2 ** 53, -(2 ** 63), 5e-324, 1_000_000];
const PROTOTYPE = JSON.parse('{"__proto__": {"admin": true}, "constructor": {"prototype": {"admin": true}}}') as Json;

export const oddText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ODD_TEXTS) },
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

/** Anything that JSON can say. */
export const odd: Values = fc.oneof(
  oddText,
  fc.constantFrom<Json>(null, true, false, PROTOTYPE, {}, []),
  fc.constantFrom(...ODD_NUMBERS),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.array(oddText, { maxLength: 3 }),
  fc.constant<Json>(Array.from({ length: 1_500 }, (_, index) => index)),
  fc.jsonValue({ maxDepth: 3 }) as Values,
);

const oneOf = <T>(...weighted: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]): fc.Arbitrary<T> =>
  fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const pickFrom = (values: readonly Json[]): Values => fc.constantFrom(...values);

const days = fc
  .tuple(fc.constantFrom(2024, 2025, 2026), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, day]) => `${String(year)}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`);
const decimals = fc
  .tuple(fc.integer({ min: -120, max: 1_000 }), fc.option(fc.stringMatching(/^\d{1,4}[1-9]$/), { nil: undefined }))
  .map(([whole, part]) => (part === undefined ? String(whole) : `${String(whole)}.${part}`));
const words = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzÄß -.0123456789'), minLength: 1, maxLength: 20 });

const numberOr = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);

/** fast-check makes no text for what must not follow: made without, then held to it. */
const matching = (pattern: string): fc.Arbitrary<string> => {
  const whole = new RegExp(pattern);
  return fc.stringMatching(new RegExp(pattern.replace(/\(\?!\([^)]*\)[^)]*\)/g, ''))).filter((text) => whole.test(text));
};

const texts = (schema: Schema): fc.Arbitrary<string> => {
  const min = numberOr(schema['minLength'], 0);
  const max = numberOr(schema['maxLength'], 30);
  if (schema['format'] === 'uuid') return fc.uuid();
  if (schema['format'] === 'date') return days;
  if (schema['format'] === 'date-time') return days.map((day) => `${day}T12:00:00Z`);
  if (schema['format'] === 'decimal') return decimals;
  if (schema['format'] === 'email') return fc.emailAddress({ size: 'small' });
  if (typeof schema['pattern'] === 'string') return matching(schema['pattern']);
  const long = words.map((word) =>
    word
      .repeat(Math.ceil(min / word.length))
      .padEnd(min, 'x')
      .slice(0, max),
  );
  return oneOf([9, long], [1, fc.constant('z'.repeat(Math.min(max, 3_000)))]);
};

/** Values that the schema takes, as far as it says so; those of a known name are often ones that exist. */
export const valuesOf = (schema: Schema, name: string, { components }: OpenApi, memory: Memory, depth = 0): Values => {
  const of = (inner: Schema, innerName: string): Values =>
    valuesOf(inner, innerName, { components, paths: {} }, memory, depth + 1);
  const { $ref, oneOf: choices, allOf, enum: options, type, nullable } = schema;
  const orNull = (values: Values): Values => (nullable === true ? oneOf([6, values], [1, fc.constant<Json>(null)]) : values);
  if (typeof $ref === 'string') {
    const found = components.schemas[$ref.slice($ref.lastIndexOf('/') + 1)];
    if (!found) throw new Error(`the document has no ${$ref}`);
    return of(found, name);
  }
  if (Array.isArray(allOf)) return orNull(of(allOf[0] as Schema, name));
  if (Array.isArray(choices)) return orNull(fc.oneof(...choices.map((choice) => of(choice as Schema, name))));
  if (Array.isArray(options)) return orNull(pickFrom(options as readonly Json[]));
  const known = memory.values(name).filter((value) => typeof value === type);
  const live = (values: Values): Values => orNull(known.length === 0 ? values : oneOf([2, pickFrom(known)], [1, values]));
  switch (type) {
    case 'string':
      return live(texts(schema));
    case 'integer':
    case 'number':
      return live(fc.integer({ min: numberOr(schema['minimum'], 0), max: numberOr(schema['maximum'], 1_000) }));
    case 'boolean':
      return orNull(fc.boolean());
    case 'array': {
      const minLength = numberOr(schema['minItems'], 0);
      const sizes = { minLength, maxLength: minLength + (depth > 3 ? 1 : 2) };
      const items = of((schema['items'] ?? {}) as Schema, name);
      return schema['uniqueItems'] === true
        ? fc.uniqueArray(items, { ...sizes, selector: (item) => JSON.stringify(item) })
        : fc.array(items, sizes);
    }
    case 'object': {
      const properties = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, Schema>>);
      const required = (schema['required'] ?? []) as readonly string[];
      const fields = Object.fromEntries(properties.map(([field, inner]) => [field, of(inner, field)]));
      const all = fc.record(fields, { noNullPrototype: true }) as Values;
      const some = fc.record(fields, { requiredKeys: [...required], noNullPrototype: true }) as Values;
      const few = fc.record(Object.fromEntries(required.map((field) => [field, fields[field] ?? odd])), {
        noNullPrototype: true,
      }) as Values;
      return orNull(oneOf([1, all], [3, some], [3, few]));
    }
    default:
      return odd;
  }
};

const EXTRA = ['extra', 'id', 'tenantId', '__proto__', 'constructor', 'toString', ' ', '\u0000', '$where'];

/** `Object.fromEntries` makes `__proto__` a field like any other, as a JSON text can. */
const withField = (fields: Readonly<Record<string, Json>>, name: string, value: Json): Json =>
  Object.fromEntries([...Object.entries(fields).filter(([other]) => other !== name), [name, value]]);

/** The value with one thing wrong, somewhere in it; `choices` decides where and what. */
const broken = (value: Json, choose: (below: number) => number, replacement: Json): Json => {
  const deeper = choose(3) > 0;
  if (Array.isArray(value)) {
    const items = value as readonly Json[];
    if (items.length > 0 && deeper) {
      const at = choose(items.length);
      return items.map((item, index) => (index === at ? broken(item, choose, replacement) : item));
    }
    return choose(2) === 0 ? [...items, replacement] : [...items, ...items];
  }
  if (isFields(value)) {
    const names = Object.keys(value);
    const name = names[choose(Math.max(1, names.length))];
    if (name !== undefined && deeper) return withField(value, name, broken(value[name] ?? null, choose, replacement));
    switch (choose(4)) {
      case 0:
        return name === undefined ? replacement : Object.fromEntries(Object.entries(value).filter(([other]) => other !== name));
      case 1:
        return withField(value, EXTRA[choose(EXTRA.length)] ?? 'extra', replacement);
      case 2:
        return [value];
      default:
        return name === undefined ? replacement : withField(value, name, replacement);
    }
  }
  if (typeof value === 'string')
    return [replacement, value.repeat(300), ` ${value} `, `${value}\u0000`, value.toUpperCase(), [value], ''][choose(7)] ?? '';
  if (typeof value === 'number') return [replacement, -value, value * 1e18, value + 0.5, String(value)][choose(5)] ?? 0;
  return replacement;
};

/** Values with one or two things wrong. */
export const mutated = (values: Values): Values =>
  fc
    .tuple(values, odd, odd, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), fc.boolean())
    .map(([value, first, second, choices, twice]) => {
      let at = 0;
      const choose = (below: number): number => (choices[at++ % choices.length] ?? 0) % below;
      const once = broken(value, choose, first);
      return twice ? broken(once, choose, second) : once;
    });
