import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
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

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const given = { size: whole('size', values.size, 1), seed: whole('seed', values.seed, 0) };
  // Not the system's temporary folder, which may be memory.
  const folder = await ownFolder('dist', 'contention-');
  let faulty = 0;
  for (const [number, { name, run }] of CASES.entries()) {
    const began = performance.now();
    const { seen, faults } = await run(join(folder, String(number)), given);
    const seconds = ((performance.now() - began) / 1_000).toFixed(0);
    // What a case says was seen is so only where it holds.
    const said = faults.length === 0 ? `holds   ${name}: ${seen}` : `FAILED  ${name}: ${String(faults.length)} faults`;
    process.stdout.write(`${said} (${seconds} s)\n`);
    for (const fault of faults.slice(0, 5)) process.stdout.write(`        ${fault.slice(0, 1_000)}\n`);
    if (faults.length > 0) faulty += 1;
  }
  process.stdout.write(`${String(CASES.length - faulty)} of ${String(CASES.length)} hold\n`);
  return faulty === 0 ? 0 : 1;
});
