import { type OpenAPIObject } from '@nestjs/swagger';

/** A schema object as OpenAPI 3.0 has it, or a reference to one. */
export type JsonSchema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

declare const described: unique symbol;

/** `named` are the schemas that `json` refers to by name. */
type AnySchema = Readonly<{ json: JsonSchema; named: Readonly<Record<string, JsonSchema>> }>;

/**
 * What the docs say about values of T, no more and no less: the compiler refuses a schema of another type, a wider or a narrower one
 * included.
 */
export type Schema<T> = AnySchema & { readonly [described]?: (value: T) => T };

/** A field that may be left out. */
type Optional<T> = Readonly<{ optional: Schema<T> }>;

/** A schema for each field of T, `optional` where the field is. */
export type FieldsOf<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? Optional<Exclude<T[K], undefined>> : Schema<T[K]>;
};

type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;
/** The fields that all variants have would pass for the whole union. */
type OneObject<T> = true extends IsUnion<T> ? 'a union is described by oneOf its variants' : unknown;

const isReference = (json: JsonSchema): json is Extract<JsonSchema, { $ref: string }> => '$ref' in json;

/** A scalar, or whatever else needs no other schema. */
export const schema = <T>(json: JsonSchema): Schema<T> => ({ json, named: {} });

export const text: Schema<string> = schema({ type: 'string' });
export const integer: Schema<number> = schema({ type: 'integer' });
/** A number of things. */
export const count: Schema<number> = schema({ type: 'integer', minimum: 0 });
export const flag: Schema<boolean> = schema({ type: 'boolean' });
export const anything: Schema<unknown> = schema({ description: 'Any JSON value' });

/** One of these values. */
export const choice = <const V extends readonly (string | boolean)[]>(...values: V): Schema<V[number]> =>
  schema({ type: typeof values[0] === 'boolean' ? 'boolean' : 'string', enum: [...values] });

export const list = <T>({ json, named }: Schema<T>): Schema<readonly T[]> => ({ json: { type: 'array', items: json }, named });

/** OpenAPI 3.0 lets null in beside a type only. */
export const nullable = <T>({ json, named }: Schema<T>): Schema<T | null> => {
  if (isReference(json) || json.type === undefined)
    return { json: { oneOf: [json, { type: 'string', nullable: true, enum: [null] }] }, named };
  return { json: { ...json, nullable: true, ...(json.enum && { enum: [...(json.enum as unknown[]), null] }) }, named };
};

export const optional = <T>(of: Schema<T>): Optional<T> => ({ optional: of });

/** The same in words, where the name of the field does not say it. */
export const saying = <T>(description: string, { json, named }: Schema<T>): Schema<T> => ({
  json: isReference(json) ? { allOf: [json], description } : { ...json, description },
  named,
});

/** An object of T; `T` is always given, so that the compiler compares. */
export const object = <T extends object>(fields: FieldsOf<NoInfer<T>> & OneObject<T>): Schema<T> =>
  objectOf(Object.entries<AnySchema | Readonly<{ optional: AnySchema }>>({ ...fields }));

/** A row whose columns only the data knows by type. */
export const row = (columns: Readonly<Record<string, AnySchema>>): Schema<Readonly<Record<string, unknown>>> =>
  objectOf(Object.entries(columns));

const objectOf = (fields: readonly (readonly [string, AnySchema | Readonly<{ optional: AnySchema }>])[]): AnySchema => {
  const described = fields.map(([field, given]) => [field, 'optional' in given ? given.optional : given] as const);
  const required = fields.flatMap(([field, given]) => ('optional' in given ? [] : [field]));
  return {
    json: {
      type: 'object',
      properties: Object.fromEntries(described.map(([field, { json }]) => [field, json])),
      ...(required.length > 0 && { required }),
    },
    named: together(described.map(([, of]) => of)),
  };
};

type TypeOf<S> = S extends Schema<infer T> ? T : never;

/** One of these variants, told apart by what their fields may hold. */
export const oneOf = <const S extends readonly AnySchema[]>(...variants: S): Schema<TypeOf<S[number]>> => ({
  json: { oneOf: variants.map(({ json }) => json) },
  named: together(variants),
});

/** A schema that the docs show once, under its name. */
export const named = <T>(name: string, of: Schema<T>): Schema<T> => ({
  json: { $ref: `#/components/schemas/${name}` },
  named: withNamed(of.named, name, of.json),
});

const together = (schemas: readonly AnySchema[]): AnySchema['named'] =>
  schemas.flatMap((of) => Object.entries(of.named)).reduce((all, [name, json]) => withNamed(all, name, json), {});

/** @throws Error when two different schemas bear the same name: the docs would show one of them for both. */
export const withNamed = <J>(all: Readonly<Record<string, J>>, name: string, json: J): Readonly<Record<string, J>> => {
  const known = all[name];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(json))
    throw new Error(`Two different schemas are called "${name}".`);
  return { ...all, [name]: json };
};
