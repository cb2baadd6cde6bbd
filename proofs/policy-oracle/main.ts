import { parseArgs } from 'node:util';
import { command, whole } from '../arguments.ts';
import { Random } from '../random.ts';
import { compare, policy } from './comparison.ts';

const USAGE = `Compares the access policy with a second one, written from the specification without a line of the first.

  npm run policy-oracle -- [--cases N] [--seed S]

  --cases N  random users in random trees, each asked one question; default: 1000000
  --seed S   of the choices; default: 1

Exit code 1 when any verdict differs; the smallest such case is printed.
`;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const shown = (many: number): string => many.toLocaleString('en');

await command(USAGE, () => {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    print(USAGE);
    return Promise.resolve(0);
  }
  const [cases, seed] = [whole('cases', values.cases, 1), whole('seed', values.seed, 0)];
  const started = performance.now();
  const { differing, first, seen } = compare(policy, cases, new Random(seed), (done) => {
    print(`${shown(done)} of ${shown(cases)} cases`);
  });
  const verdicts = [...seen].map(([verdict, times]) => `${shown(times)} ${verdict}`).join(', ');
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  print(
    `${differing === 0 ? '✓' : '✗'} ${shown(cases)} cases from seed ${String(seed)} in ${seconds} s (${verdicts}): ${shown(differing)} differ`,
  );
  if (first) print(JSON.stringify(first, null, 2));
  return Promise.resolve(differing === 0 ? 0 : 1);
});
