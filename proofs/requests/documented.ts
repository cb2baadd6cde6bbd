import { Ajv } from 'ajv';
import { isDay } from '#libs/time/time';

export type Schema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, Readonly<{ schema?: Schema }>>>;
export type Parameter = Readonly<{ name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema?: Schema }>;
type Response = Readonly<{ content?: Content; headers?: Readonly<Record<string, unknown>> }>;
type Operation = Readonly<{
  operationId: string;
  security?: readonly unknown[];
  parameters?: readonly Parameter[];
  requestBody?: Readonly<{ content: Content }>;
  responses: Readonly<Record<string, Response>>;
}>;
/** One method of one path as the platform's own OpenAPI document describes it. */
export type Route = Readonly<{ method: string; path: string; operation: Operation }>;
export type OpenApi = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  components: Readonly<{ schemas: Readonly<Record<string, Schema>> }>;
}>;

export const routesOf = ({ paths }: OpenApi): readonly Route[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );

/** The names of a path's parameters, from left to right. */
export const parametersIn = (path: string): readonly string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

/** The same with nothing allowed that it does not name, or a field nobody described would pass. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.fromEntries(Object.entries(value).map(([name, field]) => [name, closed(field)]));
  return fields['type'] === 'object' && 'properties' in fields ? { ...fields, additionalProperties: false } : fields;
};

const isUuid = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
const isInstant = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text));
const FORMATS = { uuid: isUuid, date: isDay, 'date-time': isInstant, decimal: true, email: true, binary: true } as const;

/** What is wrong with a value, empty when nothing is. */
export type Faults = (schema: Schema, value: unknown) => string;

/** Judges values by the document's schemas, every field that they do not name a fault. */
export const faultsBy = ({ components }: Pick<OpenApi, 'components'>): Faults => {
  const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, formats: FORMATS });
  ajv.addVocabulary(['components', 'example']);
  const known = new Map<Schema, ReturnType<Ajv['compile']>>();
  const shared = closed(components) as object;
  return (schema, value) => {
    let validate = known.get(schema);
    if (!validate) known.set(schema, (validate = ajv.compile({ ...(closed(schema) as object), components: shared })));
    if (validate(value)) return '';
    return (validate.errors ?? [])
      .slice(0, 5)
      .map(({ instancePath, message = '', params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`)
      .join('; ');
  };
};
