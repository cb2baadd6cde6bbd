import { DomainError, type FieldError } from '#libs/event-sourcing/domain-error';
import { type PriceBook, type PriceRule, type Terms } from '#libs/published/contract-terms';
import { type ContractTier } from '#libs/published/contracts';
import { daysBetween } from '#libs/time/time';
import { commonAccounts } from './window.ts';

/** A shorter term would fill a contract's history with renewals. */
const SHORTEST_RENEWABLE_TERM_DAYS = 28;

/**
 * What a contract of a tier may hold.
 * @throws DomainError `rejected`, naming every field that breaks the first rule broken
 */
export const refuseTerms = (tier: ContractTier, terms: Terms): void => {
  for (const [code, message, broken] of RULES) {
    const errors = broken(terms, tier);
    if (errors.length > 0) throw new DomainError('rejected', code, message, errors);
  }
};

type Rule = readonly [code: string, message: string, broken: (terms: Terms, tier: ContractTier) => readonly FieldError[]];

const RULES: readonly Rule[] = [
  [
    'base-contract-only-excludes',
    'A base contract has billing rules only: nobody bills the root of a tree.',
    (terms, tier) =>
      tier !== 'T1'
        ? []
        : (['priceBooks', 'customLineItems'] as const)
            .filter((section) => terms[section].length > 0)
            .map((path) => ({ path, message: 'must be empty in a T1 contract' })),
  ],
  [
    'management-accounts-fixed',
    'Contracts of T1 and T2 include all management accounts.',
    (terms, tier) =>
      tier === 'T3'
        ? []
        : [
            { path: 'managementAccounts', scope: terms.managementAccounts },
            ...terms.billingRules.map((rule, at) => ({
              path: `billingRules[${String(at)}].managementAccounts`,
              scope: rule.managementAccounts,
            })),
          ]
            .filter(({ scope }) => scope !== 'all')
            .map(({ path }) => ({ path, message: `must be "all" in a ${tier} contract` })),
  ],
  [
    'invoice-prefix-not-allowed',
    'Only contracts with end customers have an invoice prefix.',
    ({ invoicePrefix }, tier) =>
      tier !== 'T3' && invoicePrefix !== null ? [{ path: 'invoicePrefix', message: `must be null in a ${tier} contract` }] : [],
  ],
  [
    'term-too-short',
    `A contract with automatic renewal has a term of at least ${String(SHORTEST_RENEWABLE_TERM_DAYS)} days.`,
    ({ renewalPolicy, start, end }) =>
      renewalPolicy === 'auto-renewal' && end !== null && daysBetween(start, end) + 1 < SHORTEST_RENEWABLE_TERM_DAYS
        ? [{ path: 'end', message: `ends the term before its ${String(SHORTEST_RENEWABLE_TERM_DAYS)}th day` }]
        : [],
  ],
  [
    'price-books-overlap',
    'A management account has at most one price book.',
    ({ priceBooks }) =>
      priceBooks.flatMap((book, at) => {
        const first = priceBooks.slice(0, at).find((other) => commonAccounts(other.managementAccounts, book.managementAccounts));
        return first
          ? [{ path: `priceBooks[${String(at)}].managementAccounts`, message: `overlaps price book "${first.name}"` }]
          : [];
      }),
  ],
  [
    'priority-not-unique',
    'The rules of a price book have different priorities.',
    ofPriceRules((rule, book) => {
      const first = book.rules.find(({ priority }) => priority === rule.priority);
      return first !== rule ? { field: 'priority', message: `is also the priority of "${first?.name ?? ''}"` } : undefined;
    }),
  ],
  [
    'separate-line-shows-upstream-cost',
    'A rule on the upstream amount has no separate line: it would print the upstream cost.',
    ofPriceRules((rule, book) =>
      book.basis === 'UPSTREAM' && rule.separateLine !== null
        ? { field: 'separateLine', message: 'must be null with basis UPSTREAM' }
        : undefined,
    ),
  ],
  [
    'fixed-rate-has-its-own-line',
    'A fixed rate is a line of its own already.',
    ofPriceRules((rule) =>
      rule.pricing.type === 'fixedRate' && rule.separateLine !== null
        ? { field: 'separateLine', message: 'must be null for a fixed rate' }
        : undefined,
    ),
  ],
  [
    'rule-id-not-unique',
    'Billing rules, price books, their rules and custom line items have different ids.',
    (terms) => {
      const ids = identified(terms);
      return ids
        .filter(({ id }, at) => ids.findIndex((other) => other.id === id) < at)
        .map(({ path, id }) => ({ path: `${path}.id`, message: `"${id}" is the id of another rule` }));
    },
  ],
];

function ofPriceRules(
  broken: (rule: PriceRule, book: PriceBook) => Readonly<{ field: keyof PriceRule; message: string }> | undefined,
): Rule[2] {
  return ({ priceBooks }) =>
    priceBooks.flatMap((book, b) =>
      book.rules.flatMap((rule, r) => {
        const error = broken(rule, book);
        return error ? [{ path: `priceBooks[${String(b)}].rules[${String(r)}].${error.field}`, message: error.message }] : [];
      }),
    );
}

/** Everything in the terms that has an id, with its path. */
const identified = (terms: Terms): readonly Readonly<{ path: string; id: string }>[] => [
  ...terms.billingRules.map(({ id }, at) => ({ path: `billingRules[${String(at)}]`, id })),
  ...terms.priceBooks.flatMap((book, b) => [
    { path: `priceBooks[${String(b)}]`, id: book.id },
    ...book.rules.map(({ id }, r) => ({ path: `priceBooks[${String(b)}].rules[${String(r)}]`, id })),
  ]),
  ...terms.customLineItems.map(({ id }, at) => ({ path: `customLineItems[${String(at)}]`, id })),
];
