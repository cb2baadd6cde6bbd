/** A guard that a test may switch off, and the check that has to notice. */
export type Check = Readonly<{ guard: string; what: string; command: readonly string[] }>;

const jest = (spec: string): readonly string[] => [
  '--experimental-vm-modules',
  '--no-warnings',
  'node_modules/jest/bin/jest.js',
  spec,
];

export const CHECKS: readonly Check[] = [
  {
    guard: 'float',
    what: 'oracle, 100 random months',
    command: ['dist/services/invoicing/src/oracle/main.js', '--cases', '100', '--seed', '1'],
  },
  {
    guard: 'tenant-filter',
    what: 'access matrix, every route and role',
    command: ['dist/proofs/access-matrix/main.js'],
  },
  {
    guard: 'tenant-filter',
    what: 'isolation, beside 3 tenants',
    command: ['dist/proofs/isolation/main.js', '--tenants', '3'],
  },
  {
    guard: 'revocation',
    what: 'revocation, 200 trials',
    command: ['dist/proofs/revocation/main.js', '--trials', '200', '--lanes', '4'],
  },
  {
    guard: 'ack-before-commit',
    what: 'crash test, 5 kills',
    command: ['dist/proofs/crash-test/main.js', '--kills', '5', '--seed', '1'],
  },
  {
    guard: 'revision-check',
    what: 'contract of the event store',
    command: jest('libs/event-sourcing/sqlite/sqlite-event-store.spec.ts'),
  },
  {
    guard: 'late-fold',
    what: 'reads after writes, 2,000 pairs',
    command: ['dist/proofs/pairs/main.js', '--pairs', '2000', '--connections', '16'],
  },
];

export type Ran = Readonly<{ exitCode: number; output: string; seconds: number }>;
export type Run = (command: readonly string[], guard: string | undefined) => Promise<Ran>;
export type Shown = Readonly<{ guard: string; what: string; without: Ran; sabotaged: Ran; holds: boolean }>;

/** The check with and without its guard; it holds when it is green with it and red without. */
export const show = async ({ guard, what, command }: Check, run: Run): Promise<Shown> => {
  const without = await run(command, undefined);
  const sabotaged = await run(command, guard);
  return { guard, what, without, sabotaged, holds: without.exitCode === 0 && sabotaged.exitCode !== 0 };
};
