import { mkdtemp } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command, Misunderstood, whole } from '../proofs/arguments.ts';
import { ownFolder } from '../proofs/left-behind.ts';
import { BENCHES } from './benches.ts';
import { calibration } from './calibration.ts';
import { type Measured } from './goal.ts';
import { rowOf, tableOf } from './table.ts';

const USAGE = `Measures the platform as ratios to a limit or a peer that runs by turns with it in the same run, and prints one table.

  npm run bench -- [GOAL…] [--rounds N] [--lines N]

  GOAL        P1, P2, …: only these; default: all
  --rounds N  rounds of ours and theirs (default 9)
  --lines N   usage lines of an imported and rated month (default 1000000)
`;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

type Wanted = Readonly<{ goals: readonly string[]; rounds: number; lines: number }>;

const measure = async ({ goals, rounds, lines }: Wanted): Promise<void> => {
  // Not the system's temporary folder, which may be memory: the disk is part of what is measured.
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
    const measured = await bench.run({ rounds, lines, folder: await mkdtemp(join(folder, 'run-')), say });
    for (const one of measured) say(rowOf(one));
    rows.push(...measured);
  }
  print('');
  for (const line of tableOf(rows)) print(line);
};

await command(USAGE, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '9' },
      lines: { type: 'string', default: '1000000' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const known = BENCHES.flatMap(({ goals }) => goals);
  const wrong = positionals.filter((goal) => !known.includes(goal));
  if (wrong.length > 0) throw new Misunderstood(`There is no goal ${wrong.join(', ')}; there are ${known.join(', ')}.`);
  await measure({ goals: positionals, rounds: whole('rounds', values.rounds, 1), lines: whole('lines', values.lines, 1) });
  return 0;
});
