import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { createAdministrator, startPlatformProcess } from '../platform-process.ts';
import { Matrix } from './matrix.ts';
import { type OpenApi, routesOf } from './routes.ts';
import { buildWorld } from './world.ts';

const USAGE = `Asks every route of the API document as every kind of user about every tenant of two trees: their own, those above, beside and
below it, strangers', and one that there is not; in the path, the query, the body, files and cursors. The users have logged in, have
switched into a tenant, act as another user, were let in for a while, or are another system with a key. What strangers call their
things by (e-mail addresses, codes, accounts, names) is asked about beside what nobody calls anything by.

  npm run access-matrix

Exit code 1 when an answer is not what the access policy says of the permission that the document names, when a tenant out of reach,
or a thing of one, is not answered exactly like one that there is not, or when any answer names one. NODE_ENV=test
SABOTAGE=tenant-filter switches the filter by tenant off, and has to be found.
`;

const SHOWN = 40;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const proof = async (): Promise<number> => {
  const folder = await ownFolder(tmpdir(), 'tributary-access-');
  const dataDir = join(folder, 'data');
  await mkdir(dataDir);
  const operator = await createAdministrator(dataDir);
  const platform = await startPlatformProcess(dataDir, {
    environment: {
      IMPORT_FOLDERS: folder,
      LOGIN_FAILURES: '1000',
      LOGINS_PER_MINUTE: '1000000',
      INVITATIONS_PER_DAY: '100000',
    },
  });
  try {
    const routes = routesOf((await (await fetch(`${platform.url}/api/docs-json`)).json()) as OpenApi);
    const started = performance.now();
    const world = await buildWorld(platform.url, operator, folder);
    print(
      `${String(world.tenants.length)} tenants of two trees, ${String(world.callers.length)} callers, ${String(routes.length)} routes`,
    );
    const { asked, places, faults } = await new Matrix(world, routes).ask((caller) => {
      print(`… ${caller}`);
    });
    for (const { client } of world.callers) await client.close();
    await world.operator.close();
    for (const { caller, route, what } of faults.slice(0, SHOWN)) print(`✗ ${caller}: ${route}: ${what}`);
    for (const [place, times] of Object.entries(places)) print(`  ${place}: ${String(times)}`);
    const seconds = ((performance.now() - started) / 1_000).toFixed(0);
    print(
      `${faults.length === 0 ? '✓' : '✗'} ${String(asked)} requests in ${seconds} s: ${String(faults.length)} leaks and wrong verdicts`,
    );
    return faults.length === 0 ? 0 : 1;
  } finally {
    await platform.stop();
  }
};

await command(USAGE, async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help !== true) return proof();
  print(USAGE);
  return 0;
});
