import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a script to its end in a process of its own and gives the JSON that it printed. Its messages go where ours go. */
export const resultOf = async <Result>(script: string, ...parameters: readonly string[]): Promise<Result> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', script, ...parameters]);
  return JSON.parse(stdout) as Result;
};
