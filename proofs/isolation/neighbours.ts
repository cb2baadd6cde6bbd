import { setTimeout as sleep } from 'node:timers/promises';
import { FormData } from 'undici';
import { focusFile, usageOf } from '../crash-test/delivery.ts';
import { termsOf } from '../crash-test/terms.ts';
import { type Answer, type LoadClient } from '../platform-process.ts';
import { Random } from '../random.ts';

type Id = Readonly<{ id: string }>;
type Neighbour = Readonly<{ rootId: string; customerId: string; contractId: string; random: Random }>;

/** The same names, codes and accounts as the tenant's that is watched: nothing but its id tells a neighbour apart. */
export const PAYER = 'payer';
export const MONTH = '2026-01';
export const FIRST_DAY = '2026-01-01';
/** One import in so many turns. */
const IMPORT_EVERY = 4;
/** Turns at the same time. */
const AT_ONCE = 4;
const BREATH_MS = 5;
const POLL_MS = 50;

/** Other tenants, each with everything that the watched one has, that are never still. */
export class Neighbours {
  readonly #client: LoadClient;
  readonly #ending = new AbortController();
  #neighbours: readonly Neighbour[] = [];
  #work: Promise<unknown> = Promise.resolve();
  #deliveries = 0;
  commands = 0;
  reads = 0;
  imports = 0;

  constructor(client: LoadClient) {
    this.#client = client;
  }

  /** Any of them. */
  get one(): Id | undefined {
    return this.#neighbours[0] && { id: this.#neighbours[0].rootId };
  }

  async settle(count: number): Promise<void> {
    const neighbours: Neighbour[] = [];
    let next = 0;
    const actor = async (): Promise<void> => {
      while (next < count) neighbours.push(await this.#settled(next++));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, actor));
    this.#neighbours = neighbours;
  }

  /** They are busy from now on, one turn of each after the other. */
  begin(): void {
    let turn = 0;
    const actor = async (): Promise<void> => {
      while (!this.#ending.signal.aborted) {
        const n = turn++;
        const neighbour = this.#neighbours[n % this.#neighbours.length];
        if (neighbour) await this.#turn(neighbour, Math.floor(n / this.#neighbours.length));
        await sleep(BREATH_MS);
      }
    };
    this.#work = Promise.all(Array.from({ length: AT_ONCE }, actor));
  }

  /** @throws what any of them was refused */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#work;
  }

  async #settled(n: number): Promise<Neighbour> {
    const { id: rootId } = await this.#made('/tenants', { tier: 'reseller', name: 'Company', currency: 'USD' });
    const at = `/tenants/${rootId}`;
    const { id: customerId } = await this.#made(`${at}/customers`, { tier: 'endCustomer', name: 'First', customerCode: 'FIRST' });
    const contracts = `/tenants/${customerId}/contracts`;
    const { id: contractId } = await this.#made(contracts, termsOf(1));
    await this.#made(`${contracts}/${contractId}/status`, { to: 'active', reason: 'signed' });
    const { id: dataSourceId } = await this.#made(`${at}/data-sources`, { managementAccountId: PAYER, name: 'AWS' });
    await this.#made(`/tenants/${customerId}/linked-accounts`, { dataSourceId, accountId: 'first' });
    await this.#made(`${at}/contacts`, { type: 'technical', name: 'Tess', email: 'tess@example.com' });
    const neighbour = { rootId, customerId, contractId, random: new Random(n + 1) };
    await this.#deliver(neighbour);
    return neighbour;
  }

  /** Something of everything: a command, an import now and then that is rated, a few looks. */
  async #turn(neighbour: Neighbour, round: number): Promise<void> {
    const { rootId, customerId } = neighbour;
    await this.#changed('PATCH', `/tenants/${customerId}`, { name: `First ${String(round)}` });
    if (round % IMPORT_EVERY === IMPORT_EVERY - 1) await this.#deliver(neighbour);
    if (round % IMPORT_EVERY === 1) await this.#reprice(neighbour, round);
    for (const path of [
      `/tenants/${rootId}/customer-tree`,
      `/tenants/${customerId}/bills/${MONTH}`,
      `/tenants/${rootId}/activity`,
    ])
      await this.#looked(path);
  }

  async #reprice({ customerId, contractId }: Neighbour, round: number): Promise<void> {
    const path = `/tenants/${customerId}/contracts/${contractId}`;
    const { headers } = await this.#looked(path);
    await this.#changed(
      'PUT',
      path,
      { ...termsOf(round + 2), effectiveFrom: FIRST_DAY },
      { 'if-match': String(headers['etag']) },
    );
  }

  async #deliver({ rootId, random }: Neighbour): Promise<void> {
    this.#deliveries += 1;
    const form = new FormData();
    form.append('format', 'focus');
    const file = focusFile(usageOf(this.#deliveries), { managementAccountId: PAYER, month: MONTH }, random);
    form.append('files', new Blob([file]), 'usage.csv');
    const at = `/tenants/${rootId}/imports`;
    const { body } = this.#taken(await this.#client.send<Id>({ method: 'POST', path: `/api/v1${at}/upload`, form }));
    // More would only wait in a queue, which the watched one's would stand in, too.
    while (/"status":"(requested|running)"/.test((await this.#looked(`${at}/${body.id}`)).text)) await sleep(POLL_MS);
    this.imports += 1;
  }

  async #made(path: string, body: object): Promise<Id> {
    return this.#taken<Id>(await this.#client.send<Id>({ method: 'POST', path: `/api/v1${path}`, body })).body;
  }

  async #changed(method: string, path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#taken(await this.#client.send({ method, path: `/api/v1${path}`, body, headers }));
  }

  async #looked(path: string): Promise<Answer> {
    const answer = await this.#client.send({ method: 'GET', path: `/api/v1${path}` });
    this.reads += 1;
    // A bill may not be there yet; two turns may meet in one contract.
    return answer;
  }

  /** 412: another turn of the same neighbour was faster. */
  #taken<Body>(answer: Answer<Body>): Answer<Body> {
    if (answer.status >= 300 && answer.status !== 412) throw new Error(`a neighbour was refused: ${answer.text}`);
    this.commands += 1;
    return answer;
  }
}
