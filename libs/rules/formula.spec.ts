import { describe, expect, it } from '@jest/globals';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { holds, parseFormula } from './formula.ts';

const LETTERS = ['A', 'B', 'C'];
const removed = (formula: string, ...lines: readonly (readonly string[])[]): readonly boolean[] => {
  const parsed = parseFormula(formula, LETTERS);
  return lines.map((line) => holds(parsed, (letter) => line.includes(letter)));
};
const refusalOf = (formula: string): DomainError => {
  try {
    parseFormula(formula, LETTERS);
  } catch (error) {
    if (error instanceof DomainError) return error;
  }
  throw new Error(`"${formula}" was accepted`);
};

describe('a formula over lettered conditions', () => {
  const lines = [['A'], ['B'], ['A', 'B'], ['C']];

  it('A AND B holds for the third of {A}, {B}, {A,B}, {C} only', () => {
    expect(removed('A AND B', ...lines)).toEqual([false, false, true, false]);
  });
  it('A OR (B AND C) holds for the first and third', () => {
    expect(removed('A OR (B AND C)', ...lines)).toEqual([true, false, true, false]);
  });
  it('takes NOT before AND before OR', () => {
    expect(removed('A OR NOT B AND C', ['B', 'C'], ['C'], ['A', 'B'])).toEqual([false, true, true]);
    expect(removed('NOT A AND B', ['B'], ['A', 'B'])).toEqual([true, false]);
    expect(removed('(A OR B) AND C', ['A'], ['A', 'C'])).toEqual([false, true]);
    expect(removed('not not a', ['A'])).toEqual([true]);
  });

  it.each([
    ['A AND (B', 9],
    ['A AND', 6],
    ['A B', 3],
    ['A AND D', 7],
    ['A + B', 3],
    ['', 1],
    ['  )', 3],
    ['A) OR B', 2],
    ['A OR OR B', 6],
    ['A AND NOT', 10],
  ])('refuses "%s" at position %i', (formula, position) => {
    const refusal = refusalOf(formula);
    expect(refusal.refusal).toBe('invalid');
    expect(refusal.code).toBe('invalid-formula');
    expect(refusal.message).toContain(`position ${String(position)}:`);
  });

  it('refuses nesting that is too deep and text that is too long', () => {
    expect(refusalOf(`${'('.repeat(60)}A${')'.repeat(60)}`).message).toContain('levels of nesting');
    expect(refusalOf(`${'NOT '.repeat(60)}A`).message).toContain('levels of nesting');
    expect(refusalOf(' '.repeat(3_000)).message).toContain('longer than');
  });
});
