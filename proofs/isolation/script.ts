import { setTimeout as sleep } from 'node:timers/promises';
import { FormData } from 'undici';
import { focusFile, usageOf } from '../crash-test/delivery.ts';
import { termsOf } from '../crash-test/terms.ts';
import { type Answer, type Credentials, LoadClient } from '../platform-process.ts';
import { Random } from '../random.ts';
import { parametersIn, type Route } from '../requests/documented.ts';
import { type Comparable, comparable } from './comparable.ts';
import { FIRST_DAY, MONTH, PAYER } from './neighbours.ts';

type Id = Readonly<{ id: string }>;
type Event = Id & Readonly<{ type: string }>;
type Json = Readonly<Record<string, unknown>>;

const POLL_MS = 50;
const PATIENCE_MS = 60_000;
const PAGE = 2;
const SUPPORT: Credentials = { email: 'support@company.example', password: 'the password of somebody of support' };

/** What is of the process, or new each time by its nature: keys and the health of the process. */
const NOT_ASKED = /^\/(health|metrics|api\/v1\/(operations|auth|me\/sessions))/;

/** A tenant's day, with every answer that it gets. Its root and its administrator are there already. */
export class Script {
  readonly heard: Comparable[] = [];
  readonly #admin: LoadClient;
  readonly #support: LoadClient;
  readonly #routes: readonly Route[];
  #keys = 0;
  /** Ids of their events. */
  #logins: readonly string[] = [];

  private constructor(url: string, routes: readonly Route[]) {
    this.#admin = new LoadClient(url, 4);
    this.#support = new LoadClient(url, 4);
    this.#routes = routes;
  }

  /** @param foreign of another tenant, or of none */
  static async play(
    url: string,
    routes: readonly Route[],
    { rootId, admin, foreign }: Readonly<{ rootId: string; admin: Credentials; foreign: string }>,
  ): Promise<readonly Comparable[]> {
    const script = new Script(url, routes);
    try {
      await script.#admin.login(admin);
      await script.#play(rootId, foreign);
      return script.heard;
    } finally {
      await script.#admin.close();
      await script.#support.close();
    }
  }

  async #play(root: string, foreign: string): Promise<void> {
    const at = (tenantId: string, path = ''): string => `/tenants/${tenantId}${path}`;
    const first = await this.#made(at(root, '/customers'), { tier: 'endCustomer', name: 'First', customerCode: 'FIRST' });
    const second = await this.#made(at(root, '/customers'), { tier: 'endCustomer', name: 'Second', customerCode: 'SECOND' });
    const tenants = [root, first, second];
    for (const tenantId of tenants) await this.#furnish(tenantId);
    const userId = await this.#made(at(root, '/users'), { ...SUPPORT, name: 'Sam', role: 'support' });
    await this.#support.login(SUPPORT);
    const { items } = await this.#events('/api/v1/services/access-control/events', this.#admin);
    this.#logins = items.filter(({ type }) => type === 'UserLoggedIn').map(({ id }) => id);
    await this.#made(at(first, '/customer-links'), { userId, role: 'support' });

    const dataSourceId = await this.#made(at(root, '/data-sources'), { managementAccountId: PAYER, name: 'AWS' });
    await this.#made(at(first, '/linked-accounts'), { dataSourceId, accountId: 'first' });
    await this.#made(at(second, '/linked-accounts'), { dataSourceId, accountId: 'second' });
    const contracts = new Map<string, string>();
    await this.#contract(root, { ...termsOf(1), priceBooks: [] });
    for (const tenantId of [first, second]) contracts.set(tenantId, await this.#contract(tenantId, termsOf(1)));
    const random = new Random(1);
    await this.#deliver(root, 1, random);
    await this.#rated(tenants, 1);
    const importId = await this.#deliver(root, 2, random);
    await this.#rated(tenants, 2);
    const contractId = contracts.get(first) ?? '';
    const priced = `/tenants/${first}/contracts/${contractId}`;
    const { headers } = await this.#ask('GET', priced);
    await this.#ask('PUT', priced, { ...termsOf(2), effectiveFrom: FIRST_DAY }, { 'if-match': String(headers['etag']) });
    await this.#rated([first], 3);

    await this.#refused(root, { first, foreign, priced });
    await this.#calm(root, first);
    const line = await this.#silently<{ items: readonly Id[] }>(at(first, `/bills/${MONTH}/lines`));
    const known = {
      dataSourceId,
      contractId,
      importId,
      userId,
      month: MONTH,
      version: '1',
      lineId: line.body.items[0]?.id ?? '',
    };
    for (const tenantId of [...tenants, foreign]) await this.#lookAround({ tenantId, ...known }, this.#admin, 'admin');
    for (const tenantId of [...tenants, foreign]) await this.#lookAround({ tenantId, ...known }, this.#support, 'support');
  }

  async #furnish(tenantId: string): Promise<void> {
    const at = `/tenants/${tenantId}`;
    for (const name of ['Tess', 'Tom', 'Tia'])
      await this.#made(`${at}/contacts`, { type: 'technical', name, email: `${name}@example.com` });
    await this.#ask('PATCH', `${at}/profile`, { legalName: 'Company Ltd.' });
    await this.#ask('PATCH', at, { primaryDomain: 'company.example' });
    await this.#made(`${at}/roles`, { name: 'Clerk', permissions: ['tenants:read'] });
    await this.#made(`${at}/service-accounts`, { name: 'Books', permissions: ['bills:read', 'financials:read'] });
    await this.#made(`${at}/invitations`, { email: `guest@${tenantId}.example`, name: 'Guest', role: 'readOnly' });
  }

  async #contract(tenantId: string, terms: object): Promise<string> {
    const path = `/tenants/${tenantId}/contracts`;
    const id = await this.#made(path, terms);
    await this.#made(`${path}/${id}/status`, { to: 'active', reason: 'signed' });
    return id;
  }

  async #deliver(rootId: string, n: number, random: Random): Promise<string> {
    const form = new FormData();
    form.append('format', 'focus');
    form.append('files', new Blob([focusFile(usageOf(n), { managementAccountId: PAYER, month: MONTH }, random)]), 'usage.csv');
    const path = `/api/v1/tenants/${rootId}/imports/upload`;
    const answer = await this.#admin.send<Id>({ method: 'POST', path, form, headers: this.#key() });
    this.#note(`admin POST ${path}`, answer);
    const { id } = answer.body;
    const imported = `/tenants/${rootId}/imports/${id}`;
    await this.#until(imported, ({ body }) => !['requested', 'running'].includes((body as Readonly<{ status: string }>).status));
    await this.#ask('GET', imported);
    return id;
  }

  /** Once the bills have been revised so often, and nothing is about to change them. */
  async #rated(tenantIds: readonly string[], revisions: number): Promise<void> {
    for (const tenantId of tenantIds) {
      const path = `/tenants/${tenantId}/bills/${MONTH}`;
      await this.#until(path, ({ status, body }) => {
        const { state, revision } = body as Readonly<{ state?: string; revision?: number }>;
        return status === 200 && state === 'current' && revision !== undefined && revision >= revisions - 1;
      });
      await this.#ask('GET', path);
    }
  }

  /** Once what follows from all this by itself has followed. */
  async #calm(root: string, first: string): Promise<void> {
    // Of all three: there is usage of accounts that are linked to nobody.
    await this.#until(`/tenants/${root}/customer-tree`, ({ text }) => text.split('"sourceData":"Warning"').length === 4);
    await this.#until(`/tenants/${first}/onboarding`, ({ text }) => text.includes('"connectCloudAccount","state":"done"'));
  }

  async #refused(
    root: string,
    { first, foreign, priced }: Readonly<Record<'first' | 'foreign' | 'priced', string>>,
  ): Promise<void> {
    await this.#ask('POST', `/tenants/${root}/customers`, { tier: 'endCustomer', name: 'Third', customerCode: 'first' });
    await this.#ask('POST', `/tenants/${root}/customers`, { tier: 'distributor', name: 'Third' });
    await this.#ask('PUT', priced, termsOf(3), { 'if-match': '"0"' });
    await this.#ask('PUT', priced, termsOf(3));
    await this.#ask('PATCH', `/tenants/${foreign}`, { name: 'Mine' });
    await this.#ask('POST', `/tenants/${foreign}/contacts`, { type: 'technical', name: 'Mine', email: 'mine@example.com' });
    await this.#ask('PUT', `/tenants/${foreign}/switch`);
    await this.#ask('PATCH', `/tenants/${first}`, { name: 7 });
    // The same once more, under the same key.
    this.#keys -= 1;
    await this.#ask('PATCH', `/tenants/${first}`, { name: 7 });
  }

  /** Every route that shows something, each list page by page. */
  async #lookAround(known: Readonly<Record<string, string>>, as: LoadClient, who: string): Promise<void> {
    for (const { method, path, operation } of this.#routes) {
      if (method !== 'GET' || NOT_ASKED.test(path)) continue;
      const names = parametersIn(path);
      if (!names.every((name) => name in known)) continue;
      // Once is enough for what is about no tenant.
      if (
        names.length === 0 &&
        this.heard.some(({ asked }) => asked.startsWith(`${who} GET ${path}?`) || asked === `${who} GET ${path}`)
      )
        continue;
      const filled = names.reduce((found, name) => found.replace(`{${name}}`, known[name] ?? ''), path);
      const isPaged = operation.parameters?.some(({ name }) => name === 'cursor') === true;
      if (path.endsWith('/events')) await this.#feed(filled, as, who);
      else if (isPaged) await this.#pages(filled, as, who);
      else this.#note(`${who} GET ${filled}`, await as.send({ method: 'GET', path: filled }));
    }
  }

  async #pages(path: string, as: LoadClient, who: string): Promise<void> {
    let cursor: string | null = null;
    for (let page = 1; page === 1 || cursor !== null; page++) {
      const query: string = `?limit=${String(PAGE)}${cursor === null ? '' : `&cursor=${cursor}`}`;
      const answer: Answer<Readonly<{ nextCursor?: string | null }>> = await as.send({ method: 'GET', path: path + query });
      this.#note(`${who} GET ${path}?page=${String(page)}`, answer);
      cursor = answer.status === 200 ? (answer.body.nextCursor ?? null) : null;
    }
  }

  /**
   * All of it. What different streams tell in which order depends on how long work in the background took, alone as well: the events
   * are compared each by itself.
   */
  async #feed(path: string, as: LoadClient, who: string): Promise<void> {
    const { answer, items } = await this.#events(path, as);
    if (answer.status !== 200) return this.#note(`${who} GET ${path}`, answer);
    const told = items.map((item) => comparable('', { status: 200, headers: {}, text: JSON.stringify(item) }, this.#logins).text);
    for (const [n, text] of told.toSorted().entries())
      this.#note(`${who} GET ${path} event ${String(n + 1)}`, { status: 200, headers: {}, text });
  }

  /** All of a feed; none where it is refused. */
  async #events(path: string, as: LoadClient): Promise<Readonly<{ answer: Answer; items: readonly Event[] }>> {
    type Feed = Readonly<{ items?: readonly Event[]; nextCursor?: string; caughtUp?: boolean }>;
    const items: Event[] = [];
    for (let cursor = ''; ;) {
      const answer = await as.send<Feed>({ method: 'GET', path: `${path}?limit=500${cursor && `&cursor=${cursor}`}` });
      items.push(...(answer.body.items ?? []));
      if (answer.status !== 200 || answer.body.caughtUp !== false) return { answer: answer as Answer, items };
      cursor = answer.body.nextCursor ?? '';
    }
  }

  async #until(path: string, holds: (answer: Answer) => boolean): Promise<void> {
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until; await sleep(POLL_MS))
      if (holds(await this.#silently(path))) return;
    const { text } = await this.#silently(path);
    throw new Error(`${path} did not come to rest: ${text}`);
  }

  #silently<Body = Json>(path: string): Promise<Answer<Body>> {
    return this.#admin.send<Body>({ method: 'GET', path: `/api/v1${path}` });
  }

  async #made(path: string, body: object): Promise<string> {
    const { status, text, body: made } = await this.#ask<Partial<Id>>('POST', path, body);
    if (status >= 300) throw new Error(`POST ${path}: ${text}`);
    return made.id ?? '';
  }

  async #ask<Body = Json>(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<Body>> {
    const answer = await this.#admin.send<Body>({
      method,
      path: `/api/v1${path}`,
      ...(body === undefined ? {} : { body }),
      headers: { ...headers, ...(method === 'GET' ? {} : this.#key()) },
    });
    // A token is another one each time.
    if (!path.endsWith('/switch') || answer.status !== 200) this.#note(`admin ${method} /api/v1${path}`, answer);
    return answer;
  }

  #note(asked: string, answer: Pick<Answer, 'status' | 'headers' | 'text'>): void {
    this.heard.push(comparable(asked, answer, this.#logins));
  }

  #key(): Readonly<Record<string, string>> {
    this.#keys += 1;
    return { 'idempotency-key': `script-${String(this.#keys)}` };
  }
}
