import { parseArgs } from 'node:util';
import { command, whole } from '../arguments.ts';
import { ownFolder } from '../left-behind.ts';
import { CrashTest } from './crash-test.ts';

const USAGE = `Kills the running platform at random moments under load and compares everything acknowledged with what is there.

  npm run crash-test -- [--kills N] [--seed S] [--keep]

  --kills N  how often (default 30)
  --seed S   of the load and the moments (default: different every time)
  --keep     leave the folder of data where it is
`;

await command(USAGE, async () => {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(process.pid) },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const given = { kills: whole('kills', values.kills, 0), seed: whole('seed', values.seed, 0) };
  // Not the system's temporary folder, which may be memory.
  const folder = await ownFolder('dist', 'crash-test-', { stays: values.keep });
  if (values.keep) process.stdout.write(`The data are in ${folder}.\n`);
  const test = new CrashTest(folder, { ...given, say: (text) => process.stdout.write(`${text}\n`) });
  return (await test.run()) ? 0 : 1;
});
