import { mkdtemp } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command, Misunderstood, whole } from '../../proofs/arguments.ts';
import { ownFolder } from '../../proofs/left-behind.ts';
import { calibration } from '../calibration.ts';
import { type Measured } from '../goal.ts';
import { rowOf, tableOf } from '../table.ts';
import { type EngineBench } from './engines.ts';
import { publishing } from './publishing.ts';
import { replay } from './replay.ts';
import { tokenWait } from './token-wait.ts';

const BENCHES: readonly EngineBench[] = [replay, tokenWait, publishing];

const USAGE = `Measures the platform on Kafka and MongoDB as ratios to a limit or a bare client by turns in the same run, and prints one table.

  npm run bench:engines -- [GOAL…] [--rounds N]

  GOAL        P5, P6, P7, P15: only these; default: all
  --rounds N  rounds of ours and theirs (default 9)

MESSAGING_URL (kafka:host:port) and READ_MODELS_URL (mongodb://host:port/db) name the engines; npm run engines:up starts some.
`;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

type Wanted = Readonly<{ goals: readonly string[]; rounds: number; messagingUrl: string; readModelsUrl: string }>;

const measure = async ({ goals, ...options }: Wanted): Promise<void> => {
  const folder = await ownFolder('dist', 'bench-');
  const [cpu] = cpus();
  print(
    `${String(cpus().length)} × ${cpu?.model ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`,
  );
  for (const line of await calibration(folder)) print(`- ${line}`);
  const rows: Measured[] = [];
  for (const bench of BENCHES) {
    if (goals.length > 0 && !bench.goals.some((goal) => goals.includes(goal))) continue;
    say(`${bench.goals.join(', ')} …`);
    const measured = await bench.run({ ...options, folder: await mkdtemp(join(folder, 'run-')), say });
    for (const one of measured) say(rowOf(one));
    rows.push(...measured);
  }
  print('');
  for (const line of tableOf(rows)) print(line);
};

await command(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '9' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const known = BENCHES.flatMap(({ goals }) => goals);
  const wrong = positionals.filter((goal) => !known.includes(goal));
  if (wrong.length > 0) throw new Misunderstood(`There is no goal ${wrong.join(', ')}; there are ${known.join(', ')}.`);
  const rounds = whole('rounds', values.rounds, 1);
  const { MESSAGING_URL: messagingUrl = '', READ_MODELS_URL: readModelsUrl = '' } = process.env;
  const missing = Object.entries({ MESSAGING_URL: messagingUrl, READ_MODELS_URL: readModelsUrl }).filter(([, url]) => url === '');
  if (missing.length > 0) {
    say(
      `No engines to measure: set ${missing.map(([name]) => name).join(' and ')}; npm run engines:up starts them and prints both.`,
    );
    return 1;
  }
  await measure({ goals: positionals, rounds, messagingUrl, readModelsUrl });
  return 0;
});
