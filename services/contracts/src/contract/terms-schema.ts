import { amount, day, managementAccountId, month, pricing, ruleId } from '#libs/platform/published-schemas';
import {
  choice,
  count,
  flag,
  list,
  named,
  nullable,
  object,
  oneOf,
  saying,
  type Schema,
  schema,
  text,
} from '#libs/platform/schema';
import {
  type AccountScope,
  type BillingDetails,
  type BillingRule,
  type Condition,
  type CustomLineItem,
  type Frequency,
  type Scope,
} from '#libs/published/contract-terms';
import { type VisibleTerms } from './visible-terms.ts';

const managementAccounts: Schema<AccountScope> = saying(
  'All that come, or only these',
  oneOf(choice('all'), list(managementAccountId)),
);

const scope = named(
  'Scope',
  object<Scope>({
    conditions: saying(
      'None: every line',
      list(
        object<Condition>({
          letter: text,
          dimension: saying('A FOCUS column, an `x_` column or `Tags/<key>`', text),
          values: saying('Any matches; `*` stands for any text', list(text)),
        }),
      ),
    ),
    formula: saying('Over the letters; null: all conditions must match', nullable(text)),
  }),
);

const billingRule = object<BillingRule>({ id: ruleId, name: text, managementAccounts, scope });

type VisibleBook = VisibleTerms['priceBooks'][number];
type VisibleRule = VisibleBook['rules'][number];
type HiddenPricing = Extract<VisibleRule['pricing'], { hidden: true }>;

const hiddenPricing = object<HiddenPricing>({
  type: choice('percentageDiscount', 'percentageCharge', 'unitRate', 'fixedRate'),
  hidden: saying('It is for the tenants above to see', choice(true)),
});

const priceBook = object<VisibleBook>({
  id: ruleId,
  name: text,
  managementAccounts,
  basis: choice('LIST', 'UPSTREAM'),
  rules: list(
    object<VisibleRule>({
      id: ruleId,
      name: text,
      priority: saying('The lowest that matches wins', count),
      scope,
      includeCredits: flag,
      excludeMarketplace: flag,
      separateLine: saying('Description of the second printed line; null: no separate line', nullable(text)),
      pricing: oneOf(pricing, hiddenPricing),
    }),
  ),
});

const frequency: Schema<Frequency> = named(
  'Frequency',
  oneOf(
    object<Extract<Frequency, { type: 'once' }>>({ type: choice('once'), on: day }),
    object<Extract<Frequency, { type: 'recurring' }>>({
      type: choice('recurring'),
      from: month,
      to: saying('The last; null: without end', nullable(month)),
    }),
  ),
);

const ofItem = { id: ruleId, name: text, description: nullable(text), frequency };
const ofBase = { managementAccounts, includeCredits: flag, includeMarketplace: flag };
type SupportBands = Extract<CustomLineItem, { type: 'supportBands' }>;

const customLineItem: Schema<CustomLineItem> = oneOf(
  object<Extract<CustomLineItem, { prorate: boolean }>>({
    ...ofItem,
    type: choice('fixedDiscount', 'fixedCharge'),
    amount,
    prorate: flag,
    managementAccounts,
  }),
  object<Extract<CustomLineItem, { type: 'percentageDiscount' | 'percentageCharge' }>>({
    ...ofItem,
    ...ofBase,
    type: choice('percentageDiscount', 'percentageCharge'),
    percentage: amount,
  }),
  object<SupportBands>({
    ...ofItem,
    ...ofBase,
    type: choice('supportBands'),
    minimum: amount,
    bands: list(
      object<SupportBands['bands'][number]>({
        upTo: saying('Null on the last band', nullable(amount)),
        percentage: saying('Of the part of the base inside the band', amount),
      }),
    ),
    resolution: choice('customer', 'managementAccount'),
  }),
  object<Extract<CustomLineItem, { type: 'tax' }>>({ ...ofItem, type: choice('tax'), percentage: amount }),
);

type Address = BillingDetails['address'];

/** What the docs say about terms as a viewer may see them. */
export const termsSchema = named(
  'Terms',
  object<VisibleTerms>({
    name: text,
    start: day,
    end: saying('Inclusive; null: without end', nullable(day)),
    managementAccounts,
    renewalPolicy: choice('auto-renewal', 'manual-renewal', 'fixed-term'),
    entitlements: list(text),
    invoicePrefix: nullable(schema<string>({ type: 'string', pattern: '^[A-Za-z0-9._-]{1,10}$' })),
    billingDetails: nullable(
      object<BillingDetails>({
        profileName: text,
        address: object<Address>({ country: text, state: nullable(text), city: text, street: text, zip: text }),
        invoiceContactId: nullable(text),
        contractContactId: nullable(text),
      }),
    ),
    billingRules: saying('Matching cost is removed from billing', list(named('BillingRule', billingRule))),
    priceBooks: list(named('PriceBook', priceBook)),
    customLineItems: list(named('CustomLineItem', customLineItem)),
  }),
);
