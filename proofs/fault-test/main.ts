import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDb } from '#libs/usage-store/duckdb';
import { readScenario } from '#services/standalone/src/demo/scenario';
import { command, Misunderstood, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { Random } from '../random.ts';
import { CASES, type Case } from './cases.ts';
import { Reference } from './embedded.ts';
import { OwnEngines } from './own-engines.ts';
import { OwnPlatform } from './own-platform.ts';
import { Site } from './site.ts';

const USAGE = `Disturbs the separate processes of the platform and their engines while the demo is played, and compares everything with what
the embedded default answers: byte for byte, nothing lost, nothing doubled.

  npm run fault-test -- [--runs N] [--only CASE,…] [--seed S] [--keep]

  --runs N   plays during which a process is killed (default 50)
  --only C   these cases, after the undisturbed one: ${CASES.slice(1)
    .map(({ name }) => name)
    .join(', ')}
  --seed S   of what is hit, and when (default: different every time)
  --keep     leave the folder of data and output where it is

It starts a broker and a stand-in for MongoDB of its own, without Docker (Java and Maven), and ends them.
`;

const INSTANCES = 2;
const FAULTS_SHOWN = 8;
const LONGEST_FAULT = 700;
const SCENARIO = join('scenarios', 'three-tiers.yaml');
const SCHEMA = join('scenarios', 'scenario.schema.json');

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

type Given = Readonly<{ runs: number; seed: number; cases: readonly Case[]; keep: boolean }>;

const seconds = (since: number): string => `${((performance.now() - since) / 1_000).toFixed(0)} s`;

const faultTest = async ({ runs, seed, cases, keep }: Given): Promise<number> => {
  print(`seed ${String(seed)}`);
  const folder = await ownFolder('dist', 'fault-test-', { stays: keep });
  if (keep) print(`Data and output are in ${folder}.`);
  const begun = performance.now();
  const engines = await OwnEngines.in(folder);
  print(`engines started, ${seconds(begun)}`);
  const duckDb = await DuckDb.open({ tempDirectory: folder });
  const playing = { scenario: await readScenario(SCENARIO, SCHEMA), duckDb, folder };
  const reference = await Reference.start(playing);
  const dataDir = join(folder, 'data');
  const platform = await OwnPlatform.start({ folder, dataDir, addresses: engines.addresses, instances: INSTANCES });
  print(`platform started, ${String(INSTANCES)} processes of each service, ${seconds(begun)}`);
  let faulty = 0;
  try {
    const progress = (text: string): void => {
      print(`    ${text}`);
    };
    const site = new Site(platform, engines, reference, playing, dataDir, new Random(seed), runs, progress);
    for (const { name, what, run } of cases) {
      const started = performance.now();
      const { seen, faults } = await run(site).catch((error: unknown) => ({
        seen: '',
        faults: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      }));
      print(`${faults.length === 0 ? '✓' : '✗'} ${name}: ${what} (${seconds(started)}): ${seen}`);
      for (const fault of faults.slice(0, FAULTS_SHOWN)) print(`    ${fault.slice(0, LONGEST_FAULT)}`);
      if (faults.length > FAULTS_SHOWN) print(`    … and ${String(faults.length - FAULTS_SHOWN)} more`);
      if (faults.length > 0) faulty++;
    }
    print(
      faulty === 0
        ? `✓ ${String(site.worlds.length)} worlds played, all as on the embedded default (${seconds(begun)})`
        : `✗ ${String(faulty)} of ${String(cases.length)} cases (${seconds(begun)}, seed ${String(seed)})`,
    );
  } finally {
    await platform.stop();
    await reference.stop();
    duckDb.close();
    await engines.stop();
  }
  return faulty === 0 ? 0 : 1;
};

const chosen = (only: string | undefined): readonly Case[] => {
  const names = only?.split(',') ?? CASES.map(({ name }) => name);
  const unknown = names.find((name) => !CASES.some((known) => known.name === name));
  if (unknown !== undefined) throw new Misunderstood(`There is no case "${unknown}".`);
  // The first one tells how long a play takes.
  return CASES.filter(({ name }, index) => index === 0 || names.includes(name));
};

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '50' },
      only: { type: 'string' },
      seed: { type: 'string', default: String(process.pid) },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    print(USAGE);
    return 0;
  }
  const numbers = { runs: whole('runs', values.runs, 1), seed: whole('seed', values.seed, 0) };
  return faultTest({ ...numbers, cases: chosen(values.only), keep: values.keep });
});
