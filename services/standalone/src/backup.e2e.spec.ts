import { createHash, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Restore } from '#libs/platform/restore';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { backup as downloadBackup } from './ops/backup.ts';
import { exportLog } from './ops/export-log.ts';
import { replay } from './ops/read-models.ts';
import { Session } from './ops/session.ts';
import { PlatformClient } from './platform-client.ts';
import { SERVICES } from './services.ts';
import { playThreeTiers } from './testing/three-tiers.ts';

type Item = Readonly<Record<string, unknown>>;
type List = Readonly<{ items: readonly Item[]; total: number }>;
type Archive = Readonly<{ bytes: number; sha256: string; position: number; files: number; missing: readonly string[] }>;
type Backup = Readonly<{ id: string; status: string; archive: Archive | null; error: string | null }>;
type Line = Readonly<{ position: number; stream: string; type: string; data: unknown; withheld?: true }>;

const PASSWORD = 'correct horse battery';

const started = (dataDir: string): Promise<TestPlatform> => startPlatform(SERVICES, { dataDir });
const admin = (platform: TestPlatform): Promise<HttpClient> => platform.as('admin@example.com', PASSWORD);
const ended = async (http: HttpClient, id: string): Promise<Backup> => {
  for (;;) {
    const { body } = await http.get<Backup>(`/operations/backups/${id}`);
    if (body.status !== 'running') return body;
    await new Promise((resume) => setTimeout(resume, 20));
  }
};
const taken = async (http: HttpClient): Promise<Backup & { archive: Archive }> => {
  const { status, body } = await http.post<Backup>('/operations/backups');
  expect(status).toBe(202);
  const backup = await ended(http, body.id);
  const { archive } = backup;
  if (!archive) throw new Error(`no archive: ${String(backup.error)}`);
  return { ...backup, archive };
};
const logOf = async (http: HttpClient): Promise<readonly string[]> =>
  (await http.get<string>('/operations/log?limit=1000000')).body.split('\n').filter((line) => line !== '');

/** Everything that a reader of one tree sees, as the bytes of the answers. */
const seen = async (http: HttpClient, tenants: readonly string[], month: string): Promise<readonly string[]> => {
  const answers: string[] = [];
  const see = async (path: string): Promise<void> => {
    const { status, body } = await http.get(path);
    answers.push(`${path} ${String(status)} ${JSON.stringify(body)}`);
  };
  for (const id of tenants) {
    for (const path of [
      '',
      '/customers',
      '/contracts',
      '/linked-accounts',
      '/data-sources',
      '/imports',
      '/users',
      `/unassigned?month=${month}`,
    ])
      await see(`/tenants/${id}${path}`);
    await see(`/tenants/${id}/bills/${month}`);
    await see(`/tenants/${id}/bills/${month}/lines?limit=500`);
    const { body } = await http.get<List>(`/tenants/${id}/bills/${month}/lines?limit=500`);
    for (const line of body.items) await see(`/tenants/${id}/bills/${month}/lines/${String(line['id'])}/explanation`);
  }
  return answers;
};

describe('a backup', () => {
  let folder: string;
  let dataDir: string;
  let platform: TestPlatform;
  let http: HttpClient;
  let tenants: readonly string[];
  let month: string;
  let before: readonly string[];
  let backup: Backup & { archive: Archive };

  /** Commands and imports of another tree, until told to stop. */
  const traffic = async (): Promise<() => Promise<number>> => {
    const root = await http.post<{ id: string }>('/tenants', { tier: 'reseller', name: `Busy ${randomUUID()}`, currency: 'USD' });
    const tenant = root.body.id;
    const account = randomUUID();
    await http.post(`/tenants/${tenant}/data-sources`, { managementAccountId: account, name: 'Busy' });
    let stopped = false;
    let done = 0;
    const commands = async (): Promise<void> => {
      while (!stopped) {
        const name = `Customer ${String(done)}`;
        const { status } = await http.post(`/tenants/${tenant}/customers`, { tier: 'endCustomer', name });
        expect(status).toBe(201);
        done += 1;
      }
    };
    const imports = async (): Promise<void> => {
      for (let round = 1; !stopped; round += 1) {
        const upload = new FormData();
        const rows = Array.from(
          { length: 200 },
          (_, row) =>
            `${String(round)}.${String(row)},${account},USD,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,busy`,
        );
        const head =
          'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId';
        upload.append('files', new Blob([[head, ...rows, ''].join('\n')]), 'usage.csv');
        expect((await http.post(`/tenants/${tenant}/imports/upload`, upload)).status).toBe(202);
        await new Promise((resume) => setTimeout(resume, 500));
      }
    };
    const working = Promise.all([commands(), commands(), imports()]);
    return async () => {
      stopped = true;
      await working;
      return done;
    };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'backup-'));
    dataDir = join(folder, 'data');
    platform = await started(dataDir);
    month = await playThreeTiers(platform, folder, 'admin@example.com', PASSWORD);
    http = await admin(platform);
    const { body } = await http.get<List>('/tenants?limit=500');
    tenants = body.items.map(({ id }) => String(id));
    await http.post(`/tenants/${String(tenants[0])}/users`, {
      email: 'sales@example.com',
      name: 'Sales',
      password: PASSWORD,
      role: 'sales',
    });
    await platform.settled();
    before = await seen(http, tenants, month);
    const stop = await traffic();
    backup = await taken(http);
    const more = await taken(http);
    expect(more.archive.position).toBeGreaterThan(backup.archive.position);
    backup = more;
    expect(await stop()).toBeGreaterThan(0);
    await platform.running.settled(60_000);
  }, 120_000);

  afterAll(async () => {
    await platform.close();
    await rm(folder, { recursive: true });
  });

  const kept = (): Promise<Buffer> => readFile(join(dataDir, 'backups', `${backup.id}.tar`));
  /** The archive as a file elsewhere, changed or not. */
  const archiveFile = async (name: string, change: (content: Buffer) => Buffer = (content) => content): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, change(await kept()));
    return file;
  };
  const flipped = (content: Buffer): Buffer => {
    // Within the last file, behind which a tar has two empty blocks at least.
    const at = content.lastIndexOf('PAR1') - 8;
    content.writeUInt8(content.readUInt8(at) ^ 1, at);
    return content;
  };
  const session = async (interrupted: AbortSignal = new AbortController().signal): Promise<Session> => {
    const client = new PlatformClient(platform.url);
    await client.login('admin@example.com', PASSWORD);
    const quiet = new Session(client, true, interrupted);
    quiet.result = () => undefined;
    return quiet;
  };

  it('holds a log that goes as far as it says and every file that this log names', async () => {
    expect(backup).toMatchObject({ status: 'finished', error: null, archive: { missing: [] } });
    expect(backup.archive.files).toBeGreaterThan(3);
    const archive = await kept();
    expect([archive.length, createHash('sha256').update(archive).digest('hex')]).toEqual([
      backup.archive.bytes,
      backup.archive.sha256,
    ]);
    expect(await readdir(join(dataDir, 'backups'))).not.toContainEqual(expect.stringMatching(/part$|^work/));
  });

  it('restores to a platform with the same log as far as it goes, the same bills, lists and users', async () => {
    const elsewhere = join(folder, 'elsewhere');
    const restore = new Restore(elsewhere, 'tributary.db');
    await restore.stage(await archiveFile('whole.tar'), randomUUID());
    expect(await restore.apply()).toMatchObject({ position: backup.archive.position, replaced: null });
    const log = await logOf(http);
    const restored = await started(elsewhere);
    try {
      const there = await admin(restored);
      expect(await seen(there, tenants, month)).toEqual(before);
      expect((await logOf(there)).slice(0, backup.archive.position)).toEqual(log.slice(0, backup.archive.position));
      await restored.as('sales@example.com', PASSWORD);
      await restored.running.settled(30_000);
      expect(await seen(there, tenants, month)).toEqual(before);
      const { body } = await there.get<Readonly<{ status: string; warnings: readonly string[] }>>('/health/ready');
      expect(body).toMatchObject({ status: 'ready', warnings: [] });
    } finally {
      await restored.close();
    }
  }, 60_000);

  it('is refused when a byte of it differs or its end is missing, and nothing changes', async () => {
    const damaged = [
      await archiveFile('flipped.tar', flipped),
      await archiveFile('cut.tar', (content) => content.subarray(0, content.length - 20_000)),
      await archiveFile('none.tar', () => Buffer.from('no archive at all')),
    ];
    const elsewhere = join(folder, 'damaged');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, 'mine'), 'untouched');
    for (const file of damaged) {
      const restore = new Restore(elsewhere, 'tributary.db');
      await expect(restore.stage(file, randomUUID())).rejects.toMatchObject({ code: 'archive-damaged' });
      expect([file, await readdir(elsewhere)]).toEqual([file, ['mine']]);
      const form = new FormData();
      form.append('archive', new Blob([await readFile(file)]), 'backup.tar');
      const { status, body } = await http.post<{ code: string }>('/operations/restores/upload', form);
      expect([status, body.code]).toEqual([422, 'archive-damaged']);
      expect((await http.get<List>('/operations/restores')).body.total).toBe(0);
    }
    expect(await readdir(dataDir)).not.toContain('restore');
  });

  it('is uploaded alone: a second file is not passed over', async () => {
    const form = new FormData();
    for (const name of ['one.tar', 'other.tar']) form.append('archive', new Blob([await kept()]), name);
    const { status, body } = await http.post<{ errors?: readonly object[] }>('/operations/restores/upload', form);
    const more = { path: 'archive', message: 'one file is expected, and there are more' };
    expect([status, body.errors]).toEqual([400, [more]]);
    expect((await http.get<List>('/operations/restores')).body.total).toBe(0);
    expect(await readdir(join(dataDir, 'backups'))).not.toContainEqual(expect.stringContaining('upload'));
  });

  it('is downloaded in parts, begun once at a time, and removed', async () => {
    const content = `${platform.url}/api/v1/operations/backups/${backup.id}/content`;
    const { accessToken } = (
      await http.post<{ accessToken: string }>('/auth/login', { email: 'admin@example.com', password: PASSWORD })
    ).body;
    const part = async (range: string) => {
      const response = await fetch(content, { headers: { authorization: `Bearer ${accessToken}`, range } });
      return {
        status: response.status,
        range: response.headers.get('content-range'),
        bytes: Buffer.from(await response.arrayBuffer()),
      };
    };
    const whole = await kept();
    const size = String(whole.length);
    expect(await part('bytes=0-9')).toEqual({ status: 206, range: `bytes 0-9/${size}`, bytes: whole.subarray(0, 10) });
    const rest = await part('bytes=1000-');
    expect([rest.status, rest.bytes.equals(whole.subarray(1_000))]).toEqual([206, true]);
    expect((await part(`bytes=${size}-`)).status).toBe(416);

    const answers = await Promise.all([http.post<Backup>('/operations/backups'), http.post<Backup>('/operations/backups')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409]);
    const [{ body }] = answers.filter(({ status }) => status === 202) as [(typeof answers)[0]];
    expect((await http.delete(`/operations/backups/${body.id}`)).status).toBe(204);
    expect((await http.get(`/operations/backups/${body.id}`)).status).toBe(404);
    expect(await readdir(join(dataDir, 'backups'))).not.toContainEqual(expect.stringContaining(body.id));
  });

  it('is gone on with by the command line where it was interrupted, and is then as it is kept', async () => {
    const file = join(folder, 'downloaded.tar');
    const whole = await kept();
    await writeFile(`${file}.part`, whole.subarray(0, 10_000));
    await writeFile(`${file}.part.json`, JSON.stringify({ id: backup.id }));
    expect(await downloadBackup(await session(), file, true, undefined)).toBe(true);
    expect((await readFile(file)).equals(whole)).toBe(true);
    await expect(downloadBackup(await session(), file, true, undefined)).rejects.toThrow('is there already');
    // A part that is not the beginning of the archive is found out.
    const other = join(folder, 'other.tar');
    await writeFile(`${other}.part`, Buffer.alloc(10_000));
    await writeFile(`${other}.part.json`, JSON.stringify({ id: backup.id }));
    await expect(downloadBackup(await session(), other, true, undefined)).rejects.toThrow('SHA-256');
  });

  describe('of the log alone', () => {
    it('is every event in order, without password hashes', async () => {
      const lines = (await logOf(http)).map((line) => JSON.parse(line) as Line);
      expect(lines.map(({ position }) => position)).toEqual(lines.map((_, index) => index + 1));
      const categories = SERVICES.flatMap(({ secrets = [] }) => secrets);
      const secret = lines.filter(({ stream }) => categories.some((category) => stream.startsWith(`${category}-`)));
      expect(secret.map(({ stream }) => stream)).toContainEqual(expect.stringContaining('access-control.credentials-'));
      for (const { data, withheld } of secret) expect([data, withheld]).toEqual([null, true]);
      expect(lines.filter(({ withheld }) => withheld).length).toBe(secret.length);
      expect(JSON.stringify(lines)).not.toContain('$argon2');
    });

    it('goes on where it was interrupted and is then the same as written at once', async () => {
      const [atOnce, resumed, foreign] = ['at-once', 'resumed', 'foreign'].map((name) => join(folder, `${name}.ndjson`)) as [
        string,
        string,
        string,
      ];
      const stopped = new AbortController();
      const halted = await session(stopped.signal);
      // Logging in is told in the log.
      const open = await session();
      expect(await exportLog(open, atOnce, undefined)).toBe(true);
      const whole = await readFile(atOnce, 'utf8');
      expect(whole).toBe(`${(await logOf(http)).join('\n')}\n`);
      // Once after a line, once within one, once within the first.
      for (const length of [whole.indexOf('\n', 5_000) + 1, Math.floor(whole.length / 2), 10]) {
        await writeFile(resumed, whole.slice(0, length));
        expect(await exportLog(open, resumed, undefined)).toBe(true);
        expect(await readFile(resumed, 'utf8')).toBe(whole);
      }
      await writeFile(foreign, whole.slice(0, whole.indexOf('\n') + 1).replace(/"eventId":"[^"]*"/, '"eventId":"other"'));
      await expect(exportLog(open, foreign, undefined)).rejects.toThrow('another log');
      stopped.abort();
      expect(await exportLog(halted, resumed, undefined)).toBe(false);
    });
  });

  it('is for those who run the platform', async () => {
    const one = await platform.asUser(String(tenants[0]) as TenantId, 'admin');
    for (const path of ['backups', `backups/${backup.id}`, `backups/${backup.id}/content`, 'restores', 'log'])
      expect([path, (await one.get(`/operations/${path}`)).status]).toEqual([path, 403]);
    for (const path of ['backups', 'restores', 'restores/upload'])
      expect([path, (await one.post(`/operations/${path}`, {})).status]).toEqual([path, 403]);
    for (const path of [`backups/${backup.id}`, `restores/${randomUUID()}`, 'read-models/users/replay'])
      expect([path, (await one.delete(`/operations/${path}`)).status]).toEqual([path, 403]);
  });

  it('that a replay is not part of: the list answers the same total throughout, also when the replay is given up', async () => {
    const root = String(tenants[0]);
    const totals = new Set<unknown>();
    let replaying = true;
    const polling = (async () => {
      while (replaying) {
        const { status, body } = await http.get<List>(`/tenants/${root}/customers?scope=subtree`);
        totals.add(`${String(status)} ${String(body.total)}`);
      }
    })();
    const generations: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const quiet = await session();
      quiet.result = (status) => generations.push(Number((status as { generation: number }).generation));
      expect(await replay(quiet, 'customer-list', undefined)).toBe(true);
    }
    const cancelled = await http.delete<{ code?: string }>('/operations/read-models/customer-list/replay');
    expect([cancelled.status, cancelled.body.code]).toEqual([409, 'replay-not-running']);
    replaying = false;
    await polling;
    expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b));
    expect(generations.length).toBe(5);
    expect([...totals]).toEqual([`200 ${String((await http.get<List>(`/tenants/${root}/customers?scope=subtree`)).body.total)}`]);
  });

  it('is staged over HTTP, withdrawn, staged again, and takes the place of the data at the next start', async () => {
    const staged = await http.post<{ id: string; position: number }>('/operations/restores', { backupId: backup.id });
    expect([staged.status, staged.body.position]).toEqual([202, backup.archive.position]);
    expect((await http.post('/operations/restores', { backupId: backup.id })).status).toBe(409);
    expect((await http.delete(`/operations/restores/${staged.body.id}`)).status).toBe(204);
    expect((await http.delete(`/operations/restores/${staged.body.id}`)).status).toBe(404);

    const form = new FormData();
    form.append('archive', new Blob([await kept()]), 'backup.tar');
    expect((await http.post('/operations/restores/upload', form)).status).toBe(202);
    await http.post('/tenants', { tier: 'reseller', name: 'After the backup', currency: 'USD' });
    const total = async (name: string): Promise<number> => (await http.get<List>(`/tenants?name=${name}`)).body.total;
    expect(await total('After')).toBe(1);
    await platform.close();

    // A process that died while it took a backup leaves this.
    const dead = { ...backup, id: randomUUID(), status: 'running', archive: null };
    await writeFile(join(dataDir, 'backups', `${dead.id}.json`), JSON.stringify(dead));
    await writeFile(join(dataDir, 'backups', `${dead.id}.tar.part`), 'half');
    await mkdir(join(dataDir, 'backups', `work-${dead.id}`));

    platform = await started(dataDir);
    http = await admin(platform);
    expect(await total('After')).toBe(0);
    expect(await seen(http, tenants, month)).toEqual(before);
    expect((await http.get<List>('/operations/restores')).body.total).toBe(0);
    const [aside] = (await readdir(dataDir)).filter((name) => name.startsWith('replaced-'));
    expect(await readdir(join(dataDir, String(aside)))).toEqual(expect.arrayContaining(['keys', 'tributary.db', 'usage']));
    expect((await http.get<Backup>(`/operations/backups/${dead.id}`)).body).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('ended while it was being taken'),
    });
    expect(await readdir(join(dataDir, 'backups'))).not.toContainEqual(expect.stringMatching(/part$|^work/));
    // What was kept stays.
    expect((await http.get<Backup>(`/operations/backups/${backup.id}`)).body.status).toBe('finished');
  }, 60_000);
});
