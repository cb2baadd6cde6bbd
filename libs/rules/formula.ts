import { DomainError } from '#libs/event-sourcing/domain-error';

/** A parsed formula over the letters of conditions. */
export type Formula =
  | Readonly<{ type: 'letter'; letter: string }>
  | Readonly<{ type: 'not'; operand: Formula }>
  | Readonly<{ type: 'and' | 'or'; operands: readonly Formula[] }>;

/** `position` counts characters from 1; the end of the text is one past the last. */
type Token = Readonly<{ kind: 'AND' | 'OR' | 'NOT' | '(' | ')' | 'letter' | 'end'; text: string; position: number }>;

const LONGEST = 2_000;
const DEEPEST = 50;
const TOKEN = /\s*([()]|[A-Za-z][A-Za-z0-9]*|\S)/y;

const refusal = (position: number, problem: string): DomainError => {
  const message = `The formula is wrong at position ${String(position)}: ${problem}.`;
  return new DomainError('invalid', 'invalid-formula', message, [{ path: 'formula', message }]);
};

const kindOf = (text: string, position: number): Token['kind'] => {
  const upper = text.toUpperCase();
  if (upper === 'AND' || upper === 'OR' || upper === 'NOT' || upper === '(' || upper === ')') return upper;
  if (/^[A-Z]/.test(upper)) return 'letter';
  throw refusal(position, `"${text}" has no meaning here`);
};

const tokensOf = (text: string): readonly Token[] => {
  if (text.length > LONGEST) throw refusal(LONGEST + 1, `it is longer than ${String(LONGEST)} characters`);
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const found = match[1] ?? '';
    const position = TOKEN.lastIndex - found.length + 1;
    tokens.push({ kind: kindOf(found, position), text: found, position });
  }
  return [...tokens, { kind: 'end', text: '', position: text.length + 1 }];
};

/**
 * Reads `A OR (B AND NOT C)`: NOT binds before AND before OR, in any case. Letters are those of the conditions.
 * @throws DomainError `invalid-formula`, naming the position (from 1) of what is wrong.
 */
export const parseFormula = (text: string, letters: readonly string[]): Formula => {
  const known = new Map(letters.map((letter) => [letter.toUpperCase(), letter]));
  const tokens = tokensOf(text);
  const end: Token = { kind: 'end', text: '', position: text.length + 1 };
  let next = 0;
  const peek = (): Token => tokens[next] ?? end;
  const take = (): Token => {
    const token = peek();
    next += 1;
    return token;
  };

  const joined = (kind: 'AND' | 'OR', operand: (depth: number) => Formula) => {
    return (depth: number): Formula => {
      const first = operand(depth);
      const operands = [first];
      while (peek().kind === kind) {
        take();
        operands.push(operand(depth));
      }
      return operands.length === 1 ? first : { type: kind === 'AND' ? 'and' : 'or', operands };
    };
  };

  const term = (depth: number): Formula => {
    const token = take();
    if (depth > DEEPEST) throw refusal(token.position, `more than ${String(DEEPEST)} levels of nesting`);
    if (token.kind === 'NOT') return { type: 'not', operand: term(depth + 1) };
    if (token.kind === '(') {
      const inner = formula(depth + 1);
      const closing = take();
      if (closing.kind !== ')')
        throw refusal(closing.position, `")" is missing for the "(" at position ${String(token.position)}`);
      return inner;
    }
    if (token.kind !== 'letter') {
      throw refusal(
        token.position,
        token.kind === 'end' ? 'a letter is missing at the end' : `a letter is expected, not "${token.text}"`,
      );
    }
    const letter = known.get(token.text.toUpperCase());
    if (letter === undefined) throw refusal(token.position, `no condition has the letter "${token.text}"`);
    return { type: 'letter', letter };
  };
  const formula: (depth: number) => Formula = joined('OR', joined('AND', term));

  const parsed = formula(0);
  const rest = peek();
  if (rest.kind !== 'end') throw refusal(rest.position, `"${rest.text}" is not expected, AND or OR is missing before it`);
  return parsed;
};

/** Whether the formula holds, given the truth of each letter. */
export const holds = (formula: Formula, truth: (letter: string) => boolean): boolean => {
  switch (formula.type) {
    case 'letter':
      return truth(formula.letter);
    case 'not':
      return !holds(formula.operand, truth);
    case 'and':
      return formula.operands.every((operand) => holds(operand, truth));
    case 'or':
      return formula.operands.some((operand) => holds(operand, truth));
  }
};
