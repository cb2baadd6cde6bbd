import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadClient } from '../platform-process.ts';

type Asked = Pick<LoadClient, 'send'>;
type Tenant = Readonly<{ id: string; name: string }>;
type List = Readonly<{ items: readonly Tenant[]; total: number }>;

/** Every how many-th write is a change of what the one before made. */
const CHANGE_EVERY = 3;
/** Every how many-th write is followed by a look at the whole list, too. */
const WHOLE_EVERY = 10;
const PARENT_TRIES = 20;
const PARENT_PAUSE_MS = 100;

/** One answer per write: what the reads after it failed to show, undefined when they showed it. */
export const writeAndRead = async function* (
  client: Asked,
  { pairs, connections }: Readonly<{ pairs: number; connections: number }>,
): AsyncGenerator<string | undefined> {
  const root = await make(client, '/api/v1/tenants', { tier: 'distributor', name: 'Distributor', currency: 'USD' });
  const writers = await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      const tenant = { tier: 'reseller', name: `Reseller ${String(index)}` };
      return new Writer(client, await make(client, `/api/v1/tenants/${root}/customers`, tenant), index);
    }),
  );
  let begun = 0;
  const found: (string | undefined)[] = [];
  let wake = (): void => undefined;
  let working = writers.length;
  const work = async (writer: Writer): Promise<void> => {
    while (begun++ < pairs) {
      found.push(await writer.pair());
      wake();
    }
  };
  const all = Promise.all(
    writers.map((writer) =>
      work(writer).finally(() => {
        working--;
        wake();
      }),
    ),
  );
  while (working > 0 || found.length > 0) {
    if (found.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (working === 0) resolve();
      });
    yield* found.splice(0);
  }
  await all;
};

/** What the pairs are written below. Where a parent is not shown at once, that is for the pairs to find out. */
const make = async (client: Asked, path: string, body: unknown): Promise<string> => {
  const send = () => client.send<Tenant>({ method: 'POST', path, body });
  let made = await send();
  for (let tries = 0; tries < PARENT_TRIES && made.status === 404; tries++) {
    await sleep(PARENT_PAUSE_MS);
    made = await send();
  }
  if (made.status !== 201) throw new Error(`POST ${path} answers ${String(made.status)}: ${made.text}`);
  return made.body.id;
};

/** One connection's customers, below a reseller of its own: nobody else changes what it counts. */
class Writer {
  readonly #client: Asked;
  readonly #resellerId: string;
  readonly #name: string;
  #written = 0;
  #customers = 0;
  #last: Readonly<{ id: string; code: string }> | undefined;

  constructor(client: Asked, resellerId: string, index: number) {
    this.#client = client;
    this.#resellerId = resellerId;
    this.#name = `W${String(index)}`;
  }

  /** A write, then the reads. */
  async pair(): Promise<string | undefined> {
    const number = ++this.#written;
    // Later names sort last, so the newest is the first from the end.
    const name = `${this.#name} ${String(number).padStart(8, '0')}`;
    const refused = this.#last && number % CHANGE_EVERY === 0 ? await this.#change(this.#last.id, name) : await this.#add(name);
    if (refused !== undefined) return refused;
    const { id, code } = this.#last ?? { id: '', code: '' };
    const byId = await this.#client.send<Tenant>({ method: 'GET', path: `/api/v1/tenants/${id}` });
    if (byId.status !== 200 || byId.body.name !== name) return `GET by id after writing ${name}: ${byId.text}`;
    const filtered = await this.#list(`customerCode=${code}&sort=-name`);
    if (filtered.body.items[0]?.name !== name || filtered.body.total !== 1)
      return `the list filtered by ${code} after writing ${name}: ${filtered.text}`;
    if (number % WHOLE_EVERY !== 0) return undefined;
    const whole = await this.#list('sort=-name');
    if (whole.body.items[0]?.name === name && whole.body.total === this.#customers) return undefined;
    return `the whole list after writing ${name}, customer ${String(this.#customers)}: ${whole.text}`;
  }

  async #add(name: string): Promise<string | undefined> {
    const code = `${this.#name}-${String(this.#written)}`;
    const path = `/api/v1/tenants/${this.#resellerId}/customers`;
    const body = { tier: 'endCustomer', name, customerCode: code };
    const made = await this.#client.send<Tenant>({ method: 'POST', path, body });
    if (made.status !== 201) return `POST ${path} is refused: ${made.text}`;
    this.#customers++;
    this.#last = { id: made.body.id, code };
    return undefined;
  }

  async #change(id: string, name: string): Promise<string | undefined> {
    const changed = await this.#client.send({ method: 'PATCH', path: `/api/v1/tenants/${id}`, body: { name } });
    return changed.status === 200 ? undefined : `PATCH of ${id} is refused: ${changed.text}`;
  }

  async #list(query: string) {
    const path = `/api/v1/tenants/${this.#resellerId}/customers?scope=children&limit=1&${query}`;
    const answer = await this.#client.send<List>({ method: 'GET', path });
    return answer.status === 200 ? answer : { ...answer, body: { items: [], total: -1 } };
  }
}
