/** One figure of the table. Ratios only: seconds of one machine say nothing about another. */
export type Measured = Readonly<{
  /** `P1`, or `P1 fsync` where one goal has two limits. */
  goal: string;
  /** What was measured, in one line. */
  what: string;
  /** The peer or the limit that ran in the same rounds. */
  against: string;
  ratio: Ratio;
  /** `at least` for a share of a limit, `at most` for a multiple of it. */
  bound: Readonly<{ atLeast: number } | { atMost: number }>;
  /** Absolute figures of both sides of one round, for orientation. */
  seen: string;
}>;

/** Median of the rounds' ratios, with the 10th and 90th percentile. */
export type Ratio = Readonly<{ median: number; p10: number; p90: number; rounds: number }>;

export type BenchOptions = Readonly<{
  rounds: number;
  /** Usage lines of the months that are imported and rated. */
  lines: number;
  /** A folder of this run, on a real disk, removed at the end. */
  folder: string;
  /** Progress, one line. */
  say: (text: string) => void;
}>;

export type Bench = Readonly<{ goals: readonly string[]; run: (options: BenchOptions) => Promise<readonly Measured[]> }>;

export const holds = ({ bound, ratio }: Measured): boolean =>
  'atLeast' in bound ? ratio.median >= bound.atLeast : ratio.median <= bound.atMost;

const quantile = (sorted: readonly number[], share: number): number => {
  const at = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (below === undefined || above === undefined) throw new RangeError('There is no quantile of nothing.');
  return below + (above - below) * (at - Math.floor(at));
};

export const ratioOf = (ratios: readonly number[]): Ratio => {
  const sorted = ratios.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), p10: quantile(sorted, 0.1), p90: quantile(sorted, 0.9), rounds: sorted.length };
};

/** `share` (0.5, 0.99) of the samples are at most this. */
export const percentile = (samples: readonly number[], share: number): number =>
  quantile(
    samples.toSorted((a, b) => a - b),
    share,
  );

/** Ours and the other's by turns, the order swapped each round, so that a slow minute of the machine meets both. */
export const alternately = async (
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Readonly<{ ratio: Ratio; ours: readonly number[]; theirs: readonly number[] }>> => {
  const seen = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) {
      seen.ours.push(await ours());
      seen.theirs.push(await theirs());
    } else {
      seen.theirs.push(await theirs());
      seen.ours.push(await ours());
    }
  }
  return { ratio: ratioOf(seen.ours.map((value, round) => value / (seen.theirs[round] ?? Number.NaN))), ...seen };
};
