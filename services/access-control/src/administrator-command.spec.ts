import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '#libs/platform/shared-log';
import { startPlatform } from '#libs/platform/testing/platform';
import { accessControlService } from './access-control.module.ts';
import { createAdmin } from './administrator-command.ts';

describe('making the first administrator', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tributary-'));
  });

  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const run = (args: readonly string[] = [], environment: Record<string, string> = {}) =>
    createAdmin(args, { DATA_DIR: dataDir, ...environment });

  const kept = async (): Promise<Readonly<{ user: string; password: string }>> =>
    JSON.parse(await readFile(join(dataDir, 'admin-credentials.json'), 'utf8')) as { user: string; password: string };

  it('makes a password, shows it once, keeps it for its owner only, and it works', async () => {
    const { done, text } = await run();
    const { user, password } = await kept();
    expect(done).toBe(true);
    expect(text).toContain(password);
    expect((await stat(join(dataDir, 'admin-credentials.json'))).mode & 0o777).toBe(0o600);
    const platform = await startPlatform([accessControlService], { dataDir });
    try {
      const me = await (await platform.as(user, password)).get('/me');
      expect(me.body).toMatchObject({
        email: 'admin@tributary.local',
        memberships: [{ tenantId: 'platform', role: 'operator' }],
      });
      expect(await run()).toMatchObject({ done: false, text: expect.stringContaining('in use by another process') });
    } finally {
      await platform.close();
    }
  });

  it('takes address and password as told, and does not show the password', async () => {
    const { done, text } = await run(['--email', 'me@example.com'], { TRIBUTARY_PASSWORD: 'from the environment' });
    expect(done).toBe(true);
    expect(text).not.toContain('from the environment');
    expect(await kept()).toEqual({ user: 'me@example.com', password: 'from the environment' });
  });

  it('changes nothing when there is one', async () => {
    await run(['--password', 'the first password']);
    expect(await run(['--password', 'another password'])).toEqual({
      done: false,
      text: 'There is an administrator already; nothing was changed.\n',
    });
    expect((await kept()).password).toBe('the first password');
  });

  it('makes it in the log that running processes share, once', async () => {
    const log = join(dataDir, 'logs', 'access-control.db');
    await mkdir(join(dataDir, 'logs'));
    const running = await openLog(`sqlite:${log}`, [], {});
    try {
      expect(await run(['--password', 'the first password'])).toMatchObject({ done: true });
      expect(await run()).toMatchObject({ done: false, text: expect.stringContaining('There is an administrator already') });
      expect(await running.store.head()).toBeGreaterThan(0);
      expect(await readdir(dataDir)).toEqual(['admin-credentials.json', 'logs']);
      const named = { MESSAGING_URL: 'kafka:127.0.0.1:1', EVENT_STORE_URL: 'sqlite:logs/access-control.db' };
      expect(await run([], named)).toMatchObject({ done: false, text: expect.stringContaining('already') });
    } finally {
      await running.close();
    }
  });

  it.each([
    [['--email', 'nobody'], '"nobody" is no e-mail address.'],
    [['--password', 'short'], 'The password must have 12 to 200 characters.'],
    [['--unknown'], "Unknown option '--unknown'"],
  ])('refuses %j', async (args, reason) => {
    const { done, text } = await run(args);
    expect(done).toBe(false);
    expect(text).toContain(reason);
  });

  it('says what is wrong with the configuration', async () => {
    expect(await run([], { PORT: 'x' })).toMatchObject({ done: false, text: expect.stringContaining('PORT: ') });
  });
});
