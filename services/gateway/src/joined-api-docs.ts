import { isOfTheShell, type Served } from './routing-table.ts';

/** An OpenAPI document, as far as joining needs it. */
export type ApiDocs = Served &
  Readonly<{
    info?: object | undefined;
    tags?: readonly object[] | undefined;
    components?: object | undefined;
  }>;

const OPERATIONS = '/api/v1/operations';
/** Where the gateway serves the operators' routes of one service. */
const OPERATIONS_OF_SERVICE = '/api/v1/services/{service}/operations';

type Operation = Readonly<{ parameters?: readonly unknown[] }>;

/**
 * One document of what all services serve. `own` is the gateway's; the operators' routes, which every service has, stand there once
 * with the service as a parameter. Of schemas and routes of one name the first service's counts.
 */
export const joinedApiDocs = <Own extends ApiDocs>(own: Own, documents: ReadonlyMap<string, ApiDocs>): Own => {
  const services = [...documents.keys()];
  const all = [...documents.values()];
  const paths: Record<string, object> = {};
  for (const { paths: served } of all)
    for (const [path, item] of Object.entries(served)) if (!isOfTheShell(path)) paths[path] ??= item;
  for (const { paths: served } of all)
    for (const [path, item] of Object.entries(served))
      if (path.startsWith(OPERATIONS)) paths[path.replace(OPERATIONS, OPERATIONS_OF_SERVICE)] ??= ofOneService(item, services);
  const parts: readonly ApiDocs[] = [own, ...all];
  return {
    ...own,
    ...(all[0]?.info ? { info: all[0].info } : {}),
    paths: { ...own.paths, ...paths },
    components: joinedComponents(parts.flatMap(({ components }) => components ?? [])),
    tags: parts.flatMap(({ tags }) => tags ?? []),
  };
};

const ofOneService = (item: object, services: readonly string[]): object => {
  const service = { name: 'service', in: 'path', required: true, schema: { type: 'string', enum: services } };
  return Object.fromEntries(
    Object.entries(item as Readonly<Record<string, Operation>>).map(([method, operation]) => [
      method,
      { ...operation, parameters: [service, ...(operation.parameters ?? [])] },
    ]),
  );
};

const joinedComponents = (parts: readonly object[]): object => {
  const joined: Record<string, object> = {};
  for (const part of parts)
    for (const [kind, entries] of Object.entries(part as Readonly<Record<string, object>>))
      joined[kind] = { ...entries, ...joined[kind] };
  return joined;
};
