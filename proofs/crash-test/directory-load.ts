import { type LoadClient, type Request } from '../platform-process.ts';
import { type Random } from '../random.ts';
import { Customer, etagAfter, asked } from './customer.ts';
import { type Acknowledged, Contradiction, type Desk, type Witness } from './desk.ts';
import { termsOf } from './terms.ts';

type Page = Readonly<{
  items: readonly Readonly<{ id: string; customerCode: string | null }>[];
  nextCursor: string | null;
  total: number;
}>;

const CUSTOMERS_IN_HAND = 12;

/**
 * One reseller's office: customers come, are renamed, get a contract, whose versions and status change, and accounts, which move
 * between them. One command at a time, each on what the one before left, so that the end is known exactly.
 */
export class Office implements Witness {
  readonly customers: Customer[] = [];
  #accounts = 0;
  #registered = 0;
  #underWay = 0;

  constructor(
    private readonly desk: Desk,
    private readonly random: Random,
    readonly resellerId: string,
    private readonly dataSourceId: string,
    private readonly code: string,
  ) {}

  async step(): Promise<void> {
    const inHand = this.customers.slice(-CUSTOMERS_IN_HAND);
    if (inHand.length < 2) return this.register();
    const customer = this.random.pick(inHand);
    const { contract } = customer.state;
    const act = this.random.int(0, 9);
    if (act < 2) return this.register();
    if (act < 3) return this.#registerCodeTwice(customer);
    if (act < 5) return this.#rename(customer);
    if (act < 8) return contract ? this.#furtherContract(customer) : this.#draft(customer);
    const from = inHand.find(({ state }) => state.accounts.length > 0);
    if (act < 9 || !from || from === customer) return this.#link(customer);
    return this.#move(from, customer);
  }

  /** The list of customers: each acknowledged one exactly once. */
  async faults(line: LoadClient): Promise<readonly string[]> {
    const seen: string[] = [];
    const totals = new Set<number>();
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: Readonly<{ body: Page }> = await asked<Page>(
        line,
        `/tenants/${this.resellerId}/customers?limit=500${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...body.items.map(({ id }) => id));
      totals.add(body.total);
      cursor = body.nextCursor;
    }
    const known = new Set(this.customers.map(({ id }) => id));
    const missing = [...known].filter((id) => !seen.includes(id));
    const surplus = seen.filter((id) => !known.has(id)).length;
    const faults: string[] = [];
    if (missing.length > 0) faults.push(`${this.code}: ${String(missing.length)} acknowledged customers are not listed`);
    if (surplus > this.#underWay) faults.push(`${this.code}: ${String(surplus)} listed customers were never acknowledged`);
    if (new Set(seen).size !== seen.length) faults.push(`${this.code}: customers are listed twice`);
    if (!totals.has(seen.length)) faults.push(`${this.code}: total ${[...totals].join(', ')}, listed ${String(seen.length)}`);
    return faults;
  }

  async register(): Promise<void> {
    const code = `${this.code}-${String(this.#registered++)}`;
    const body = { tier: 'endCustomer', name: `Customer ${code}`, customerCode: code };
    this.#underWay += 1;
    const answer = await this.#post([this], `/tenants/${this.resellerId}/customers`, body, 201);
    this.#underWay -= 1;
    const state = { name: body.name, etag: '"0"', contract: null, accounts: [] };
    const customer = new Customer(idOf(answer), code, state);
    this.customers.push(customer);
    this.desk.touched.add(customer);
  }

  async #registerCodeTwice({ code }: Customer): Promise<void> {
    const body = { tier: 'endCustomer', name: 'Another with the same code', customerCode: code };
    const request = { method: 'POST', path: `/api/v1/tenants/${this.resellerId}/customers`, body };
    await this.desk.command([], { request, accepts: [409], lasting: codeOf });
  }

  async #rename(customer: Customer): Promise<void> {
    const { etag, name } = customer.state;
    const renamed = `${name.split(',')[0] ?? ''}, formerly ${etag.replaceAll('"', '')}`;
    customer.expect({ name: renamed, etag: etagAfter(etag) });
    const request = {
      method: 'PATCH',
      path: `/api/v1/tenants/${customer.id}`,
      body: { name: renamed },
      headers: { 'if-match': etag },
    };
    const answer = await this.desk.command([customer], { request, accepts: [200] });
    this.#asExpected(answer, etagAfter(etag));
    customer.happened();
  }

  async #draft(customer: Customer): Promise<void> {
    customer.expect({ contract: { status: 'draft', version: 1, etag: '"0"' } });
    const answer = await this.#post([customer], `/tenants/${customer.id}/contracts`, termsOf(1), 201);
    this.#asExpected(answer, '"0"');
    customer.contractId = idOf(answer);
    customer.happened();
  }

  async #furtherContract(customer: Customer): Promise<void> {
    const { contract } = customer.state;
    if (!contract) return;
    const { status, version, etag } = contract;
    const path = `/api/v1/tenants/${customer.id}/contracts/${customer.contractId ?? ''}`;
    const activates = status === 'draft' && this.random.int(0, 1) === 0;
    const after = activates
      ? { status: 'active', version, etag: etagAfter(etag) }
      : { status, version: version + 1, etag: etagAfter(etag) };
    customer.expect({ contract: after });
    const request: Request = activates
      ? { method: 'POST', path: `${path}/status`, body: { to: 'active', reason: 'signed' } }
      : { method: 'PUT', path, body: { ...termsOf(version + 1), effectiveFrom: '2026-01-01' }, headers: { 'if-match': etag } };
    this.#asExpected(await this.desk.command([customer], { request, accepts: [200] }), after.etag);
    customer.happened();
  }

  async #link(customer: Customer): Promise<void> {
    const accountId = `${this.code}-account-${String(this.#accounts++).padStart(6, '0')}`;
    await this.#take(customer, [], accountId);
  }

  async #move(from: Customer, to: Customer): Promise<void> {
    await this.#take(to, [from], this.random.pick(from.state.accounts));
  }

  async #take(to: Customer, from: readonly Customer[], accountId: string): Promise<void> {
    to.expect({ accounts: [...to.state.accounts, accountId].sort() });
    for (const one of from) one.expect({ accounts: one.state.accounts.filter((other) => other !== accountId) });
    const body = { dataSourceId: this.dataSourceId, accountId, from: null, move: true };
    await this.#post([to, ...from], `/tenants/${to.id}/linked-accounts`, body, 200);
    for (const one of [to, ...from]) one.happened();
  }

  #post(about: readonly Witness[], path: string, body: object, status: number): Promise<Acknowledged> {
    return this.desk.command(about, { request: { method: 'POST', path: `/api/v1${path}`, body }, accepts: [status] });
  }

  #asExpected({ order, text, etag }: Acknowledged, expected: string): void {
    if (etag !== expected)
      throw new Contradiction(`${order.request.method} ${order.request.path}: expected ${expected}, got ${etag ?? ''} ${text}`);
  }
}

const idOf = ({ body }: Acknowledged): string => (body as Readonly<{ id: string }>).id;

/** A refusal names the trace of its request, too. */
const codeOf = (body: unknown): string => (body as Readonly<{ code: string }>).code;
