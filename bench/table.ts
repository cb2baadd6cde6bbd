import { holds, type Measured } from './goal.ts';

const figure = (value: number): string => value.toPrecision(3);

const HEAD = [
  '| goal | what | against | ratio (10th–90th percentile) | goal | held | seen |',
  '| --- | --- | --- | --- | --- | --- | --- |',
];

export const rowOf = (measured: Measured): string => {
  const { goal, what, against, ratio, bound, seen } = measured;
  const [word, limit] = 'atLeast' in bound ? ['≥', bound.atLeast] : ['≤', bound.atMost];
  const spread = `${figure(ratio.median)} (${figure(ratio.p10)}–${figure(ratio.p90)})`;
  return `| ${[goal, what, against, spread, `${word} ${String(limit)}`, holds(measured) ? 'yes' : 'NO', seen].join(' | ')} |`;
};

/** The lines of a table of Markdown. */
export const tableOf = (rows: readonly Measured[]): readonly string[] => [...HEAD, ...rows.map(rowOf)];
