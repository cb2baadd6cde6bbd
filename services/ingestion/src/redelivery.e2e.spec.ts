import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type StreamName } from '#libs/event-sourcing/event';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type UsageMonthEvent } from '#libs/published/ingestion';
import { usageFolderOf } from '#libs/usage-store/usage-files';
import { ingestionService } from './ingestion.module.ts';
import { focusCsv } from './testing/delivering.ts';
import { registeredTenant } from './testing/tenants.ts';

type Slice = Readonly<{ month: string; rows: number; alreadyThere: boolean }>;
type Import = Readonly<{
  id: string;
  status: string;
  problems: readonly Readonly<{ message: string }>[];
  slices: readonly Slice[];
}>;

const ACCOUNT = '111';
const lines = (count: number, more: Readonly<Record<string, string>> = {}): string =>
  focusCsv(
    ...Array.from({ length: count }, (_, row) => ({ BillingAccountId: ACCOUNT, BilledCost: String(row * 7919), ...more })),
  );

const form = (files: readonly (readonly [name: string, content: string | Buffer])[]): FormData => {
  const data = new FormData();
  for (const [name, content] of files) data.append('files', new Blob([new Uint8Array(Buffer.from(content))]), name);
  return data;
};

const filesIn = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
};

/** A platform with one data source, and how it is asked. */
class Sourced {
  private constructor(
    readonly platform: TestPlatform,
    readonly tenantId: TenantId,
    readonly sourceId: string,
    private readonly http: HttpClient,
  ) {}

  static async of(platform: TestPlatform): Promise<Sourced> {
    const tenantId = await registeredTenant(platform);
    const http = await platform.asUser(tenantId, 'admin');
    const { body } = await http.post<{ id: string }>(`/tenants/${tenantId}/data-sources`, {
      managementAccountId: ACCOUNT,
      name: 'Payer',
    });
    return new Sourced(platform, tenantId, body.id, http);
  }

  /** The same tenant on a platform that was started anew. */
  async on(platform: TestPlatform): Promise<Sourced> {
    return new Sourced(platform, this.tenantId, this.sourceId, await platform.asUser(this.tenantId, 'admin'));
  }

  async upload(...files: readonly (readonly [name: string, content: string | Buffer])[]): Promise<string> {
    const { status, body } = await this.http.post<Import>(`/tenants/${this.tenantId}/imports/upload`, form(files));
    expect(status).toBe(202);
    return body.id;
  }

  async byPath(...paths: readonly string[]): Promise<string> {
    const { status, body } = await this.http.post<Import>(`/tenants/${this.tenantId}/imports`, { paths });
    expect(status).toBe(202);
    return body.id;
  }

  async ended(id: string): Promise<Import> {
    for (;;) {
      const { body } = await this.http.get<Import>(`/tenants/${this.tenantId}/imports/${id}`);
      if (body.status !== 'requested' && body.status !== 'running') return body;
      await sleep(5);
    }
  }

  /** Each time that another delivery came to serve the month. */
  async replacements(month: string): Promise<readonly UsageMonthEvent['data'][]> {
    await this.platform.settled();
    const stream = `ingestion.usageMonth-${this.sourceId}~${month}` as StreamName;
    const { events } = await this.platform.running.platform.store.read<UsageMonthEvent>(stream);
    return events.filter(({ type }) => type === 'UsageImported').map(({ data }) => data);
  }

  usageFiles(): Promise<readonly string[]> {
    return filesIn(usageFolderOf(this.platform.dataDir));
  }
}

let folder: string;
let platform: TestPlatform;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'delivered-'));
  platform = await startPlatform([ingestionService], { environment: { IMPORT_FOLDERS: folder } });
});
afterAll(async () => {
  await platform.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the same delivery', () => {
  it('100 times, by upload and by path, renamed and packed anew, has the effect of one', async () => {
    const sourced = await Sourced.of(platform);
    const content = lines(50);
    await writeFile(path.join(folder, 'same.csv'), content);
    const first = await sourced.ended(await sourced.upload(['first.csv', content]));
    expect(first).toMatchObject({ status: 'finished', slices: [{ rows: 50, alreadyThere: false }] });
    const [files, replaced] = [await sourced.usageFiles(), await sourced.replacements('2026-01')];
    expect([files.length, replaced.length]).toEqual([1, 1]);
    const ways = [
      () => sourced.upload(['first.csv', content]),
      () => sourced.upload(['other name', gzipSync(content, { level: 9 })]),
      () => sourced.byPath('same.csv'),
      () => sourced.upload(['first.csv.gz', gzipSync(content, { level: 1 })]),
    ];
    for (let time = 1; time < 100; time++) {
      const again = await sourced.ended((await (ways[time % ways.length] ?? ways[0])?.()) ?? '');
      expect(again).toMatchObject({ status: 'finished', slices: [{ rows: 50, alreadyThere: true }] });
    }
    expect(await sourced.usageFiles()).toEqual(files);
    expect(await sourced.replacements('2026-01')).toEqual(replaced);
    expect(await filesIn(path.join(platform.dataDir, 'deliveries'))).toEqual([]);
  }, 120_000);
});

describe('a month that is delivered again', () => {
  it('is replaced as a whole; months that the delivery does not hold stay', async () => {
    const sourced = await Sourced.of(platform);
    const february = { BillingPeriodStart: '2026-02-01 00:00:00' };
    await sourced.ended(await sourced.upload(['january.csv', lines(3)]));
    await sourced.ended(await sourced.upload(['february.csv', lines(4, february)]));
    const both = focusCsv({ BillingAccountId: ACCOUNT }, { BillingAccountId: ACCOUNT, ...february });
    expect(await sourced.ended(await sourced.upload(['both.csv', both]))).toMatchObject({
      slices: [
        { month: '2026-01', rows: 1, alreadyThere: false },
        { month: '2026-02', rows: 1, alreadyThere: false },
      ],
    });
    await sourced.ended(await sourced.upload(['january-again.csv', lines(5)]));
    const rows = async (month: string) => (await sourced.replacements(month)).map((slice) => slice.rows);
    expect([await rows('2026-01'), await rows('2026-02')]).toEqual([
      [3, 1, 5],
      [4, 1],
    ]);
  });
});

describe('a manifest by its path', () => {
  it('brings its parts along, from a bucket copied whole; without one of them nothing is restated', async () => {
    const sourced = await Sourced.of(platform);
    await sourced.ended(await sourced.upload(['earlier.csv', lines(9)]));
    const of = (name: string) => path.join(folder, 'export', name, 'BILLING_PERIOD=2026-01');
    const [metadata, data] = [of('metadata'), of('data')];
    for (const one of [metadata, data]) await mkdir(one, { recursive: true });
    const dataFiles = ['e-1.csv.gz', 'e-2.csv.gz'].map((name) => `s3://bucket/prefix/export/data/BILLING_PERIOD=2026-01/${name}`);
    await writeFile(path.join(metadata, 'e-Manifest.json'), JSON.stringify({ executionId: 'x', dataFiles }));
    await writeFile(path.join(data, 'e-1.csv.gz'), gzipSync(lines(2)));
    const manifest = 'export/metadata/BILLING_PERIOD=2026-01/e-Manifest.json';
    const half = await sourced.ended(await sourced.byPath(manifest));
    expect(half).toMatchObject({ status: 'failed', slices: [] });
    expect(half.problems[0]?.message).toBe(
      'The part e-2.csv.gz, which the manifest e-Manifest.json names, is not in the delivery.',
    );
    expect((await sourced.replacements('2026-01')).map(({ rows }) => rows)).toEqual([9]);
    await writeFile(path.join(data, 'e-2.csv.gz'), gzipSync(lines(3)));
    const whole = await sourced.ended(await sourced.byPath(manifest));
    expect(whole).toMatchObject({ status: 'finished', slices: [{ rows: 5 }] });
    expect((await sourced.replacements('2026-01')).map(({ rows }) => rows)).toEqual([9, 5]);
  });
});

describe('a process that is killed while it imports', () => {
  const ROWS = 30_000;
  const CONTENT = gzipSync(lines(ROWS));

  const names = (dir: string): readonly string[] =>
    existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }) : [];
  const isStaging = (dataDir: string): boolean => names(path.join(usageFolderOf(dataDir), 'staging')).length > 0;
  const isWriting = (dataDir: string, source: string): boolean =>
    names(path.join(usageFolderOf(dataDir), source, '2026-01')).length > 0;

  /**
   * Imports on one platform, and answers a platform on what the disk held at `moment`: a copy that is made within one turn, so between
   * two writes to the log. `moment` is asked again and again, with the events that are about to be appended.
   */
  const killedAt = async (
    moment: (at: Readonly<{ dataDir: string; source: string; appending: readonly string[] }>) => boolean,
    then: (restarted: Sourced, importId: string) => Promise<void>,
  ): Promise<void> => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'killed-'));
    const copy = await mkdtemp(path.join(tmpdir(), 'restarted-'));
    const before = await startPlatform([ingestionService], { dataDir });
    try {
      const sourced = await Sourced.of(before);
      let taken = false;
      const look = (appending: readonly string[]): void => {
        if (taken || !moment({ dataDir, source: sourced.sourceId, appending })) return;
        taken = true;
        cpSync(dataDir, copy, { recursive: true });
      };
      const { store } = before.running.platform;
      const [append, appendBatches] = [store.append.bind(store), store.appendBatches.bind(store)];
      jest.spyOn(store, 'append').mockImplementation((stream, events, ...rest) => {
        look(events.map(({ type }) => type));
        return append(stream, events, ...rest);
      });
      jest.spyOn(store, 'appendBatches').mockImplementation((stream, batches, ...rest) => {
        look(batches.flatMap(({ events }) => events.map(({ type }) => type)));
        return appendBatches(stream, batches, ...rest);
      });
      const importId = await sourced.upload(['long.csv.gz', CONTENT]);
      while (!taken) {
        look([]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const after = await startPlatform([ingestionService], { dataDir: copy });
      try {
        await then(await sourced.on(after), importId);
      } finally {
        await after.close();
      }
    } finally {
      await before.close();
      await rm(dataDir, { recursive: true, force: true });
      await rm(copy, { recursive: true, force: true });
    }
  };

  it.each<[string, Parameters<typeof killedAt>[0]]>([
    ['once it was asked for', ({ appending }) => appending.length === 0],
    ['while it reads', ({ dataDir }) => isStaging(dataDir)],
    ['while it writes', ({ dataDir, source }) => isWriting(dataDir, source)],
    ['when all is written, before that is recorded', ({ appending }) => appending.includes('ImportFinished')],
    ['when that is recorded, before the month is replaced', ({ appending }) => appending.includes('UsageImported')],
  ])(
    '%s, ends in one effect after its restart',
    (_, moment) =>
      killedAt(moment, async (restarted, importId) => {
        await restarted.platform.settled();
        expect(await restarted.ended(importId)).toMatchObject({
          status: 'finished',
          slices: [{ rows: ROWS, alreadyThere: false }],
        });
        const replaced = await restarted.replacements('2026-01');
        expect(replaced.map(({ rows }) => rows)).toEqual([ROWS]);
        const usage = usageFolderOf(restarted.platform.dataDir);
        expect(await restarted.usageFiles()).toEqual(
          replaced.flatMap(({ files }) => files.map((file) => path.join(usage, file.path))),
        );
        expect(await filesIn(path.join(restarted.platform.dataDir, 'deliveries'))).toEqual([]);
        const again = await restarted.ended(await restarted.upload(['again.csv.gz', CONTENT]));
        expect(again).toMatchObject({ slices: [{ alreadyThere: true }] });
        expect(await restarted.replacements('2026-01')).toHaveLength(1);
      }),
    60_000,
  );
});
