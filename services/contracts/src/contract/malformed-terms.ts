import { DomainError, type FieldError } from '#libs/event-sourcing/domain-error';
import { Decimal } from '#libs/money/decimal';
import { type CustomLineItem, type Scope, type Terms } from '#libs/published/contract-terms';
import { parseFormula } from '#libs/rules/formula';
import { type Day } from '#libs/time/time';
import { isDimension } from '#libs/usage-store/columns';

const EARLIEST = '2000-01-01' as Day;
const LATEST = '2199-12-31' as Day;

/**
 * Faults that no single field shows: wrong at every tier and in every state.
 * @throws DomainError `invalid` `invalid-terms` with every fault by its path
 */
export const refuseMalformedTerms = (terms: Terms): void => {
  const errors = [
    ...faultsOfTerm(terms),
    ...terms.billingRules.flatMap(({ scope }, at) => {
      const path = `billingRules[${String(at)}].scope`;
      const needed = { path: `${path}.conditions`, message: 'an exclusion has at least one condition' };
      return [...(scope.conditions.length === 0 ? [needed] : []), ...faultsOfScope(scope, path)];
    }),
    ...terms.priceBooks.flatMap((book, b) =>
      book.rules.flatMap(({ scope }, r) => faultsOfScope(scope, `priceBooks[${String(b)}].rules[${String(r)}].scope`)),
    ),
    ...terms.customLineItems.flatMap((item, at) => faultsOfItem(item, `customLineItems[${String(at)}]`)),
  ];
  if (errors.length === 0) return;
  const [first] = errors;
  const more = errors.length > 1 ? `, and ${String(errors.length - 1)} more` : '';
  throw new DomainError('invalid', 'invalid-terms', `${first?.path ?? ''}: ${first?.message ?? ''}${more}`, errors);
};

const faultsOfTerm = ({ start, end }: Terms): readonly FieldError[] => [
  ...(start < EARLIEST || start > LATEST ? [{ path: 'start', message: `must lie between ${EARLIEST} and ${LATEST}` }] : []),
  ...(end !== null && end > LATEST ? [{ path: 'end', message: `must not be later than ${LATEST}` }] : []),
  ...(end !== null && end < start ? [{ path: 'end', message: `must not be earlier than the start, ${start}` }] : []),
];

const faultsOfScope = ({ conditions, formula }: Scope, path: string): readonly FieldError[] => {
  const letters = conditions.map(({ letter }) => letter);
  const faults = conditions.flatMap(({ letter, dimension }, at) => {
    const condition = `${path}.conditions[${String(at)}]`;
    return [
      ...(letters.indexOf(letter) < at ? [{ path: `${condition}.letter`, message: `"${letter}" is there twice` }] : []),
      ...(isDimension(dimension)
        ? []
        : [{ path: `${condition}.dimension`, message: `"${dimension}" is no text column of FOCUS, x_ column or Tags/<key>` }]),
    ];
  });
  return formula === null ? faults : [...faults, ...faultsOfFormula(formula, letters, `${path}.formula`)];
};

const faultsOfFormula = (formula: string, letters: readonly string[], path: string): readonly FieldError[] => {
  try {
    parseFormula(formula, letters);
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return [{ path, message: error.message }];
  }
};

const faultsOfItem = (item: CustomLineItem, path: string): readonly FieldError[] => {
  const { frequency } = item;
  return [
    ...(frequency.type === 'recurring' && frequency.to !== null && frequency.to < frequency.from
      ? [{ path: `${path}.frequency.to`, message: `must not be earlier than ${frequency.from}` }]
      : []),
    ...(item.type === 'supportBands' ? faultsOfBands(item.bands, `${path}.bands`) : []),
  ];
};

const faultsOfBands = (bands: Extract<CustomLineItem, { type: 'supportBands' }>['bands'], path: string): readonly FieldError[] =>
  bands.flatMap(({ upTo }, at): readonly FieldError[] => {
    const field = `${path}[${String(at)}].upTo`;
    const isLast = at === bands.length - 1;
    if (upTo === null) return isLast ? [] : [{ path: field, message: 'only the last band is open' }];
    if (isLast) return [{ path: field, message: 'the last band is open: leave it out' }];
    const below = at === 0 ? null : (bands[at - 1]?.upTo ?? null);
    return below !== null && Decimal.of(upTo).compare(Decimal.of(below)) <= 0
      ? [{ path: field, message: `must be more than ${below}` }]
      : [];
  });
