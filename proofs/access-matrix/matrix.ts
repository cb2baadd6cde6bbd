import { randomUUID } from 'node:crypto';
import { decide, decideAnywhere, decideFromAbove, decideOnPlatform, type Verdict } from '#libs/access-policy/policy';
import { type Permission } from '#libs/access-policy/roles';
import { listOf, type Route, titleOf } from './routes.ts';
import { SAMPLES, SAMPLES_WITH_IDS } from './samples.ts';
import { type Caller, type Tenant, type World } from './world.ts';

/** What the platform answered, with nothing in it that differs from request to request. */
export type Came = Readonly<{ status: number; code: string | undefined; text: string }>;

export type Fault = Readonly<{ caller: string; route: string; what: string }>;

/** `places`: how many ids were put where; `faults`: leaks, and verdicts other than the policy's. */
export type Found = Readonly<{ asked: number; places: Readonly<Record<string, number>>; faults: readonly Fault[] }>;

/** The tenant that there is not. */
const UNKNOWN: string = randomUUID();

const FILLED: Readonly<Record<string, string>> = { month: '2026-01', version: '1', number: '1', name: 'customer-list' };

/** Where a tenant has what a path parameter names, if not in the list before the parameter. */
const LISTS: Readonly<Record<string, string>> = { userId: 'users', dataSourceId: 'data-sources' };

/** Answers of these change with what else happens in the process, not with who asks. */
const NEVER_ASKED: ReadonlySet<string> = new Set(['POST /api/v1/auth/logout']);

/** Which tenant an answer may speak of: what a caller reaches in whatever way. */
const isVisible = (caller: Caller, { path }: Pick<Tenant, 'path'>): boolean =>
  decide(caller.standing, 'tenants:read', path) !== 'hidden';

/** What the policy says of this caller, route and tenant. */
const verdictOf = ({ standing }: Caller, { requires }: Route, tenant: Tenant | undefined): Verdict | undefined => {
  if (!requires) return undefined;
  const permission = requires.permission as Permission;
  switch (requires.on) {
    case 'platform':
      return decideOnPlatform(standing, permission);
    case 'reach':
      return decideAnywhere(standing, permission);
    case 'tenant':
      return decide(standing, permission, tenant?.path);
    case 'parentOf':
      return decideFromAbove(standing, permission, tenant?.path);
  }
};

/** What is wrong with an answer to somebody of whom the policy says this; undefined: nothing. */
export const faultOf = (verdict: Verdict | undefined, came: Came, ofUnknown: Came | undefined): string | undefined => {
  if (came.status >= 500) return `a failure: ${String(came.status)} ${came.text}`;
  switch (verdict) {
    case undefined:
      return undefined;
    case 'allowed':
      if (came.status === 401 || came.status === 403 || came.code === 'tenant-not-found')
        return `is refused, though allowed: ${String(came.status)} ${String(came.code)}`;
      return undefined;
    case 'denied':
      return came.status === 403 ? undefined : `is answered ${String(came.status)}, though denied`;
    case 'hidden':
      if (came.code !== 'tenant-not-found') return `is answered ${String(came.status)}, though hidden`;
      return came.text === ofUnknown?.text ? undefined : 'is not answered like an unknown one';
  }
};

/** The marks of tenants in an answer that the caller knows nothing of. */
export const marksIn = (text: string, hidden: readonly Pick<Tenant, 'mark' | 'id'>[]): readonly string[] => {
  const lower = text.toLowerCase();
  return hidden.filter(({ mark, id }) => lower.includes(mark.toLowerCase()) || lower.includes(id)).map(({ mark }) => mark);
};

export class Matrix {
  readonly #world: World;
  readonly #routes: readonly Route[];
  readonly #things = new Map<string, readonly string[]>();
  readonly #places: Record<string, number> = {};
  readonly #faults: Fault[] = [];
  #asked = 0;

  constructor(world: World, routes: readonly Route[]) {
    this.#world = world;
    this.#routes = routes.filter((route) => !route.isPublic && !NEVER_ASKED.has(titleOf(route)));
  }

  async ask(progress: (caller: string) => void = () => undefined): Promise<Found> {
    // The lists first: what callers change by the way is not what the others are asked about.
    const ofTenants = this.#routes.filter(({ path }) => path.includes('{tenantId}'));
    for (const route of ofTenants) for (const id of [...route.ids, ...route.queryIds]) await this.#furnished(listFor(route, id));
    for (const { of } of SAMPLES_WITH_IDS) await this.#furnished(ofTenant(of));
    for (const caller of this.#world.callers) {
      progress(caller.name);
      const hidden = this.#world.tenants.filter((tenant) => !isVisible(caller, tenant));
      for (const route of this.#routes) {
        if (route.path.includes('{tenantId}')) await this.#tenantPlace(caller, route, hidden);
        else if (route.requires || route.method === 'GET') await this.#withoutTenant(caller, route, hidden);
      }
      for (const route of this.#routes) await this.#otherPlaces(caller, route, hidden);
      await this.#bodies(caller, hidden);
    }
    return { asked: this.#asked, places: this.#places, faults: this.#faults };
  }

  /** Every tenant, and none, in the place of the tenant. */
  async #tenantPlace(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    const ids = Object.fromEntries(route.ids.map((id) => [id, UNKNOWN]));
    const ofUnknown = await this.#send(caller, route, { ...ids, tenantId: UNKNOWN });
    this.#note(
      caller,
      route,
      'unknown tenant',
      faultOf(verdictOf(caller, route, undefined), ofUnknown, ofUnknown),
      ofUnknown,
      hidden,
    );
    for (const tenant of this.#world.tenants) {
      const came = await this.#send(caller, route, { ...ids, tenantId: tenant.id });
      const fault = faultOf(verdictOf(caller, route, tenant), came, ofUnknown);
      this.#count('tenant in the path');
      this.#note(
        caller,
        route,
        `tenant ${tenant.mark}`,
        fault,
        came,
        hidden.filter(({ id }) => id !== tenant.id),
      );
    }
  }

  async #withoutTenant(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    const came = await this.#send(caller, route, Object.fromEntries(route.ids.map((id) => [id, UNKNOWN])));
    this.#count('no tenant in the path');
    this.#note(caller, route, 'as it is', faultOf(verdictOf(caller, route, undefined), came, undefined), came, hidden);
  }

  /** Things of tenants that the caller knows nothing of, where the path or query of a route to their own tenant takes an id; cursors. */
  async #otherPlaces(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    if (!route.path.includes('{tenantId}') || verdictOf(caller, route, caller.home) !== 'allowed') return;
    const own = { tenantId: caller.home.id };
    const { body, headers } = SAMPLES[titleOf(route)] ?? {};
    const given = { ...(body === undefined ? {} : { body }), ...(headers && { headers }) };
    for (const id of route.ids) {
      const others = Object.fromEntries(route.ids.map((name) => [name, this.#thing(route, name, caller.home) ?? UNKNOWN]));
      const ofUnknown = await this.#send(caller, route, { ...others, ...own, [id]: UNKNOWN }, given);
      for (const tenant of hidden) {
        const thing = this.#thing(route, id, tenant);
        if (thing === undefined) continue;
        const came = await this.#send(caller, route, { ...others, ...own, [id]: thing }, given, thing);
        this.#count('thing in the path');
        this.#same(caller, route, `${id} of ${tenant.mark}`, came, ofUnknown, hidden);
      }
    }
    for (const name of route.queryIds) {
      const ofUnknown = await this.#send(caller, route, own, { query: { [name]: UNKNOWN } });
      for (const tenant of hidden) {
        const thing = this.#thing(route, name, tenant);
        if (thing === undefined) continue;
        const came = await this.#send(caller, route, own, { query: { [name]: thing } }, thing);
        this.#count('thing in the query');
        this.#same(caller, route, `${name} of ${tenant.mark} in the query`, came, ofUnknown, hidden);
      }
    }
    if (route.isList && route.ids.length === 0) await this.#cursors(caller, route, hidden);
  }

  /** Where the list of a stranger goes on, in one's own. */
  async #cursors(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    for (const tenant of hidden) {
      const path = this.#address(route, { tenantId: tenant.id });
      const { body } = await this.#world.operator.send<{ nextCursor?: string | null }>({
        method: 'GET',
        path: `${path}?limit=1`,
      });
      const cursor = body.nextCursor;
      if (typeof cursor !== 'string') continue;
      const came = await this.#send(caller, route, { tenantId: caller.home.id }, { query: { cursor } });
      this.#count('cursor');
      const fault = [200, 400, 404].includes(came.status) ? undefined : `is answered ${String(came.status)} to a cursor`;
      this.#note(caller, route, `cursor of ${tenant.mark}`, fault, came, hidden);
    }
  }

  /** The same in bodies. */
  async #bodies(caller: Caller, hidden: readonly Tenant[]): Promise<void> {
    for (const { route: title, of, body } of SAMPLES_WITH_IDS) {
      const route = this.#routes.find((one) => titleOf(one) === title);
      if (!route) throw new Error(`the document has no ${title}`);
      if (verdictOf(caller, route, caller.home) !== 'allowed') continue;
      const ids = Object.fromEntries(route.ids.map((id) => [id, this.#thing(route, id, caller.home) ?? UNKNOWN]));
      const place = { ...ids, tenantId: caller.home.id };
      const ofUnknown = await this.#send(caller, route, place, { body: body(UNKNOWN) });
      for (const tenant of hidden) {
        const thing = this.#inList(ofTenant(of), tenant);
        if (thing === undefined) continue;
        const came = await this.#send(caller, route, place, { body: body(thing) }, thing);
        this.#count('thing in the body');
        this.#same(caller, route, `${of} of ${tenant.mark} in the body`, came, ofUnknown, hidden);
      }
    }
  }

  #count(place: string): void {
    this.#places[place] = (this.#places[place] ?? 0) + 1;
  }

  #same(caller: Caller, route: Route, what: string, came: Came, ofUnknown: Came, hidden: readonly Tenant[]): void {
    const same = came.status === ofUnknown.status && came.text === ofUnknown.text;
    const shown = ({ status, text }: Came): string => `${String(status)} ${text}`;
    this.#note(
      caller,
      route,
      what,
      same ? undefined : `is answered ${shown(came)}, an unknown one ${shown(ofUnknown)}`,
      came,
      hidden,
    );
  }

  #note(
    { name }: Caller,
    route: Route,
    what: string,
    fault: string | undefined,
    { text }: Came,
    hidden: readonly Tenant[],
  ): void {
    const told = (more: string): void => {
      this.#faults.push({ caller: name, route: titleOf(route), what: `${what} ${more}` });
    };
    if (fault !== undefined) told(fault);
    const marks = marksIn(text, hidden);
    if (marks.length > 0) told(`shows ${marks.join(', ')}`);
  }

  #address({ path }: Route, ids: Readonly<Record<string, string>>): string {
    return path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? FILLED[name] ?? UNKNOWN);
  }

  async #send(
    { client }: Caller,
    route: Route,
    ids: Readonly<Record<string, string>>,
    given: Readonly<{
      body?: unknown;
      headers?: Readonly<Record<string, string>>;
      query?: Readonly<Record<string, string>>;
    }> = {},
    thing = UNKNOWN,
  ): Promise<Came> {
    const { body = route.takesBody ? {} : undefined, headers, query = {} } = given;
    const search = new URLSearchParams(query).toString();
    const {
      status,
      text,
      body: json,
    } = await client.send<{ code?: string } | undefined>({
      method: route.method,
      path: this.#address(route, ids) + (search && `?${search}`),
      ...(body === undefined ? {} : { body }),
      ...(headers && { headers }),
    });
    this.#asked += 1;
    // What was asked for may stand in the answer; whose it is may not.
    const own = [UNKNOWN, thing, ids['tenantId'] ?? UNKNOWN];
    const same = own.reduce((left, id) => left.replaceAll(id, ''), text).replace(/"traceId":"[^"]*"/, '');
    return { status, code: json?.code, text: same };
  }

  /** One that the tenant has; a root has no parent to ask it for anything. */
  #thing(route: Route, id: string, tenant: Tenant): string | undefined {
    return this.#inList(listFor(route, id), tenant);
  }

  #inList(list: string, { id }: Tenant): string | undefined {
    return this.#things.get(`${list} ${id}`)?.[0];
  }

  /** @throws Error when nobody has anything there: the matrix would prove nothing of the route */
  async #furnished(list: string): Promise<void> {
    for (const { id: tenantId } of this.#world.tenants) {
      const key = `${list} ${tenantId}`;
      if (this.#things.has(key)) continue;
      const path = list.replace('{tenantId}', tenantId).replace(/\{(\w+)\}/g, (_, name: string) => FILLED[name] ?? UNKNOWN);
      const { body } = await this.#world.operator.send<{ items?: readonly Readonly<{ id?: string }>[] }>({ method: 'GET', path });
      this.#things.set(
        key,
        (body.items ?? []).flatMap((item) => (item.id === undefined ? [] : [item.id])),
      );
    }
    if (!this.#world.tenants.some((tenant) => this.#inList(list, tenant) !== undefined))
      throw new Error(`no tenant has anything in ${list}: let the world make it`);
  }
}

const ofTenant = (list: string): string => `/api/v1/tenants/{tenantId}/${list}`;

/** Where a tenant's things are that a path parameter, or a query, names. */
const listFor = (route: Route, id: string): string => {
  const elsewhere = LISTS[id];
  return elsewhere === undefined ? listOf(route, id) : ofTenant(elsewhere);
};
