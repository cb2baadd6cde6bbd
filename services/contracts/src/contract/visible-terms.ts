import { type PriceBook, type PriceRule, type Terms } from '#libs/published/contract-terms';
import { type TenantId } from '#libs/published/ids';

type HiddenPricing = Readonly<{ type: PriceRule['pricing']['type']; hidden: true }>;
type VisibleRule = Omit<PriceRule, 'pricing'> & Readonly<{ pricing: PriceRule['pricing'] | HiddenPricing }>;
type VisibleBook = Omit<PriceBook, 'rules'> & Readonly<{ rules: readonly VisibleRule[] }>;

/** Terms as a viewer may see them. */
export type VisibleTerms = Omit<Terms, 'priceBooks'> & Readonly<{ priceBooks: readonly VisibleBook[] }>;

/**
 * A price on the upstream amount tells the upstream's cost to whoever knows both, so only tenants above the contract's own see it:
 * its author and whoever the author buys from. `path` runs from the root to the contract's tenant.
 */
export const visibleTerms = (terms: Terms, path: readonly TenantId[], viewer: TenantId | 'platform' | null): VisibleTerms =>
  viewer === 'platform' || path.slice(0, -1).some((tenant) => tenant === viewer)
    ? terms
    : { ...terms, priceBooks: terms.priceBooks.map((book) => (book.basis === 'UPSTREAM' ? withoutPrices(book) : book)) };

const withoutPrices = (book: PriceBook): VisibleBook => ({
  ...book,
  rules: book.rules.map((rule) => ({ ...rule, pricing: { type: rule.pricing.type, hidden: true } })),
});
