import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { createAdministrator, LoadClient, startPlatformProcess } from '../proofs/platform-process.ts';
import { alternately, type Bench } from './goal.ts';
import { processorSeconds } from './load.ts';

/** As many as `BENCH_CUSTOMERS` says; the goal names 100,000. */
const CUSTOMERS = Number(process.env['BENCH_CUSTOMERS'] ?? 42_000);
const LAST_PAGE = 2_000;
/** Longer than the answers that the platform remembers. */
const LIMIT = Math.max(21, Math.floor(CUSTOMERS / LAST_PAGE));
const AT_ONCE = 64;
const WARM_UP = 30;
const ASKED = 1_000;

type Page = Readonly<{ items: readonly unknown[]; nextCursor: string | null; total: number }>;

/** P9: a page far into a filtered, sorted list with its exact total costs what the first page costs. */
export const lists: Bench = {
  goals: ['P9'],
  run: async ({ rounds, folder, say }) => {
    const dataDir = await mkdtemp(join(folder, 'platform-'));
    const administrator = await createAdministrator(dataDir);
    const platform = await startPlatformProcess(dataDir);
    const client = new LoadClient(platform.url, AT_ONCE);
    try {
      await client.login(administrator);
      const root = await idOf(client, '/api/v1/tenants', { tier: 'distributor', name: 'Distributor', currency: 'USD' });
      let made = 0;
      const maker = async (): Promise<void> => {
        while (made < CUSTOMERS) {
          made += 1;
          const name = `Customer ${String(((made * 7919) % 1_000_003) + 1)}`;
          await idOf(client, `/api/v1/tenants/${root}/customers`, { tier: 'reseller', name });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, maker));
      const list = `/api/v1/tenants/${root}/customers?scope=subtree&tier=reseller&sort=name&limit=${String(LIMIT)}`;
      const page = async (path: string): Promise<Page> => {
        const { status, text, body } = await client.send<Page>({ method: 'GET', path });
        if (status !== 200 || body.total !== CUSTOMERS) throw new Error(`${path} was answered ${String(status)}: ${text}`);
        return body;
      };
      let far = list;
      let pages = 1;
      for (let at = await page(list); pages < LAST_PAGE && at.nextCursor !== null; pages += 1) {
        const next = `${list}&cursor=${at.nextCursor}`;
        at = await page(next);
        if (at.items.length < LIMIT) break;
        far = next;
      }
      say(`  ${String(CUSTOMERS)} customers, ${String(pages)} pages of ${String(LIMIT)}`);
      const costOf = async (path: string, count: number): Promise<number> => {
        const before = processorSeconds(platform.pid);
        for (let n = 0; n < count; n += 1) await page(path);
        return ((processorSeconds(platform.pid) - before) * 1e6) / count;
      };
      for (const path of [list, far]) await costOf(path, WARM_UP);
      const { ratio, ours, theirs } = await alternately(
        rounds,
        () => costOf(far, ASKED),
        () => costOf(list, ASKED),
      );
      return [
        {
          goal: 'P9',
          what: `page ${String(pages)} of ${String(CUSTOMERS)} customers over HTTP, filtered and sorted, with the exact total, CPU of the server`,
          against: 'page 1',
          ratio,
          bound: { atMost: 1.1 },
          seen: `${(ours[0] ?? 0).toFixed(0)} µs against ${(theirs[0] ?? 0).toFixed(0)} µs of CPU`,
        },
      ];
    } finally {
      await client.close();
      await platform.stop();
    }
  },
};

const idOf = async (client: LoadClient, path: string, body: unknown): Promise<string> => {
  const answer = await client.send<{ id: string }>({ method: 'POST', path, body });
  if (answer.status !== 201) throw new Error(`${path} was answered ${String(answer.status)}: ${answer.text}`);
  return answer.body.id;
};
