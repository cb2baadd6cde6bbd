import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appendsToOneStream } from './appends-to-one-stream.ts';
import { type Case } from './case.ts';
import { importsBesideRatings } from './imports-beside-ratings.ts';
import { linksOfOneAccount, linksThroughACrash } from './links-of-one-account.ts';
import { repeatsAfterARebuild } from './repeats-after-a-rebuild.ts';

const USAGE = `Lets very many want the same at the same moment, on the running platform, and counts what came of it.

  npm run contention [-- --size N] [--seed S]

  --size N  commands at once (default 1000; imports and ratings a fifth of it)
  --seed S  of the moments of death (default 1)
`;

const CASES: readonly Case[] = [
  repeatsAfterARebuild,
  linksOfOneAccount,
  linksThroughACrash,
  importsBesideRatings,
  appendsToOneStream,
];

const whole = (name: string, text: string): number => {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new RangeError(`--${name} must be a positive whole number, not "${text}".`);
  return Number(text);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const given = { size: whole('size', values.size), seed: whole('seed', values.seed) };
  // Not the system's temporary folder, which may be memory.
  await mkdir('dist', { recursive: true });
  const folder = await mkdtemp(join('dist', 'contention-'));
  let faulty = 0;
  try {
    for (const [number, { name, run }] of CASES.entries()) {
      const began = performance.now();
      const { seen, faults } = await run(join(folder, String(number)), given);
      const seconds = ((performance.now() - began) / 1_000).toFixed(0);
      process.stdout.write(`${faults.length === 0 ? 'holds ' : 'FAILED'}  ${name}: ${seen} (${seconds} s)\n`);
      for (const fault of faults.slice(0, 5)) process.stdout.write(`        ${fault.slice(0, 1_000)}\n`);
      if (faults.length > 0) faulty += 1;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${String(CASES.length - faulty)} of ${String(CASES.length)} hold\n`);
  if (faulty > 0) process.exitCode = 1;
};

main().then(
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
