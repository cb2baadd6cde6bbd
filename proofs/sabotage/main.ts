import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { command, Misunderstood } from '../arguments.ts';
import { CHECKS, type Ran, type Run, show, type Shown } from './checks.ts';

const USAGE = `Shows that the checks can fail: switches one guard after the other off and runs the check behind it.

  npm run sabotage [-- GUARD…]
  SABOTAGE=GUARD npm run sabotage

Each check runs once as it is and once sabotaged. Exit code 0 when every one is green as it is and red when sabotaged.
With SABOTAGE set, only the sabotaged check runs, in the open, and its exit code is the command's: it has to be 1.

Guards: ${[...new Set(CHECKS.map(({ guard }) => guard))].join(', ')}
`;

const LAST_LINES = 12;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const run: Run = (command, guard) =>
  new Promise<Ran>((resolve, reject) => {
    const started = performance.now();
    const { SABOTAGE: _, ...environment } = process.env;
    const child = spawn(process.execPath, [...command], {
      env: { ...environment, NODE_ENV: 'test', ...(guard === undefined ? {} : { SABOTAGE: guard }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const heard = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', heard);
    child.stderr.on('data', heard);
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ exitCode: code ?? 1, output, seconds: (performance.now() - started) / 1_000 });
    });
  });

const outcome = ({ exitCode, seconds }: Ran): string =>
  `${exitCode === 0 ? 'green' : `red (${String(exitCode)})`}, ${seconds.toFixed(0)} s`;

const row = (cells: readonly string[]): string => cells.map((cell, index) => cell.padEnd([18, 36, 16, 16][index] ?? 0)).join('');

const lastOf = ({ output }: Ran): string =>
  output
    .trimEnd()
    .split('\n')
    .slice(-LAST_LINES)
    .map((line) => `    ${line}`)
    .join('\n');

const sabotage = async (guards: readonly string[], only: string | undefined): Promise<number> => {
  const asked = only === undefined ? guards : only.split(',');
  const unknown = asked.find((guard) => !CHECKS.some((check) => check.guard === guard));
  if (unknown !== undefined) throw new Misunderstood(`There is no guard "${unknown}".`);
  const checks = CHECKS.filter(({ guard }) => asked.length === 0 || asked.includes(guard));
  if (only !== undefined) {
    let worst = 0;
    for (const { guard, command } of checks) {
      const { exitCode, output } = await run(command, guard);
      process.stdout.write(output);
      worst = Math.max(worst, exitCode);
    }
    return worst;
  }
  const shown: Shown[] = [];
  print(row(['guard', 'check', 'as it is', 'sabotaged', 'holds']));
  for (const check of checks) {
    const result = await show(check, run);
    shown.push(result);
    print(row([result.guard, result.what, outcome(result.without), outcome(result.sabotaged), result.holds ? 'yes' : 'NO']));
    if (!result.holds) print(lastOf(result.without.exitCode === 0 ? result.sabotaged : result.without));
  }
  const holding = shown.filter(({ holds }) => holds).length;
  print(
    `${holding === shown.length ? '✓' : '✗'} ${String(holding)} of ${String(shown.length)} checks turn red without their guard`,
  );
  return holding === shown.length ? 0 : 1;
};

await command(USAGE, async () => {
  const { values, positionals } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } }, allowPositionals: true });
  if (values.help !== true) return sabotage(positionals, process.env['SABOTAGE']);
  print(USAGE);
  return 0;
});
