import { type Case } from './case.ts';
import { engine, engineBeside, prefixOf } from './engine.ts';
import { type Facts, factsOf } from './facts.ts';
import { oracle } from './oracle.ts';

/** One fact on which engine and oracle do not agree. `kind` leaves names out: one kind has one cause, mostly. */
export type Difference = Readonly<{ kind: string; text: string }>;

const kindOf = (fact: string): string => fact.replace(/^[^:]*: /, '').replace(/ (usage of|by) .*| [A-Z]{3}$/, '');

const linesApart = (engineSays: string, oracleSays: string): string => {
  const [theirs, ours] = [engineSays.split('\n'), oracleSays.split('\n')];
  return [
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `\n    engine ${line}`),
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `\n    oracle ${line}`),
  ].join('');
};

const compared = (engineSays: Facts, oracleSays: Facts, grouping: string): readonly Difference[] =>
  [...new Set([...oracleSays.keys(), ...engineSays.keys()])].flatMap((fact) => {
    const [theirs, ours] = [engineSays.get(fact) ?? '0', oracleSays.get(fact) ?? '0'];
    if (theirs === ours) return [];
    const apart = fact.endsWith(': lines') ? linesApart(theirs, ours) : ` engine ${theirs}, oracle ${ours}`;
    return [{ kind: kindOf(fact), text: `${fact} (${grouping}):${apart}` }];
  });

const failed = (error: unknown): Facts =>
  new Map([['the engine: error', error instanceof Error ? (error.stack ?? error.message) : String(error)]]);

const engineFacts = (one: Case, merged: boolean): Facts => {
  try {
    return factsOf(engine(one, merged));
  } catch (error) {
    return failed(error);
  }
};

/** Rates the case three times: by the oracle, by the engine line by line, and by the engine in merged groups. */
export const differences = (one: Case): readonly Difference[] => {
  const wanted = factsOf(oracle(one.input, one.lines));
  return [
    ...compared(engineFacts(one, false), wanted, 'line by line'),
    ...compared(engineFacts(one, true), wanted, 'merged groups'),
  ];
};

/** What is asked of a whole run: its month and mode, whether it has an import, and which payers there are for a contract to cover. */
const runOf = ({ input: { month, mode, dataSources } }: Case): string =>
  JSON.stringify([
    month,
    mode,
    dataSources.some(({ imported }) => imported),
    dataSources.map(({ managementAccountId }) => managementAccountId).sort(),
  ]);

/**
 * Rates the cases in as few runs as their months allow, each with the trees of many cases beside each other: a tree that comes out
 * differently there than the oracle has it is touched by another one. By case.
 */
export const differencesBeside = (cases: readonly Case[]): ReadonlyMap<Case, readonly Difference[]> => {
  const runs = new Map<string, Case[]>();
  for (const one of cases) runs.set(runOf(one), [...(runs.get(runOf(one)) ?? []), one]);
  return new Map(
    [...runs.values()].flatMap((run) => {
      const facts = factsBeside(run);
      return run.map((one, index) => {
        const wanted = factsOf(oracle(one.input, one.lines));
        return [one, compared(facts[index] ?? new Map<string, string>(), wanted, `one of ${String(run.length)} trees`)] as const;
      });
    }),
  );
};

const factsBeside = (run: readonly Case[]): readonly Facts[] => {
  try {
    return engineBeside(run).map((bills, index) => {
      const withoutPrefix = (text: string): string => text.replaceAll(prefixOf(index), '');
      return new Map([...factsOf(bills)].map(([fact, said]) => [withoutPrefix(fact), withoutPrefix(said)]));
    });
  } catch (error) {
    return run.map(() => failed(error));
  }
};
