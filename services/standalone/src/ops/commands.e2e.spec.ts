import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { addAdministrator } from '#services/access-control/src/administrator';
import { CREDENTIALS } from '../credentials.ts';
import { SERVICES } from '../services.ts';
import { ops } from './commands.ts';

type Ran = Readonly<{ code: number; out: string; err: string }>;

const PASSWORD = 'correct horse battery';
const REACTION = 'ingestion.on-import-finished';

describe('the commands of an operator', () => {
  let folder: string;
  let platform: TestPlatform;

  const ran = async (argv: readonly string[], interrupted = new AbortController().signal): Promise<Ran> => {
    let out = '';
    let err = '';
    const code = await ops(argv, interrupted, { out: (text) => (out += text), err: (text) => (err += text) });
    return { code, out, err };
  };
  const run = (...argv: readonly string[]): Promise<Ran> => ran([...argv, '--against', platform.url, '--data', folder]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ops-'));
    platform = await startPlatform(SERVICES, { dataDir: join(folder, 'data') });
    await addAdministrator(platform.running.platform, 'admin@example.com', PASSWORD);
    await writeFile(join(folder, CREDENTIALS), JSON.stringify({ user: 'admin@example.com', password: PASSWORD }));
  }, 60_000);

  afterAll(async () => {
    await platform.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    [['projections'], /customer-list\s+serving/],
    [['replay', 'customer-list'], /^customer-list replayed: \d+ events? in [\d.]+ s, generation \d+ serves\.$/m],
    [['replay', '--all'], /^users replayed:/m],
    [['quarantined'], /^Nothing is in quarantine\.$/m],
    [['retry'], /^0 parts folded again; 0 parts in quarantine\.$/m],
    [['retry', 'customer-list'], /^0 parts folded again; 0 parts in quarantine\.$/m],
    [['reactions'], /ingestion\.on-import-finished\s+running/],
    [['parked'], /^Nothing is parked\.$/m],
    [['parked', REACTION], /^Nothing is parked\.$/m],
    [['retry', '--reaction', REACTION], /^0 messages handled; 0 messages parked\.$/m],
    [['retry', '--reaction', REACTION, '--target', 'x'], /^0 messages handled; 0 messages parked\.$/m],
    [['--help'], /export-log FILE/],
  ])('%j says what it found, for people and for programs', async (argv, said) => {
    const people = await run(...argv);
    expect(people).toEqual({ code: 0, out: expect.stringMatching(said), err: '' });
    if (argv[0] === '--help') return;
    const programs = await run(...argv, '--json');
    expect([programs.code, programs.err, typeof JSON.parse(programs.out)]).toEqual([0, '', 'object']);
  });

  it.each([
    [['replay', 'nope'], /There is no projection "nope"\. There are: access-settings, /],
    [['cancel', 'nope'], /There is no projection "nope"\. There are: /],
    [['cancel', 'customer-list'], /is not being replayed/],
    [['retry', 'nope'], /There is no projection "nope"/],
    [['retry', '--reaction', 'nope'], /There are: access-control\.on-activity, .*ingestion\.on-import-finished/],
    [['drop', 'nope', '1'], /There is no reaction "nope"\. There are: /],
    [['drop', REACTION, '12'], /has not parked the event "12"/],
    [['restore', '/nowhere/at.tar'], /\/nowhere\/at\.tar is not there/],
    [['backup', '/nowhere/at.tar'], /\/nowhere\/at\.tar cannot be written/],
    [['export-log', '/nowhere/at.ndjson'], /\/nowhere\/at\.ndjson cannot be written/],
  ])('%j fails with 1 and a reason', async (argv, reason) => {
    for (const how of [[], ['--json']])
      expect(await run(...argv, ...how)).toEqual({ code: 1, out: '', err: expect.stringMatching(reason) });
  });

  it.each([
    [[], /a command is missing/],
    [['nope'], /there is no command "nope"/],
    [['toString'], /there is no command "toString"/],
    [['replay'], /replay takes the name of one read model, or --all/],
    [['replay', 'users', '--all'], /replay takes the name of one read model, or --all/],
    [['cancel'], /cancel takes 1 argument/],
    [['projections', 'users'], /projections takes 0 argument/],
    [['projections', '--all'], /projections has no option --all/],
    [['projections', '--nope'], /--nope/],
    [['retry', '--target', 'x'], /--target belongs to a --reaction/],
    [['retry', 'users', '--reaction', REACTION], /not both/],
    [['projections', '--against', 'nonsense'], /"nonsense" is no address/],
    [['projections', '--against', 'localhost:8080'], /"localhost:8080" is no address/],
  ])('%j is not understood: 2, the reason and the usage', async (argv, reason) => {
    const { code, out, err } = await ran(['--against', platform.url, '--data', folder, ...argv]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(reason);
    expect(err).toContain('npm run ops -- COMMAND');
  });

  it('says so when nobody listens, or there are no credentials', async () => {
    const nobody = await ran(['projections', '--against', 'http://127.0.0.1:1', '--data', folder]);
    expect(nobody).toEqual({ code: 1, out: '', err: expect.stringContaining('http://127.0.0.1:1 does not answer') });
    const nameless = await ran(['projections', '--against', platform.url, '--data', join(folder, 'nope')]);
    expect(nameless).toEqual({ code: 1, out: '', err: expect.stringContaining('There are no credentials') });
  });

  it('leaves nothing behind where it is refused', async () => {
    const log = join(folder, 'refused.ndjson');
    const interruption = new AbortController();
    interruption.abort();
    const args = ['export-log', log, '--against', platform.url, '--data', folder];
    expect((await ran(args, interruption.signal)).code).toBe(130);
    const damaged = join(folder, 'damaged.tar');
    await writeFile(damaged, 'no archive');
    for (const fresh of ['new', join('new', 'below')])
      expect(await ran(['restore', damaged, '--data', join(folder, fresh)])).toMatchObject({ code: 1 });
    const occupied = await mkdtemp(join(folder, 'occupied-'));
    await writeFile(join(occupied, 'note'), '');
    expect(await ran(['restore', damaged, '--data', occupied])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not empty'),
    });
    expect(await readdir(occupied)).toEqual(['note']);
    expect(await readdir(folder)).not.toEqual(expect.arrayContaining(['new']));
    expect(await readdir(folder)).not.toEqual(expect.arrayContaining(['refused.ndjson']));
  });

  it.each([
    ['a text without a line end', 'a note'],
    ['lines of something else', 'a note\nand more'],
    ['a JSON document', '{"user":"admin@example.com"}'],
  ])('writes no log into %s', async (_, content) => {
    const file = join(folder, 'note.txt');
    await writeFile(file, content);
    expect(await run('export-log', file)).toEqual({ code: 1, out: '', err: expect.stringContaining('is no export of a log') });
    expect(await readFile(file, 'utf8')).toBe(content);
  });

  it.each(['', '{"pos', '{"position":1,"stream":"te'])(
    'writes the log anew after an interruption in its first line: %j',
    async (cut) => {
      const file = join(folder, 'cut.ndjson');
      await writeFile(file, cut);
      expect((await run('export-log', file)).code).toBe(0);
      const [first = ''] = (await readFile(file, 'utf8')).split('\n', 1);
      expect(JSON.parse(first)).toMatchObject({ position: 1 });
    },
  );

  it('ends with 130 when it is interrupted, and the replay goes on', async () => {
    const interruption = new AbortController();
    interruption.abort();
    const { code, out } = await ran(['replay', 'users', '--against', platform.url, '--data', folder], interruption.signal);
    // So small a log may be replayed before the first look.
    if (code === 0) expect(out).toMatch(/^users replayed/);
    else expect([code, out]).toEqual([130, expect.stringMatching(/^The replay of users goes on without this command\./)]);
  });

  it('takes a backup, writes the log down and restores into another folder', async () => {
    const archive = join(folder, 'backup.tar');
    expect(await run('backup', archive)).toEqual({ code: 0, out: expect.stringContaining(`${archive} holds the log`), err: '' });
    expect((await run('backup', archive)).err).toMatch(/is there already/);
    const kept = await run('backup', join(folder, 'kept.tar'), '--keep', '--json');
    const { id, position } = JSON.parse(kept.out) as Readonly<{ id: string; position: number }>;
    expect((await readdir(join(folder, 'data', 'backups'))).toSorted()).toEqual([`${id}.json`, `${id}.tar`]);

    const log = join(folder, 'log.ndjson');
    const written = JSON.parse((await run('export-log', log, '--json')).out) as Readonly<{ position: number }>;
    // Each command logs in first, which the log tells, too.
    expect(written.position).toBeGreaterThan(position);
    expect(written).toEqual({ file: log, position: written.position, written: written.position });
    expect((await readFile(log, 'utf8')).trimEnd().split('\n')).toHaveLength(written.position);
    expect((await run('export-log', log)).out).toMatch(/\(\d events more\)/);

    const elsewhere = join(folder, 'elsewhere');
    const restore = (...more: string[]): Promise<Ran> => ran(['restore', archive, '--data', elsewhere, ...more]);
    const restored = await restore();
    expect(restored.code).toBe(0);
    const taken = Number(/position (\d+)/.exec(restored.out)?.[1]);
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(position);
    expect(await restore()).toMatchObject({ code: 1, err: expect.stringContaining('is not empty') });
    expect(JSON.parse((await restore('--replace', '--json')).out)).toMatchObject({ dataDir: elsewhere, position: taken });
    expect(await ran(['restore', archive, '--data', join(folder, 'data')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is in use by another process'),
    });
  }, 30_000);
});
