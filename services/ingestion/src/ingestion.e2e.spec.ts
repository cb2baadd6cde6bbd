import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { uncheckedInputs } from '#libs/platform/input-checks';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { type UsageMonthEvent } from '#libs/published/ingestion';
import { type StreamName } from '#libs/event-sourcing/event';
import { usageFolderOf } from '#libs/usage-store/usage-files';
import { registeredTenant } from './testing/tenants.ts';
import { focusCsv, SAMPLES } from './testing/delivering.ts';
import { ingestionService } from './ingestion.module.ts';

type Source = Readonly<{ id: string; name: string; managementAccountId: string; scheduleHours: number | null }>;
type Import = Readonly<{
  id: string;
  status: string;
  progress: unknown;
  problems: readonly Readonly<{ row: number | null; column: string | null; message: string }>[];
  unknownColumns: readonly string[];
  slices: readonly Readonly<{ managementAccountId: string; month: string; rows: number; billedCost: readonly unknown[] }>[];
}>;
type List<Item> = Readonly<{ items: readonly Item[]; total: number }>;
type Problem = Readonly<{ code: string; detail: string; errors?: readonly Readonly<{ path: string; message: string }>[] }>;

let platform: TestPlatform;
let folder: string;
let operator: HttpClient;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'imports-'));
  platform = await startPlatform([ingestionService], {
    environment: { IMPORT_FOLDERS: `${folder},${SAMPLES}`, UPLOAD_LIMIT_MB: '2', UPLOAD_FILES: '3' },
  });
  operator = await platform.asOperator();
});
afterAll(async () => {
  await platform.close();
  await rm(folder, { recursive: true, force: true });
});

const owner = (): Promise<TenantId> => registeredTenant(platform);

const source = async (tenantId: TenantId, managementAccountId: string, more = {}): Promise<Source> => {
  const { status, body } = await operator.post<Source>(`/tenants/${tenantId}/data-sources`, {
    managementAccountId,
    name: `Payer ${managementAccountId}`,
    ...more,
  });
  expect(status).toBe(201);
  return body;
};

const form = (
  files: readonly (readonly [name: string, content: string | Buffer])[],
  fields: Readonly<Record<string, string>> = {},
) => {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  for (const [name, content] of files) data.append('files', new Blob([new Uint8Array(Buffer.from(content))]), name);
  return data;
};

const upload = (tenantId: TenantId, body: FormData, key?: string) =>
  operator.post<Import & Problem>(
    `/tenants/${tenantId}/imports/upload`,
    body,
    key === undefined ? {} : { 'idempotency-key': key },
  );

const ended = async (tenantId: TenantId, id: string): Promise<Import> => {
  for (;;) {
    const { body } = await operator.get<Import>(`/tenants/${tenantId}/imports/${id}`);
    if (body.status !== 'requested' && body.status !== 'running') return body;
    await sleep(20);
  }
};

const imported = async (tenantId: TenantId, body: FormData): Promise<Import> => {
  const accepted = await upload(tenantId, body);
  expect(accepted.status).toBe(202);
  return ended(tenantId, accepted.body.id);
};

const serving = async ({ id }: Source, month = '2026-01'): Promise<readonly UsageMonthEvent[]> => {
  await platform.settled();
  const { events } = await platform.running.platform.store.read<UsageMonthEvent>(
    `ingestion.usageMonth-${id}~${month}` as StreamName,
  );
  return events.filter(({ type }) => type === 'UsageImported');
};

describe('data sources', () => {
  it('have no route whose input would pass unchecked', () => {
    expect(uncheckedInputs(platform.running.app)).toEqual([]);
  });

  it('are one per management account in a tree', async () => {
    const root = await owner();
    const child = await registeredTenant(platform, root);
    await source(root, '111');
    const { status, body } = await operator.post<Problem>(`/tenants/${child}/data-sources`, {
      managementAccountId: '111',
      name: 'Again',
    });
    expect([status, body.code, body.errors?.[0]?.path]).toEqual([422, 'management-account-taken', 'managementAccountId']);
    await source(await owner(), '111');
  });

  it('are changed field by field, listed and shown', async () => {
    const root = await owner();
    const { id } = await source(root, '222', { scheduleHours: 24 });
    const { body, headers } = await operator.patch<Source>(`/tenants/${root}/data-sources/${id}`, { name: 'New name' });
    expect(body).toMatchObject({ name: 'New name', scheduleHours: 24, managementAccountId: '222' });
    expect(headers.get('etag')).toBe('"1"');
    expect((await operator.get(`/tenants/${root}/data-sources/${id}`)).body).toEqual(body);
    expect((await operator.get<List<Source>>(`/tenants/${root}/data-sources`)).body).toMatchObject({ total: 1, items: [{ id }] });
    const stale = await operator.patch(`/tenants/${root}/data-sources/${id}`, { name: 'Late' }, { 'if-match': '"0"' });
    expect(stale.status).toBe(412);
    expect((await operator.get(`/tenants/${await owner()}/data-sources/${id}`)).status).toBe(404);
  });
});

describe('importing', () => {
  it('takes a FOCUS file by path to its control totals', async () => {
    const root = await owner();
    for (const account of ['1234567890123', '/providers/Microsoft.Billing/billingAccounts/8611537', '20209880'])
      await source(root, account);
    const accepted = await operator.post<Import>(`/tenants/${root}/imports`, { paths: ['focus_sample.csv'] });
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('location')).toBe(`/api/v1/tenants/${root}/imports/${accepted.body.id}`);
    const { status, slices, unknownColumns } = await ended(root, accepted.body.id);
    expect([status, unknownColumns]).toEqual(['finished', ['Id']]);
    expect(slices.map(({ month, rows, billedCost }) => [month, rows, billedCost])).toEqual([
      ['2024-09', 51, [{ currency: 'USD', amount: '1.97651418586' }]],
      ['2024-09', 942, [{ currency: 'USD', amount: '18.0066386184' }]],
      ['2024-09', 6, [{ currency: 'USD', amount: '0.29707392473' }]],
      ['2024-10', 1, [{ currency: 'USD', amount: '0.24' }]],
    ]);
  });

  it('takes the CUR sample by upload, and tells who follows which files serve', async () => {
    const root = await owner();
    const payer = await source(root, '123412340534');
    const content = gzipSync(await readFile(path.join(SAMPLES, 'aws_cur_sample.csv')));
    const expected = JSON.stringify([
      { managementAccountId: '123412340534', month: '2023-11', rows: 1281, billedCost: '1.6823086974' },
    ]);
    const { status } = await imported(root, form([['cur.csv.gz', content]], { format: 'aws-cur', expected }));
    expect(status).toBe('finished');
    const [event] = await serving(payer, '2023-11');
    expect(event?.data).toMatchObject({
      dataSourceId: payer.id,
      rootId: root,
      rows: 1281,
      accounts: [{ accountId: '123412340534' }],
    });
    for (const file of event?.data.files ?? [])
      expect(await readdir(path.join(usageFolderOf(platform.dataDir), path.dirname(file.path)))).toContain(
        path.basename(file.path),
      );
  });

  it('replaces a slice by a newer delivery, and changes nothing by the same one again', async () => {
    const root = await owner();
    const payer = await source(root, '333');
    const first = form([['a.csv', focusCsv({ BillingAccountId: '333' })]]);
    const second = form([['a.csv', focusCsv({ BillingAccountId: '333' }, { BillingAccountId: '333' })]]);
    await imported(root, first);
    await imported(root, first);
    expect(await serving(payer)).toHaveLength(1);
    await imported(root, second);
    await imported(root, first);
    const events = await serving(payer);
    expect(events.map(({ data }) => data.rows)).toEqual([1, 2, 1]);
    const stored = await readdir(path.join(usageFolderOf(platform.dataDir), payer.id, '2026-01'));
    expect(stored).toHaveLength(3);
  });

  it('fails with row and column for a cost that is no number; the earlier delivery still serves', async () => {
    const root = await owner();
    const payer = await source(root, '444');
    await imported(root, form([['good.csv', focusCsv({ BillingAccountId: '444' })]]));
    const bad = await imported(
      root,
      form([['bad.csv', focusCsv({ BillingAccountId: '444' }, { BillingAccountId: '444', BilledCost: '12,5' })]]),
    );
    expect(bad).toMatchObject({
      status: 'failed',
      problems: [{ file: 'bad.csv', row: 3, column: 'BilledCost', value: '12,5' }],
      slices: [],
    });
    const whole = gzipSync(focusCsv({ BillingAccountId: '444', BilledCost: '7' }));
    const truncated = await imported(root, form([['truncated.csv.gz', whole.subarray(0, whole.length - 9)]]));
    expect([truncated.status, truncated.problems[0]?.message]).toEqual(['failed', expect.stringContaining('truncated')]);
    expect((await serving(payer)).map(({ data }) => data.rows)).toEqual([1]);
    expect(await readdir(path.join(usageFolderOf(platform.dataDir), payer.id, '2026-01'))).toHaveLength(1);
  });

  it('fails for a management account of somebody else, and names it', async () => {
    const root = await owner();
    await source(await owner(), '555');
    const { status, problems } = await imported(root, form([['a.csv', focusCsv({ BillingAccountId: '555' })]]));
    expect([status, problems[0]?.message]).toEqual(['failed', expect.stringContaining('555')]);
  });

  it('fails when totals are not as expected', async () => {
    const root = await owner();
    await source(root, '666');
    const expected = JSON.stringify([{ managementAccountId: '666', month: '2026-01', rows: 2 }]);
    const { status, problems } = await imported(root, form([['a.csv', focusCsv({ BillingAccountId: '666' })]], { expected }));
    expect([status, problems[0]?.message]).toEqual(['failed', 'The slice 666, 2026-01 has 1 rows, but 2 were expected.']);
  });

  it('answers the same key and files as the first time, and refuses the key for others', async () => {
    const root = await owner();
    const payer = await source(root, '777');
    const body = () => form([['a.csv', focusCsv({ BillingAccountId: '777' })]]);
    const first = await upload(root, body(), 'key-1');
    await ended(root, first.body.id);
    const again = await upload(root, body(), 'key-1');
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
    const other = await upload(root, form([['a.csv', focusCsv({}, {})]]), 'key-1');
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
    expect(await serving(payer)).toHaveLength(1);
    expect((await operator.get<List<Import>>(`/tenants/${root}/imports`)).body.total).toBe(1);
  });

  it('refuses what is no upload, a wrong field, and no file', async () => {
    const root = await owner();
    const twice = form([['a.csv', 'x']], { format: 'focus' });
    twice.append('format', 'aws-cur');
    const answers = [
      await operator.post<Problem>(`/tenants/${root}/imports/upload`, { paths: [] }),
      await upload(root, form([['a.csv', 'x']], { format: 'xlsx' })),
      await upload(root, form([['a.csv', 'x']], { expected: '[{' })),
      await upload(root, form([['a.csv', 'x']], { expected: '[{"month":"2026-1"}]' })),
      await upload(root, form([['a.csv', 'x']], { colour: 'red' })),
      await upload(root, form([])),
      await upload(root, twice),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 400]);
    expect(answers.slice(1).map(({ body }) => body.errors?.[0]?.path)).toEqual([
      'format',
      'expected',
      'expected[0].managementAccountId',
      'colour',
      'files',
      'format',
    ]);
  });

  it('names the limit of a file that is too large, and of too many', async () => {
    const root = await owner();
    const large = await upload(root, form([['large.csv', Buffer.alloc(2 * 1_048_576 + 1)]]));
    expect([large.status, large.body.detail]).toEqual([413, expect.stringContaining('2 MiB')]);
    const many = await upload(root, form(['1', '2', '3', '4'].map((name) => [name, 'x'] as const)));
    expect([many.status, many.body.detail]).toEqual([413, expect.stringContaining('3 files')]);
    const left = await readdir(path.join(platform.dataDir, 'deliveries'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toEqual([]);
  });

  it('reads no path outside the allowed folders', async () => {
    const root = await owner();
    await symlink('/etc/hostname', path.join(folder, 'link.csv'));
    await symlink('/etc', path.join(folder, 'etc'));
    await writeFile(path.join(folder, 'here.csv'), 'x');
    const inside = path.basename(folder);
    for (const wanted of [
      '/etc/hostname',
      '../../etc/hostname',
      `../${inside}/here.csv`,
      'link.csv',
      'etc/hostname',
      'missing.csv',
      '.',
      '',
      path.join(folder, '..', inside, 'x'),
    ]) {
      const { status, body } = await operator.post<Problem>(`/tenants/${root}/imports`, { paths: [wanted] });
      expect([wanted, status, body.code, body.errors?.[0]?.path]).toEqual([wanted, 400, 'path-not-allowed', 'paths[0]']);
    }
    expect((await operator.post(`/tenants/${root}/imports`, { paths: [path.join(folder, 'here.csv')] })).status).toBe(202);
  });

  it('is hidden from strangers and only to be read by sales', async () => {
    const root = await owner();
    const { body } = await operator.post<Import>(`/tenants/${root}/imports`, { paths: ['focus_sample.csv'] });
    const stranger = await platform.asUser(await owner(), 'admin');
    expect((await stranger.get(`/tenants/${root}/imports/${body.id}`)).status).toBe(404);
    const sales = await platform.asUser(root, 'sales');
    expect((await sales.get(`/tenants/${root}/imports/${body.id}`)).status).toBe(200);
    expect((await sales.post(`/tenants/${root}/imports/${body.id}/cancel`)).status).toBe(403);
  });
});

describe('cancelling and restarting', () => {
  const long = (account: string) =>
    gzipSync(
      focusCsv(...Array.from({ length: 30_000 }, (_, row) => ({ BillingAccountId: account, BilledCost: String(row * 7919) }))),
    );

  it('imports nothing of a cancelled delivery', async () => {
    const root = await owner();
    const payer = await source(root, '888');
    await writeFile(path.join(folder, 'long.csv.gz'), long('888'));
    const { body } = await operator.post<Import>(`/tenants/${root}/imports`, { paths: ['long.csv.gz'] });
    const cancelled = await operator.post<Import>(`/tenants/${root}/imports/${body.id}/cancel`);
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    await platform.settled();
    expect((await ended(root, body.id)).status).toBe('cancelled');
    expect(await serving(payer)).toEqual([]);
    expect(await readdir(path.join(usageFolderOf(platform.dataDir), payer.id)).catch(() => [])).toEqual([]);
    const again = await operator.post<Problem>(`/tenants/${root}/imports/${body.id}/cancel`);
    expect(again.status).toBe(200);
    const { id } = await imported(root, form([['a.csv', focusCsv({ BillingAccountId: '888' })]]));
    const late = await operator.post<Problem>(`/tenants/${root}/imports/${id}/cancel`);
    expect([late.status, late.body.code]).toEqual([422, 'import-already-ended']);
  });

  it('reads an import that a stop has interrupted again from what was uploaded', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'restarted-'));
    try {
      const before = await startPlatform([ingestionService], { dataDir });
      const root = await registeredTenant(before);
      const client = await before.asUser(root, 'admin');
      await client.post(`/tenants/${root}/data-sources`, { managementAccountId: '999', name: 'Payer' });
      const { body } = await client.post<Import>(`/tenants/${root}/imports/upload`, form([['long.csv.gz', long('999')]]));
      await before.close();
      const unfinished = path.join(usageFolderOf(dataDir), 'source/2026-01', `${body.id}.interrupted.parquet`);
      const foreign = path.join(usageFolderOf(dataDir), 'source/2026-01', '11111111-2222-4333-8444-555555555555.attempt.parquet');
      await mkdir(path.dirname(foreign), { recursive: true });
      for (const file of [unfinished, foreign]) await writeFile(file, 'left behind');
      const after = await startPlatform([ingestionService], { dataDir });
      const reader = await after.asUser(root, 'admin');
      await after.settled();
      const { body: details } = await reader.get<Import>(`/tenants/${root}/imports/${body.id}`);
      expect(details).toMatchObject({ status: 'finished', slices: [{ rows: 30_000 }] });
      const files = (await readdir(usageFolderOf(dataDir), { recursive: true })).filter((name) => name.endsWith('.parquet'));
      expect(files.filter((name) => !name.includes(body.id))).toEqual([path.relative(usageFolderOf(dataDir), foreign)]);
      expect(files.filter((name) => name.includes(body.id))).toEqual([expect.not.stringContaining('interrupted')]);
      expect(await readdir(path.join(dataDir, 'deliveries'))).toEqual([]);
      await after.close();
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
