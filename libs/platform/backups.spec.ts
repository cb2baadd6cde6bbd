import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { Backups } from './backups.ts';

const UPLOAD = 'uploads/one/usage.csv';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'backups-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

describe('a backup', () => {
  it('holds a file that came and went while the log was copied', async () => {
    const backups = new Backups({
      dataDir,
      folder: join(dataDir, 'backups'),
      copyTo: async (file) => {
        await mkdir(join(dataDir, 'uploads/one'), { recursive: true });
        await writeFile(join(dataDir, UPLOAD), 'a,b\n');
        await writeFile(file, 'the log');
        await pause(200);
        await rm(join(dataDir, 'uploads/one'), { recursive: true });
        return { logId: 'log', position: 1, events: async function* () {}, close: () => undefined };
      },
      files: [{ categories: [], in: () => Promise.resolve(new Set([UPLOAD])), passing: ['uploads'] }],
      newId: randomUUID,
      log: pino({ level: 'silent' }),
    });
    const { id } = await backups.begin(randomUUID());
    let backup = await backups.get(id);
    while (backup.status === 'running') {
      await pause(10);
      backup = await backups.get(id);
    }
    expect(backup).toMatchObject({ status: 'finished', archive: { files: 2, missing: [] } });
  });
});
