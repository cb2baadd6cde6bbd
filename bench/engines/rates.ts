import { type Measured, ratioOf } from '../goal.ts';
import { type Steady } from './steady.ts';

/** Events per second, and per second of the process's CPU time. */
export type Rates = Readonly<{ wall: number; cpu: number }>;
export type Round = Readonly<{ ours: Rates; theirs: Rates }>;

export const ratesOf = ({ events, milliseconds, cpuMilliseconds }: Steady): Rates => ({
  wall: (events * 1_000) / milliseconds,
  cpu: (events * 1_000) / cpuMilliseconds,
});

/** A row by the wall clock, which is the goal's, and one by CPU time, which a busy machine moves less. */
export const bothClocks = (
  rounds: readonly Round[],
  { goal, what, against, atLeast }: Readonly<{ goal: string; what: string; against: string; atLeast: number }>,
): readonly Measured[] =>
  (['wall', 'cpu'] as const).map((clock) => {
    const unit = clock === 'wall' ? 'events per second' : 'events per second of CPU';
    const [first] = rounds;
    return {
      goal: clock === 'wall' ? goal : `${goal} CPU`,
      what: `${what}, ${unit}`,
      against,
      ratio: ratioOf(rounds.map(({ ours, theirs }) => ours[clock] / theirs[clock])),
      bound: { atLeast },
      seen: `${(first?.ours[clock] ?? 0).toFixed(0)} against ${(first?.theirs[clock] ?? 0).toFixed(0)} ${unit}`,
    };
  });

/** Who is first changes with each round. */
export const inTurn = async (round: number, ours: () => Promise<Rates>, theirs: () => Promise<Rates>): Promise<Round> => {
  if (round % 2 === 0) return { ours: await ours(), theirs: await theirs() };
  const first = await theirs();
  return { ours: await ours(), theirs: first };
};
