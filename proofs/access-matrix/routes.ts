/** What is read of the platform's API document. */
export type OpenApi = Readonly<{ paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }>;

type Operation = Readonly<{
  parameters?: readonly Readonly<{ name: string; in: string; schema?: Readonly<{ format?: string }> }>[];
  requestBody?: unknown;
  security?: readonly unknown[];
  'x-requires'?: Readonly<{ permission: string; on: 'tenant' | 'parentOf' | 'platform' | 'reach' }>;
}>;

/** A route as the matrix sees it: who may call it, and where it takes ids. */
export type Route = Readonly<{
  method: string;
  /** With its parameters in braces. */
  path: string;
  requires: Operation['x-requires'];
  /** Whoever is not logged in may call it. */
  isPublic: boolean;
  takesBody: boolean;
  /** Ids in the path, the tenant's apart. */
  ids: readonly string[];
  /** Ids in the query. */
  queryIds: readonly string[];
  isList: boolean;
}>;

/** Path parameters that name nothing of anybody: a month, a version and so on are the same for every tenant. */
const NO_IDS: ReadonlySet<string> = new Set(['tenantId', 'month', 'version', 'number', 'name']);

export const routesOf = ({ paths }: OpenApi): readonly Route[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, security, 'x-requires': requires }]): Route => {
      const inQuery = parameters.filter((parameter) => parameter.in === 'query');
      return {
        method: method.toUpperCase(),
        path,
        requires,
        isPublic: security === undefined,
        takesBody: requestBody !== undefined,
        ids: [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, name]) => (name === undefined || NO_IDS.has(name) ? [] : [name])),
        queryIds: inQuery.filter(({ schema }) => schema?.format === 'uuid').map(({ name }) => name),
        isList: inQuery.some(({ name }) => name === 'cursor'),
      };
    }),
  );

export const titleOf = ({ method, path }: Pick<Route, 'method' | 'path'>): string => `${method} ${path}`;

/** The list in which the things are that the path parameter names: the path before it. */
export const listOf = ({ path }: Pick<Route, 'path'>, id: string): string => path.slice(0, path.indexOf(`/{${id}}`));
