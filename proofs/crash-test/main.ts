import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CrashTest } from './crash-test.ts';

const USAGE = `Kills the running platform at random moments under load and compares everything acknowledged with what is there.

  npm run crash-test -- [--kills N] [--seed S] [--keep]

  --kills N  how often (default 30)
  --seed S   of the load and the moments (default: different every time)
  --keep     leave the folder of data where it is
`;

const whole = (name: string, text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} must be a whole number, not "${text}".`);
  return Number(text);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(process.pid) },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  // Not the system's temporary folder, which may be memory.
  await mkdir('dist', { recursive: true });
  const folder = await mkdtemp(join('dist', 'crash-test-'));
  try {
    const test = new CrashTest(folder, {
      kills: whole('kills', values.kills),
      seed: whole('seed', values.seed),
      say: (text) => process.stdout.write(`${text}\n`),
    });
    if (!(await test.run())) process.exitCode = 1;
  } finally {
    if (values.keep) process.stdout.write(`The data are in ${folder}.\n`);
    else await rm(folder, { recursive: true, force: true });
  }
};

main().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
