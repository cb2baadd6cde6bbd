import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type BillEvent } from '#libs/published/invoicing';
import { type Month } from '#libs/time/time';
import { DuckDb } from '#libs/usage-store/duckdb';
import { UsageFiles, usageFolderOf } from '#libs/usage-store/usage-files';
import { invoicingService } from '../invoicing.module.ts';
import { Tree } from '../testing/tree.ts';
import { billList } from '../bill-list/bill-list.projection.ts';
import { ratingStates } from './due-months.ts';
import { InputArchive } from './input-archive.ts';
import { KnownMonths } from './known-months.ts';
import { MonthUsage } from './month-usage.ts';
import { rateMonth, type Rating } from './rate-month.ts';
import { RatedMonths } from './rated-months.ts';

const root = 'd1' as TenantId;
const month = '2026-01' as Month;
const never = new AbortController().signal;

let duckDb: DuckDb;
let platform: TestPlatform;
let tree: Tree;
let rating: Rating;

beforeEach(async () => {
  duckDb = await DuckDb.open({ tempDirectory: tmpdir() });
  platform = await startPlatform([{ ...invoicingService, background: () => [] }]);
  const { store, readModels, clock, newId } = platform.running.platform;
  tree = new Tree(store, platform.dataDir, duckDb);
  await tree.tenant('d1', null, 'distributor');
  await tree.tenant('c1', 'd1', 'endCustomer');
  await tree.source('111', 'd1');
  await tree.link('111', 'a1', 'c1');
  await tree.contract('c1', 'T3');
  const usage = new MonthUsage(new UsageFiles(usageFolderOf(platform.dataDir)), () => Promise.resolve(duckDb));
  const rated = new RatedMonths((input) => usage.groupsOf(input));
  rating = {
    store,
    readModels,
    clock,
    newId,
    archive: new InputArchive(path.join(platform.dataDir, 'ratings'), newId),
    billsOf: async (input) => (await rated.of(input)).bills,
    known: new KnownMonths(),
  };
});
afterEach(async () => {
  await platform.close();
  duckDb.close();
});

const imports = (amount: string): Promise<string> =>
  tree.imports('111', 'd1', month, [{ SubAccountId: 'a1', BilledCost: amount }]);
const billed = async (): Promise<readonly (string | undefined)[]> => {
  const { events } = await rating.store.read<BillEvent>(`invoicing.bill-c1~${month}` as StreamName);
  return events.map(({ data }) => data.figures[0]?.billed);
};
const state = async () => (await ratingStates(rating.readModels, { rootId: root, month }))[0]?.state;

describe('rating a month', () => {
  it('makes it current, and again without a change does nothing', async () => {
    await imports('10');
    expect(await state()).toBe('applying');
    await rateMonth(rating, root, month, never);
    expect(await state()).toBe('current');
    const head = await rating.store.head();
    await rateMonth(rating, root, month, never);
    expect(await rating.store.head()).toBe(head);
    expect(await billed()).toEqual(['10']);
  });

  it('does nothing for a month without usage', async () => {
    const head = await rating.store.head();
    await rateMonth(rating, root, month, never);
    expect(await rating.store.head()).toBe(head);
    expect(await state()).toBeUndefined();
  });

  it('is still applying when an import has come during it', async () => {
    await imports('10');
    const during: Rating = {
      ...rating,
      billsOf: async (input, signal) => {
        const bills = await rating.billsOf(input, signal);
        if ((await billed()).length === 0) await imports('20');
        return bills;
      },
    };
    await rateMonth(during, root, month, never);
    expect(await billed()).toEqual(['10']);
    expect(await state()).toBe('applying');
    await rateMonth(rating, root, month, never);
    expect(await billed()).toEqual(['10', '20']);
    expect(await state()).toBe('current');
  });

  it('rates anew when it loses the race: an old result never overwrites a newer one', async () => {
    await imports('10');
    let races = 0;
    const slow: Rating = {
      ...rating,
      billsOf: async (input, signal) => {
        const bills = await rating.billsOf(input, signal);
        if (races++ === 0) {
          await imports('20');
          await rateMonth(rating, root, month, never);
        }
        return bills;
      },
    };
    await rateMonth(slow, root, month, never);
    expect(races).toBe(2);
    expect(await billed()).toEqual(['20']);
    expect(await state()).toBe('current');
  });

  it('does not say that it is done when it did not know of a bill that somebody else had revised', async () => {
    await imports('10');
    await rateMonth(rating, root, month, never);
    await imports('20');
    const { readModels } = rating;
    const seen: unknown[] = [];
    // As where another process folds the bills of some tenants, and was killed: theirs are not known yet.
    const lagging: Rating = {
      ...rating,
      known: new KnownMonths(),
      readModels: {
        of: (projection) => {
          const model = readModels.of(projection);
          if (projection.name !== billList.name || seen.length > 0) return model;
          return {
            get: (id) => model.get(id),
            find: (query) => model.find(query),
            aggregate: (query) => model.aggregate(query),
            all: async (...query) => (await model.all(...query)).filter(({ id }) => id !== `c1~${month}`),
          };
        },
      },
      billsOf: async (input, signal) => {
        seen.push([await state(), await billed()]);
        return rating.billsOf(input, signal);
      },
    };
    await rateMonth(lagging, root, month, never);
    expect(seen).toEqual([
      ['applying', ['10']],
      ['applying', ['10']],
    ]);
    expect([await state(), await billed()]).toEqual(['current', ['10', '20']]);
  });

  it('becomes current all the same after a process has ended between the bills and the word that they are rated', async () => {
    await imports('10');
    await rateMonth(rating, root, month, never);
    await tree.rename('c1', 'New');
    const { store } = rating;
    const ended: Rating = {
      ...rating,
      known: new KnownMonths(),
      store: {
        logId: store.logId,
        read: (...of) => store.read(...of),
        append: (stream, ...of) =>
          stream.startsWith('invoicing.rating-') ? Promise.reject(new Error('killed')) : store.append(stream, ...of),
        appendBatches: (...of) => store.appendBatches(...of),
        subscribe: (...of) => store.subscribe(...of),
        head: () => store.head(),
      },
    };
    await expect(rateMonth(ended, root, month, never)).rejects.toThrow('killed');
    await tree.rename('c1', 'C1');
    // This one still knows the bills as it has left them, and that they say the right thing.
    for (let due = 0; due < 3 && (await state()) !== 'current'; due++) await rateMonth(rating, root, month, never);
    expect([await state(), await billed()]).toEqual(['current', ['10', '10', '10']]);
  });

  it('resolves anew when a file is gone because another import serves by now', async () => {
    const first = await imports('10');
    let tries = 0;
    const overtaken: Rating = {
      ...rating,
      billsOf: async (input, signal) => {
        if (tries++ === 0) {
          await imports('20');
          await rm(first);
        }
        return rating.billsOf(input, signal);
      },
    };
    await rateMonth(overtaken, root, month, never);
    expect([tries, await billed(), await state()]).toEqual([2, ['20'], 'current']);
  });

  it('fails when a file is gone and nothing has taken its place', async () => {
    await rm(await imports('10'));
    await expect(rateMonth(rating, root, month, never)).rejects.toMatchObject({ code: 'usage-file-missing' });
    expect(await state()).toBe('applying');
  });

  it('shows all bills of a run at once', async () => {
    await imports('10');
    await rateMonth(rating, root, month, never);
    await imports('20');
    const seen = new Set<string>();
    let done = false;
    const looking = (async () => {
      while (!done) {
        const http = await platform.asOperator();
        const { body } = await http.get<{ items: { figures: { billed: string }[] }[] }>(
          `/tenants/d1/bills?scope=subtree&month=${month}`,
        );
        seen.add(body.items.map(({ figures }) => figures[0]?.billed).join(' '));
      }
    })();
    await rateMonth(rating, root, month, never);
    done = true;
    await looking;
    for (const totals of seen) expect(['10 10', '20 20']).toContain(totals);
  });
});

describe('the archive of rating inputs', () => {
  it('gives back what it keeps, under the digest of its content', async () => {
    const archive = new InputArchive(path.join(platform.dataDir, 'ratings'), platform.running.platform.newId);
    const empty = { mode: 'as-of', tenants: [], dataSources: [], links: [], autoAssignments: [], contracts: [] } as const;
    const input = { month, ...empty };
    const digest = await archive.keep(input);
    const reordered = { ...empty, month };
    expect(await archive.keep(reordered)).toBe(digest);
    expect(await archive.get(digest)).toEqual(input);
    await expect(archive.get('0'.repeat(64))).rejects.toMatchObject({ code: 'rating-input-missing' });
    await expect(archive.get('../../etc/passwd')).rejects.toMatchObject({ code: 'rating-input-missing' });
  });
});
