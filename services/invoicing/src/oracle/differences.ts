import { type Case } from './case.ts';
import { engine } from './engine.ts';
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

const engineFacts = (one: Case, merged: boolean): Facts => {
  try {
    return factsOf(engine(one, merged));
  } catch (error) {
    return new Map([['the engine: error', error instanceof Error ? (error.stack ?? error.message) : String(error)]]);
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
