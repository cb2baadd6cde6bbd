import { anyCase } from './any-case.ts';
import { type Case } from './case.ts';
import { type Difference, differences, differencesBeside } from './differences.ts';
import { scenarioOf } from './scenario-of.ts';
import { shrink } from './shrink.ts';

const BATCH = 1000;
/** So many are also rated beside each other. */
const BESIDE = 200;
/** Of the cases that fail the smallest ones are shrunk: it takes seconds each. */
const SHRUNK = 3;

/** A case on which engine and oracle do not agree, as small as it was found to get. */
export type Failure = Readonly<{ seed: number; case: Case; differences: readonly Difference[] }>;
export type Verdict = Readonly<{ cases: number; lines: number; differing: number; smallest: Failure | null }>;

const sizeOf = (one: Case): number => JSON.stringify(one).length;
const bySize = (one: Failure, other: Failure): number => sizeOf(one.case) - sizeOf(other.case);

/** The same failure, made smaller: at least one difference of a kind that it had before. */
const shrunk = ({ seed, case: whole, differences: found }: Failure): Failure => {
  // What goes wrong only beside other trees cannot be shrunk by itself.
  if (differences(whole).length === 0) return { seed, case: whole, differences: found };
  const kinds = new Set(found.map(({ kind }) => kind));
  const small = shrink(whole, (one) => differences(one).some(({ kind }) => kinds.has(kind)));
  return { seed, case: small, differences: differences(small) };
};

/** Rates the cases of `seed`, `seed + 1`, …, each alone and many in one run; tells after every batch how far it is. */
export const judge = (seed: number, cases: number, progress: (done: number, differing: number) => void): Verdict => {
  let [lines, differing] = [0, 0];
  let failures: readonly Failure[] = [];
  for (let done = 0; done < cases;) {
    const end = Math.min(done + BATCH, cases);
    while (done < end) {
      const batch = Array.from({ length: Math.min(BESIDE, end - done) }, (_, index) => anyCase(seed + done + index));
      const beside = differencesBeside(batch);
      for (const [index, one] of batch.entries()) {
        lines += one.lines.length;
        const alone = differences(one);
        const found = alone.length > 0 ? alone : (beside.get(one) ?? []);
        if (found.length === 0) continue;
        differing += 1;
        failures = [...failures, { seed: seed + done + index, case: one, differences: found }].sort(bySize).slice(0, SHRUNK);
      }
      done += batch.length;
    }
    progress(done, differing);
  }
  return { cases, lines, differing, smallest: failures.map(shrunk).sort(bySize)[0] ?? null };
};

/** What is wrong, the scenario that shows it, and how to see it again. */
export const report = ({ seed, case: small, differences: found }: Failure): string => {
  const written = scenarioOf(small, `oracle-${String(seed)}`);
  const shown =
    'yaml' in written
      ? `The smallest case as a scenario, with the oracle's figures expected ` +
        `(play it by npm run demo -- --scenario FILE --exit):\n\n${written.yaml}`
      : `The smallest case (no scenario: ${written.reasons.join(', ')}):\n\n${JSON.stringify(small, null, 2)}\n`;
  return [
    `Where engine and oracle differ:\n`,
    ...found.map(({ text }) => `  ${text}\n`),
    `\n${shown}`,
    `\nBefore it was made smaller: npm run oracle -- --seed ${String(seed)} --cases 1\n`,
  ].join('');
};
