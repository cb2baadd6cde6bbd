import { parametersIn, type Route } from './documented.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type Parameters = Readonly<Record<string, string>>;

const KEPT_IDS = 60;
const KEPT_BODIES = 30;
/** What a path's `name` is called in the items that have one. */
const NAMING = ['consumer', 'projection'];

const keep = <T>(list: T[], value: T, most: number): void => {
  if (list.length < most) list.push(value);
  else list[list.length % 2 === 0 ? Math.floor(most / 2) : most - 1] = value;
};

/**
 * What earlier answers have shown: ids that exist, bodies that were accepted, revisions and cursors. Requests made of it get past the
 * first checks.
 */
export class Memory {
  readonly #routes: readonly Route[];
  readonly #places = new Map<string, Parameters[]>();
  readonly #values = new Map<string, Set<Json>>();
  readonly #bodies = new Map<string, Json[]>();
  readonly #tags = new Map<string, string>();
  readonly cursors: string[] = [];

  constructor(routes: readonly Route[]) {
    this.#routes = routes;
  }

  /** Parameters that have led to something below `path`. */
  places(path: string): readonly Parameters[] {
    return this.#places.get(placeOf(path)) ?? [];
  }

  /** What has been seen under this name; a list's items by the name of one: `managementAccounts` finds `managementAccountId`. */
  values(name: string): readonly Json[] {
    const one = name.replace(/s$/, '');
    return [name, one, `${one}Id`].flatMap((known) => [...(this.#values.get(known) ?? [])]);
  }

  /** Bodies that this operation took. */
  bodies(operationId: string): readonly Json[] {
    return this.#bodies.get(operationId) ?? [];
  }

  /** The last `ETag` of what stands at this address. */
  tag(address: string): string | undefined {
    return this.#tags.get(address.replace(/\/status$/, ''));
  }

  accepted(operationId: string, body: Json): void {
    const bodies = this.#bodies.get(operationId) ?? [];
    keep(bodies, body, KEPT_BODIES);
    this.#bodies.set(operationId, bodies);
  }

  learn(route: Route, parameters: Parameters, address: string, given: Json | undefined, answer: Json, etag?: string): void {
    if (given !== undefined) this.accepted(route.operation.operationId, given);
    if (etag !== undefined) this.#tags.set(address.replace(/\/status$/, ''), etag);
    this.#note(answer);
    const items = isFields(answer) && Array.isArray(answer['items']) ? (answer['items'] as readonly Json[]) : [answer];
    if (isFields(answer) && typeof answer['nextCursor'] === 'string') keep(this.cursors, answer['nextCursor'], KEPT_IDS);
    for (const path of this.#below(route.path)) {
      const name = parametersIn(path).at(-1) ?? '';
      for (const item of items) {
        if (!isFields(item)) continue;
        const value = [name, ...(name === 'name' ? NAMING : []), 'id'].map((field) => item[field]).find((id) => id !== undefined);
        if (typeof value === 'string' || typeof value === 'number') this.#place(path, { ...parameters, [name]: String(value) });
      }
    }
  }

  /** The paths that end with one more parameter than this list of things. */
  #below(path: string): readonly string[] {
    return [...new Set(this.#routes.map((route) => placeOf(route.path)))].filter(
      (place) => place.startsWith(`${path}/{`) && !place.slice(path.length + 1).includes('/'),
    );
  }

  #place(path: string, parameters: Parameters): void {
    const known = this.#places.get(path) ?? [];
    const same = (other: Parameters): boolean => Object.entries(parameters).every(([name, value]) => other[name] === value);
    if (!known.some(same)) keep(known, parameters, KEPT_IDS);
    this.#places.set(path, known);
  }

  #note(value: Json): void {
    if (Array.isArray(value)) for (const item of value as readonly Json[]) this.#note(item);
    if (!isFields(value)) return;
    for (const [name, field] of Object.entries(value)) {
      if (typeof field === 'object') this.#note(field);
      else {
        const seen = this.#values.get(name) ?? new Set();
        if (seen.size < KEPT_IDS) seen.add(field);
        this.#values.set(name, seen);
      }
    }
  }
}

/** The path up to its last parameter. */
const placeOf = (path: string): string => path.slice(0, path.lastIndexOf('}') + 1);

export const isFields = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
