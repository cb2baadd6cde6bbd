import { Decimal } from '#libs/money/decimal';

const billingDetails = {
  profileName: 'Accounts payable',
  address: { country: 'US', city: 'Springfield', street: '1 Main Street', zip: '12345' },
};

/** In hundredths of a percent, different from one version to the next ones. */
const discountOf = (version: number): number => (version * 7) % 5_000;

/** Terms of a version, from which the version can be told by what it prices. */
export const termsOf = (version: number): Readonly<Record<string, unknown>> => ({
  name: `Agreement ${String(version)}`,
  start: '2026-01-01',
  end: null,
  billingDetails,
  priceBooks: [
    {
      id: 'prices',
      name: 'Prices',
      rules: [
        {
          id: 'all',
          name: 'All',
          priority: 10,
          scope: { conditions: [] },
          pricing: { type: 'percentageDiscount', percentage: Decimal.scaled(BigInt(discountOf(version)), 2).toString() },
        },
      ],
    },
  ],
});

/** What whole units of usage come to under a version. */
export const pricedBy = (version: number, units: number): Decimal =>
  Decimal.scaled(BigInt(units) * BigInt(10_000 - discountOf(version)), 4);
