import { parseArgs } from 'node:util';
import { judge, report } from './judge.ts';

const USAGE = 'npm run oracle -- [--cases N] [--seed N]: rates N random months by the engine and by the oracle';
const CASES = '10000';
const SEED = '1';

const print = (text: string): void => {
  process.stdout.write(text);
};

/** @throws TypeError for what is no whole number above zero */
const count = (option: string, text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new TypeError(`--${option} takes a whole number from 1, not "${text}"`);
  return Number(text);
};

const oracleRun = (): number => {
  const { values } = parseArgs({ options: { cases: { type: 'string' }, seed: { type: 'string' } } });
  const [cases, seed] = [count('cases', values.cases ?? CASES), count('seed', values.seed ?? SEED)];
  const shown = (many: number): string => many.toLocaleString('en');
  const verdict = judge(seed, cases, (done, differing) => {
    print(`${shown(done).padStart(7)} of ${shown(cases)} cases${differing > 0 ? `, ${shown(differing)} differ` : ''}\n`);
  });
  const { lines, differing, smallest } = verdict;
  print(`${shown(cases)} cases from seed ${String(seed)}, ${shown(lines)} lines: ${shown(differing)} differences\n`);
  if (!smallest) return 0;
  print(`\n${report(smallest)}`);
  return 1;
};

try {
  process.exitCode = oracleRun();
} catch (error) {
  process.stderr.write(error instanceof TypeError ? `${error.message}\n${USAGE}\n` : `${String(error)}\n`);
  process.exitCode = 1;
}
