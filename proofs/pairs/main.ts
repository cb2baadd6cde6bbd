import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { command, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { createAdministrator, LoadClient, startPlatformProcess } from '../platform-process.ts';
import { writeAndRead } from './pairs.ts';

const USAGE = `Writes and reads at once: the very next reads after each answered write show it.

  npm run pairs -- [--pairs N] [--connections C]

  --pairs N        writes, each followed by reads: by id, in a list filtered and sorted by what was written, and by the list's
                   total; default: 200000
  --connections C  at once; default: 64

It starts the platform on a folder of its own. Exit code 1 when any read is stale or any request is refused.
`;

const PROGRESS_MS = 10_000;
const SHOWN = 10;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const proof = async (pairs: number, connections: number): Promise<number> => {
  const dataDir = await ownFolder(tmpdir(), 'tributary-pairs-');
  const operator = await createAdministrator(dataDir);
  const platform = await startPlatformProcess(dataDir);
  const client = new LoadClient(platform.url, connections);
  try {
    await client.login(operator);
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1_000;
    const faults: string[] = [];
    let done = 0;
    const progress = setInterval(() => {
      print(
        `${String(done)} of ${String(pairs)} pairs, ${(done / seconds()).toFixed(0)} a second, ${String(faults.length)} faults`,
      );
    }, PROGRESS_MS);
    try {
      for await (const fault of writeAndRead(client, { pairs, connections })) {
        done++;
        if (fault !== undefined) faults.push(fault);
      }
    } finally {
      clearInterval(progress);
    }
    for (const fault of faults.slice(0, SHOWN)) print(`✗ ${fault}`);
    print(
      `${faults.length === 0 ? '✓' : '✗'} ${String(done)} pairs on ${String(connections)} connections in ${seconds().toFixed(0)} s ` +
        `(${(done / seconds()).toFixed(0)} a second): ${String(faults.length)} stale or refused`,
    );
    return faults.length === 0 ? 0 : 1;
  } finally {
    await client.close();
    await platform.stop();
  }
};

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '200000' },
      connections: { type: 'string', default: '64' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help !== true) return proof(whole('pairs', values.pairs, 1), whole('connections', values.connections, 1));
  print(USAGE);
  return 0;
});
