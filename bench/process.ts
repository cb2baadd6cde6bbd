import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A peer that is refused tells each refusal. */
const MOST_OUTPUT = 64 * 2 ** 20;

/** Runs a script to its end in a process of its own and gives the JSON of the last line that it printed. */
export const resultOf = async <Result>(script: string, ...parameters: readonly string[]): Promise<Result> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', script, ...parameters], {
    maxBuffer: MOST_OUTPUT,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Result;
};
