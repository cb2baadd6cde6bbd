import { randomUUID } from 'node:crypto';
import { isDelegated } from '#libs/access-policy/delegated';
import { decide, decideAnywhere, decideFromAbove, decideOnPlatform, type Verdict } from '#libs/access-policy/policy';
import { type Permission } from '#libs/access-policy/roles';
import { isPresent, outlasts } from '#libs/platform/requires';
import { type TenantId } from '#libs/published/ids';
import { formOf, type Key, keysFor, type Keys, type Place, placesIn } from './keys.ts';
import { listOf, type Route, titleOf } from './routes.ts';
import { type Sample, SAMPLES, SAMPLES_WITH_IDS } from './samples.ts';
import { type Caller, rested, type Tenant, type World } from './world.ts';

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

/** Who the person is, and in what context: where they are at home belongs to it. */
const ABOUT_ONESELF: ReadonlySet<string> = new Set(['GET /api/v1/me', 'GET /api/v1/me/context']);

/** Whoever asks a tenant for access shows the tenant's own who they are: where they are from belongs to it. */
const SHOWS_WHO_ASKS = 'GET /api/v1/tenants/{tenantId}/delegated-accesses';

/** Of which tenants an answer about this one may speak, whatever the caller knows: to whoever came in from above of none above that. */
const shownBeside = ({ home, from }: Caller, route: Route, { id, path }: Tenant): readonly TenantId[] =>
  titleOf(route) === SHOWS_WHO_ASKS && home.id === id ? path.slice(from ? path.indexOf(from.id) : 0) : [id];

/** What is told of a key, whoever has it, to whoever may add such a thing. */
const TOLD: Readonly<Record<string, Readonly<{ code: string; to: (caller: Caller, tenant: Tenant) => boolean }>>> = {
  // The address is what somebody logs in with, on the whole platform: who chooses a password for it finds out by logging in, too.
  'POST /api/v1/tenants/{tenantId}/users email': { code: 'email-taken', to: () => true },
  // A tree has one source for a management account.
  'POST /api/v1/tenants/{tenantId}/data-sources account': {
    code: 'management-account-taken',
    to: ({ home }, { path }) => home.path[0] === path[0],
  },
};

/** Which tenant an answer may speak of: what a caller reaches in whatever way. */
const isVisible = (caller: Caller, { path }: Pick<Tenant, 'path'>): boolean =>
  decide(caller.standing, 'tenants:read', path) !== 'hidden';

/** What the policy says of this caller, route and tenant. */
const verdictOf = (caller: Caller, route: Route, tenant: Tenant | undefined): Verdict | undefined => {
  const { requires, presence } = route;
  if (presence !== undefined && !isPresent(presence, caller.via)) return 'denied';
  const verdict = permittedTo(caller, requires, tenant);
  if (presence === undefined || !outlasts(presence) || verdict !== 'allowed' || !tenant) return verdict;
  const path = requires?.on === 'parentOf' && tenant.path.length > 1 ? tenant.path.slice(0, -1) : tenant.path;
  return isDelegated(caller.standing, path) ? 'denied' : verdict;
};

const permittedTo = ({ standing }: Caller, requires: Route['requires'], tenant: Tenant | undefined): Verdict | undefined => {
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
      await each(this.#routes, async (route) => {
        if (route.path.includes('{tenantId}')) await this.#tenantPlace(caller, route, hidden);
        else if (route.requires || route.method === 'GET') await this.#withoutTenant(caller, route, hidden);
      });
      await each(this.#routes, (route) => this.#otherPlaces(caller, route, hidden));
      await this.#bodies(caller, hidden);
    }
    // At last: they leave things behind that others would find, most of all where a key of somebody is refused and another one taken.
    progress('what the business calls things by');
    for (const isTold of [false, true])
      for (const caller of this.#world.callers) {
        const hidden = this.#world.tenants.filter((tenant) => !isVisible(caller, tenant));
        await this.#keys(caller, hidden, isTold);
      }
    return { asked: this.#asked, places: this.#places, faults: this.#faults };
  }

  /** Every tenant, and none, in the place of the tenant. */
  async #tenantPlace(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    const ids = Object.fromEntries(route.ids.map((id) => [id, UNKNOWN]));
    const given = route.takes === 'files' ? (SAMPLES[titleOf(route)] ?? ANY_FILE) : {};
    const ofUnknown = await this.#send(caller, route, { ...ids, tenantId: UNKNOWN }, given);
    this.#note(
      caller,
      route,
      'unknown tenant',
      faultOf(verdictOf(caller, route, undefined), ofUnknown, ofUnknown),
      ofUnknown,
      hidden,
    );
    await each(this.#world.tenants, async (tenant) => {
      const came = await this.#send(caller, route, { ...ids, tenantId: tenant.id }, given);
      const fault = faultOf(verdictOf(caller, route, tenant), came, ofUnknown);
      this.#count('tenant in the path');
      this.#note(
        caller,
        route,
        `tenant ${tenant.mark}`,
        fault,
        came,
        hidden.filter(({ id }) => !shownBeside(caller, route, tenant).includes(id)),
      );
    });
  }

  async #withoutTenant(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    const came = await this.#send(caller, route, Object.fromEntries(route.ids.map((id) => [id, UNKNOWN])));
    this.#count('no tenant in the path');
    const unheard = ABOUT_ONESELF.has(titleOf(route)) ? hidden.filter(({ id }) => id !== caller.from?.id) : hidden;
    this.#note(caller, route, 'as it is', faultOf(verdictOf(caller, route, undefined), came, undefined), came, unheard);
  }

  /** Things of tenants that the caller knows nothing of, where the path or query of a route to their own tenant takes an id; cursors. */
  async #otherPlaces(caller: Caller, route: Route, hidden: readonly Tenant[]): Promise<void> {
    const [place] = route.path.includes('{tenantId}') ? this.#placesOf(caller, route) : [];
    if (!place) return;
    const own = { tenantId: place.id };
    const given = SAMPLES[titleOf(route)] ?? {};
    for (const id of route.ids) {
      const others = Object.fromEntries(route.ids.map((name) => [name, this.#thing(route, name, place) ?? UNKNOWN]));
      const ofUnknown = await this.#send(caller, route, { ...others, ...own, [id]: UNKNOWN }, given);
      await each(hidden, async (tenant) => {
        const thing = this.#thing(route, id, tenant);
        if (thing === undefined) return;
        const came = await this.#send(caller, route, { ...others, ...own, [id]: thing }, given, thing);
        this.#count('thing in the path');
        this.#same(caller, route, `${id} of ${tenant.mark}`, came, ofUnknown, hidden);
      });
    }
    for (const name of route.queryIds) {
      const ofUnknown = await this.#send(caller, route, own, { query: { [name]: UNKNOWN } });
      await each(hidden, async (tenant) => {
        const thing = this.#thing(route, name, tenant);
        if (thing === undefined) return;
        const came = await this.#send(caller, route, own, { query: { [name]: thing } }, thing);
        this.#count('thing in the query');
        this.#same(caller, route, `${name} of ${tenant.mark} in the query`, came, ofUnknown, hidden);
      });
    }
    if (route.isList && route.ids.length === 0) await this.#cursors(caller, route, place, hidden);
  }

  /** Where the list of a stranger goes on, in one's own. */
  async #cursors(caller: Caller, route: Route, place: Tenant, hidden: readonly Tenant[]): Promise<void> {
    await each(hidden, async (tenant) => {
      const path = this.#address(route, { tenantId: tenant.id });
      const { body } = await this.#world.operator.send<{ nextCursor?: string | null }>({
        method: 'GET',
        path: `${path}?limit=1`,
      });
      const cursor = body.nextCursor;
      if (typeof cursor !== 'string') return;
      const came = await this.#send(caller, route, { tenantId: place.id }, { query: { cursor } });
      this.#count('cursor');
      const fault = [200, 400, 404].includes(came.status) ? undefined : `is answered ${String(came.status)} to a cursor`;
      this.#note(caller, route, `cursor of ${tenant.mark}`, fault, came, hidden);
    });
  }

  /** The same in bodies. */
  async #bodies(caller: Caller, hidden: readonly Tenant[]): Promise<void> {
    for (const { route: title, of, asked } of SAMPLES_WITH_IDS) {
      const route = this.#routes.find((one) => titleOf(one) === title);
      if (!route) throw new Error(`the document has no ${title}`);
      for (const home of this.#placesOf(caller, route)) {
        const ids = Object.fromEntries(route.ids.map((id) => [id, this.#thing(route, id, home) ?? UNKNOWN]));
        const place = { ...ids, tenantId: home.id };
        const ofUnknown = await this.#send(caller, route, place, asked(UNKNOWN));
        await each(hidden, async (tenant) => {
          const thing = this.#inList(ofTenant(of), tenant);
          if (thing === undefined) return;
          const came = await this.#send(caller, route, place, asked(thing), thing);
          this.#count('thing in the body');
          this.#same(caller, route, `${of} of ${tenant.mark} in the body`, came, ofUnknown, hidden);
        });
      }
    }
  }

  /** Where the caller may call it: at home, and in the first tenant below. */
  #placesOf(caller: Caller, route: Route): readonly Tenant[] {
    const { home } = caller;
    const below = this.#world.tenants.filter(({ id, path }) => id !== home.id && path.includes(home.id));
    const allowed = (tenant: Tenant): boolean => verdictOf(caller, route, tenant) === 'allowed';
    return [home, below.find(allowed)].filter((tenant) => tenant !== undefined).filter(allowed);
  }

  /** What tenants that the caller knows nothing of call things by, beside what nobody calls anything by. */
  async #keys(caller: Caller, hidden: readonly Tenant[], isTold: boolean): Promise<void> {
    const own = { dataSourceId: this.#inList(ofTenant('data-sources'), caller.home) ?? UNKNOWN };
    const inQueries = this.#routes.flatMap((route) =>
      route.queryTexts.map((name): Place => ({
        route: titleOf(route),
        keys: keysFor(name),
        asked: (key) => ({ query: { [name]: key, ...(WIDEST[titleOf(route)] ?? {}) } }),
      })),
    );
    for (const place of [...inQueries, ...placesIn(own)]) {
      const route = this.#routes.find((one) => titleOf(one) === place.route);
      if (!route) throw new Error(`the document has no ${place.route}`);
      const [home] = this.#placesOf(caller, route);
      if (!home) continue;
      for (const key of place.keys)
        if (`${place.route} ${key}` in TOLD === isTold)
          await each(route.takes === 'nothing' ? hidden : someOf(hidden, caller), (tenant) =>
            this.#key({ ...caller, home }, route, place, key, tenant),
          );
    }
  }

  async #key(caller: Caller, route: Route, place: Place, key: Key, tenant: Tenant): Promise<void> {
    const asking = async ({ [key]: value }: Keys): Promise<Came> => {
      const came = await this.#send(caller, route, { tenantId: caller.home.id }, place.asked(value));
      const outcome = place.goesOn ? await this.#outcome(caller, came) : '';
      return { ...came, text: bare(`${came.text}${outcome}`, value) };
    };
    const came = await asking(tenant.keys);
    const ofUnused = await asking(tenant.unused);
    this.#count('key of a tenant');
    const told = TOLD[`${titleOf(route)} ${key}`];
    if (told?.code === came.code && told?.to(caller, tenant) === true) return;
    this.#same(caller, route, `${key} of ${tenant.mark}`, came, ofUnused, []);
  }

  /** What came of an import. */
  async #outcome({ client, home }: Caller, { status, text }: Came): Promise<string> {
    if (status !== 202) return '';
    const { id } = JSON.parse(text) as Readonly<{ id: string }>;
    const path = `/api/v1/tenants/${home.id}/imports/${id}`;
    return rested(async () => {
      const answer = await client.send<{ status: string }>({ method: 'GET', path });
      return ['requested', 'running'].includes(answer.body.status) ? undefined : answer.text;
    });
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
    given: Sample = {},
    thing = UNKNOWN,
  ): Promise<Came> {
    const { form, body = route.takes === 'json' ? {} : undefined, headers, query = {} } = given;
    const search = new URLSearchParams(query).toString();
    const {
      status,
      text,
      body: json,
    } = await client.send<{ code?: string } | undefined>({
      method: route.method,
      path: this.#address(route, ids) + (search && `?${search}`),
      ...(form ? { form: form() } : body === undefined ? {} : { body }),
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
        // Nobody is a stranger to themselves.
        (body.items ?? []).flatMap(({ id }) => (id === undefined || this.#world.userIds.has(id) ? [] : [id])),
      );
    }
    if (!this.#world.tenants.some((tenant) => this.#inList(list, tenant) !== undefined))
      throw new Error(`no tenant has anything in ${list}: let the world make it`);
  }
}

/** At a time, as far as the caller has connections. */
const each = async <One>(all: readonly One[], task: (one: One) => Promise<void>): Promise<void> => {
  await Promise.all(all.map(task));
};

/** Commands cost more than questions: those of the caller's own tree, and the one in the same place of the other. */
const someOf = (hidden: readonly Tenant[], { home }: Caller): readonly Tenant[] =>
  hidden.filter(({ path }) => path[0] === home.path[0] || path.length === home.path.length);

const ANY_FILE: Sample = { form: () => formOf({ file: 'X' }) };

/** Where a list goes furthest. */
const WIDEST: Readonly<Record<string, Readonly<Record<string, string>>>> = Object.fromEntries(
  ['customers', 'linked-accounts', 'contracts', 'bills'].map((list) => [
    `GET /api/v1/tenants/{tenantId}/${list}`,
    { scope: 'subtree' },
  ]),
);

/** Without the key, and without what differs from request to request. */
const bare = (text: string, key: string): string =>
  text
    .toLowerCase()
    .replaceAll(key.toLowerCase(), '')
    .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '')
    .replace(/\d{4}-\d\d-\d\dt[\d:.]+z/g, '');

const ofTenant = (list: string): string => `/api/v1/tenants/{tenantId}/${list}`;

/** Where a tenant's things are that a path parameter, or a query, names. */
const listFor = (route: Route, id: string): string => {
  const elsewhere = LISTS[id];
  return elsewhere === undefined ? listOf(route, id) : ofTenant(elsewhere);
};
