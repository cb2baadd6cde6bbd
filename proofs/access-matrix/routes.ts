import { type Presence } from '#libs/platform/requires';

/** What is read of the platform's API document. */
export type OpenApi = Readonly<{ paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }>;

type Parameter = Readonly<{
  name: string;
  in: string;
  schema?: Readonly<{ type?: string; format?: string; enum?: readonly unknown[] }>;
}>;

type Operation = Readonly<{
  parameters?: readonly Parameter[];
  requestBody?: Readonly<{ content?: Readonly<Record<string, unknown>> }>;
  security?: readonly unknown[];
  'x-requires'?: Readonly<{ permission: string; on: 'tenant' | 'parentOf' | 'platform' | 'reach' }>;
  'x-in-person'?: Presence;
}>;

/** A route as the matrix sees it: who may call it, and where it takes ids. */
export type Route = Readonly<{
  method: string;
  /** With its parameters in braces. */
  path: string;
  requires: Operation['x-requires'];
  /** Whoever is not logged in may call it. */
  isPublic: boolean;
  /** Not for everybody whom it admits, depending on how they came to act as they do. */
  presence: Presence | undefined;
  takes: 'nothing' | 'json' | 'files';
  /** Ids in the path, the tenant's apart. */
  ids: readonly string[];
  /** Ids in the query. */
  queryIds: readonly string[];
  /** Where the query takes text: what the business calls things by may stand there. */
  queryTexts: readonly string[];
  isList: boolean;
}>;

/** Path parameters that name nothing of anybody: a month, a version and so on are the same for every tenant. */
const NO_IDS: ReadonlySet<string> = new Set(['tenantId', 'month', 'version', 'number', 'name']);

/** Query parameters that name nothing of anybody, either. */
const NO_TEXTS: ReadonlySet<string> = new Set(['cursor', 'sort', 'month', 'columns', 'status']);

const takenBy = ({ requestBody }: Operation): Route['takes'] => {
  if (requestBody === undefined) return 'nothing';
  return Object.keys(requestBody.content ?? {}).some((type) => type.startsWith('multipart/')) ? 'files' : 'json';
};

export const routesOf = ({ paths }: OpenApi): readonly Route[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Route => {
      const { parameters = [], security, 'x-requires': requires, 'x-in-person': presence } = operation;
      const inQuery = parameters.filter((parameter) => parameter.in === 'query');
      return {
        method: method.toUpperCase(),
        path,
        requires,
        isPublic: security === undefined,
        presence,
        takes: takenBy(operation),
        ids: [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => (name === undefined || NO_IDS.has(name) ? [] : [name])),
        queryIds: inQuery.filter(({ schema }) => schema?.format === 'uuid').map(({ name }) => name),
        queryTexts: inQuery
          .filter(({ name, schema }) => schema?.type === 'string' && !schema.format && !schema.enum && !NO_TEXTS.has(name))
          .map(({ name }) => name),
        isList: inQuery.some(({ name }) => name === 'cursor'),
      };
    }),
  );

export const titleOf = ({ method, path }: Pick<Route, 'method' | 'path'>): string => `${method} ${path}`;

/** The list in which the things are that the path parameter names: the path before it. */
export const listOf = ({ path }: Pick<Route, 'path'>, id: string): string => path.slice(0, path.indexOf(`/{${id}}`));
