import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { whole } from './arguments.ts';

const ARGUMENTS = pathToFileURL(resolve('proofs/arguments.ts')).href;

/** A command with one option, as a process. */
const ran = (...argv: readonly string[]): Readonly<{ status: number | null; out: string; err: string }> => {
  const program = `
    import { parseArgs } from 'node:util';
    import { command, whole } from '${ARGUMENTS}';
    await command('USAGE\\n', async () => {
      const { values } = parseArgs({ options: { pairs: { type: 'string', default: '3' } } });
      return whole('pairs', values.pairs, 1);
    });`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program, '--', ...argv]);
  return { status, out: stdout.toString(), err: stderr.toString() };
};

describe('the arguments of a proof', () => {
  it('are whole numbers', () => {
    expect([whole('seed', '0', 0), whole('size', '1000', 1)]).toEqual([0, 1000]);
  });

  it.each(['', 'x', '-1', '1.5', '1e3', '0', '1234567890'])('are not "%s"', (value) => {
    expect(() => whole('size', value, 1)).toThrow(`--size must be a whole number, 1 or more, not "${value}".`);
  });

  it('are refused in a sentence with the usage when they are not understood', () => {
    const usage = { status: 2, out: '' };
    expect(ran('--pairs=x')).toEqual({ ...usage, err: '--pairs must be a whole number, 1 or more, not "x".\n\nUSAGE\n' });
    expect(ran('--nope')).toEqual({ ...usage, err: "Unknown option '--nope'.\n\nUSAGE\n" });
    expect(ran('more')).toEqual({ ...usage, err: expect.stringMatching(/^Unexpected argument 'more'\.\n\nUSAGE\n$/) });
    expect(ran('--pairs=7')).toEqual({ status: 7, out: '', err: '' });
  });
});
