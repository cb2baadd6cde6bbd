import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSecret } from '#libs/platform/access-tokens';
import { reasonOf, type Running, start } from '#libs/platform/bootstrap';
import { sharedDuckDb } from '#libs/usage-store/duckdb';
import { addAdministrator, hasAdministrator } from '#services/access-control/src/administrator';
import { type Credentials, CREDENTIALS, givenCredentials, keptCredentials, NoCredentials, typed } from '../credentials.ts';
import { PlatformClient, Refused, Unreachable } from '../platform-client.ts';
import { SERVICES } from '../services.ts';
import { unexpected } from './bill.ts';
import { count } from '../count.ts';
import { play, type Played, PlayFailed } from './play.ts';
import { report } from './report.ts';
import { InvalidScenario, readScenario, type Scenario } from './scenario.ts';

const USAGE = `Plays a scenario through the public HTTP API and shows the bills that come out.

  npm run demo -- [--scenario FILE] [--against URL] [--data DIR] [--json FILE] [--exit]

  --scenario FILE  the scenario (YAML, see docs/scenarios.md); default: scenarios/showcase.yaml
  --against URL    plays on a running platform, as TRIBUTARY_USER with TRIBUTARY_PASSWORD, else as the administrator whose
                   credentials create-admin left in the data directory (--data, DATA_DIR or ./data)
  --data DIR       keeps the data there; default: a temporary folder, removed at the end
  --json FILE      writes the result
  --exit           ends the platform afterwards instead of leaving it there to look around
`;

const DEFAULT_SCENARIO = 'scenarios/showcase.yaml';
const SCHEMA = 'scenarios/scenario.schema.json';

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Whoever may sign in on a platform that this process has just started: made now if nobody is there. */
const ownCredentials = async ({ platform }: Running): Promise<Credentials> => {
  const given = givenCredentials();
  if (await hasAdministrator(platform.readModels)) return given ?? keptCredentials(platform.dataDir);
  const made = given ?? { user: 'admin@tributary.local', password: randomBytes(15).toString('base64url') };
  await addAdministrator(platform, made.user, made.password);
  await writeSecret(join(platform.dataDir, CREDENTIALS), made);
  return made;
};

/** What is wrong with the result: expected figures that differ and totals that do not tie out. */
const faultsOf = (scenario: Scenario, { months }: Played): readonly string[] => [
  ...months.flatMap(({ month, tieOut }) =>
    tieOut === true ? [] : tieOut.map((fault) => `${month}: does not tie out: ${fault}`),
  ),
  ...unexpected(scenario.expected?.months ?? [], months),
];

const proof = (scenario: Scenario, { months, imports }: Played): string => {
  const slices = imports.flatMap((answer) => answer.slices).length;
  const figures = scenario.expected
    ? `${count(scenario.expected.months.length, 'month')} of expected figures`
    : 'no figures were expected';
  return `Proven: control totals of ${count(slices, 'slice')}, every tie-out of ${count(months.length, 'month')}, ${figures}.`;
};

const played = async (scenario: Scenario, url: string, credentials: Credentials, folder: string): Promise<Played> => {
  const client = new PlatformClient(url);
  await client.login(credentials.user, credentials.password);
  const { duckDb, release } = await sharedDuckDb({ tempDirectory: folder });
  const started = performance.now();
  try {
    return await play(scenario, client, duckDb, folder, (text) => {
      print(`${((performance.now() - started) / 1000).toFixed(1).padStart(7)} s  ${text}`);
    });
  } finally {
    await release();
  }
};

const untilInterrupted = (): Promise<void> =>
  new Promise((resume) => {
    process.once('SIGINT', resume);
    process.once('SIGTERM', resume);
  });

const options = {
  scenario: { type: 'string' },
  against: { type: 'string' },
  data: { type: 'string' },
  json: { type: 'string' },
  exit: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws PlayFailed with the usage for what is no option, or has no value */
const typedOptions = () => {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new PlayFailed(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
};

const demo = async (): Promise<number> => {
  const values = typedOptions();
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const scenario = await readScenario(values.scenario === undefined ? DEFAULT_SCENARIO : typed(values.scenario), SCHEMA);
  const work = await mkdtemp(join(tmpdir(), 'tributary-demo-'));
  const dataDir = values.data === undefined ? join(work, 'data') : typed(values.data);
  let running: Running | undefined;
  try {
    print(`${scenario.name}${scenario.description === undefined ? '' : `: ${scenario.description}`}`);
    let url: string;
    let credentials: Credentials;
    if (values.against === undefined) {
      await mkdir(dataDir, { recursive: true });
      running = await start(SERVICES, { environment: { LOG_LEVEL: 'error', PORT: '0', ...process.env, DATA_DIR: dataDir } });
      credentials = await ownCredentials(running);
      url = running.url;
    } else {
      url = values.against;
      const kept = values.data ?? process.env['DATA_DIR'] ?? 'data';
      credentials = givenCredentials() ?? (await keptCredentials(typed(kept)));
    }
    const result = await played(scenario, url, credentials, work);
    print(report(result));
    const { lines, importSeconds, ratingSeconds, totalSeconds } = result.run;
    print(
      `\n${lines.toLocaleString('en')} lines imported in ${importSeconds.toFixed(1)} s, rated for every tenant and read in ` +
        `${ratingSeconds.toFixed(1)} s: ${Math.round(lines / (importSeconds + ratingSeconds)).toLocaleString('en')} lines/s ` +
        `(${totalSeconds.toFixed(1)} s in all).`,
    );
    const faults = faultsOf(scenario, result);
    if (values.json !== undefined) {
      const content = { scenario: scenario.name, bill: { months: result.months }, run: { ...result.run, faults } };
      await writeFile(typed(values.json), `${JSON.stringify(content, null, 2)}\n`).catch((error: unknown) => {
        throw new PlayFailed(`The result cannot be written: ${String(error)}`);
      });
    }
    for (const fault of faults) print(`✗ ${fault}`);
    if (faults.length === 0) print(`✓ ${proof(scenario, result)}`);
    if (running && !values.exit) {
      print(
        `\nLook around: ${url}/api/docs\n  user      ${credentials.user}\n  password  ${credentials.password}\nCtrl-C ends it.`,
      );
      await untilInterrupted();
    }
    return faults.length === 0 ? 0 : 1;
  } finally {
    await running?.stop();
    await rm(work, { recursive: true, force: true });
  }
};

try {
  process.exitCode = await demo();
} catch (error) {
  const readable = [InvalidScenario, NoCredentials, PlayFailed, Refused, Unreachable].some((kind) => error instanceof kind);
  process.stderr.write(`${readable && error instanceof Error ? error.message : reasonOf(error)}\n`);
  process.exitCode = 1;
}
