/** What was typed is no call of the command; the message is a sentence about it. */
export class Misunderstood extends Error {
  override readonly name = 'Misunderstood';
}

/** @throws Misunderstood unless `value` is a whole number, `least` or more, of at most nine digits */
export const whole = (name: string, value: string, least: number): number => {
  if (!/^\d{1,9}$/.test(value) || Number(value) < least)
    throw new Misunderstood(`--${name} must be a whole number, ${String(least)} or more, not "${value}".`);
  return Number(value);
};

/** Of what `parseArgs` throws, whose message goes on with advice. Undefined: the error is another. */
const refusalOf = (error: unknown): string | undefined => {
  if (error instanceof Misunderstood) return error.message;
  const ofParseArgs = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
  return ofParseArgs ? `${error.message.split(/\.(?:\s|$)/, 1)[0] ?? ''}.` : undefined;
};

/**
 * Runs a command, which reads its own arguments, and ends the process with the exit code that it resolves with: 2 and the usage when
 * the arguments are not understood, 1 when it throws anything else.
 */
export const command = async (usage: string, run: () => Promise<number>): Promise<never> => {
  try {
    process.exit(await run());
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal !== undefined) {
      process.stderr.write(`${refusal}\n\n${usage}`);
      process.exit(2);
    }
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  }
};
