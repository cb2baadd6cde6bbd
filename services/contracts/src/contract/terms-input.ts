import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, IsString, Matches, Max, MaxLength, Min, ValidateBy } from 'class-validator';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { Decimal } from '#libs/money/decimal';
import { IsDay, IsDecimalText, IsMonth, IsName, Nested, NestedList, Nullable, Optional } from '#libs/platform/validation';
import { Documented, Flag, OneOf, OneVariant, VariantList } from '#libs/platform/variants';
import {
  type AccountScope,
  type BillingDetails,
  type BillingRule,
  type CustomLineItem,
  type Frequency,
  type PriceBook,
  type PriceRule,
  type Scope,
  type Terms,
} from '#libs/published/contract-terms';
import { type ManagementAccountId, type RuleId } from '#libs/published/ids';
import { type Day, type Month } from '#libs/time/time';

const MAX_PERCENTAGE_CHARGE = '10000';
const percentage = (max: string): PropertyDecorator => IsDecimalText({ min: '0', max, decimals: 6 });
/** Amounts whose sign the type gives. */
const IsPositiveAmount = (): PropertyDecorator => IsDecimalText({ min: '0.000000000001' });

const all =
  (...decorators: readonly PropertyDecorator[]): PropertyDecorator =>
  (target, key) => {
    for (const decorate of decorators) decorate(target, key);
  };

const isAccount = (value: unknown): boolean => typeof value === 'string' && /^\S(.{0,98}\S)?$/.test(value);

/** `"all"`, or a list of at least one management account, each once. */
const IsAccountScope = (): PropertyDecorator =>
  all(
    ValidateBy({
      name: 'isAccountScope',
      validator: {
        validate: (value: unknown) =>
          value === 'all' ||
          (Array.isArray(value) &&
            value.length >= 1 &&
            value.length <= 1_000 &&
            value.every(isAccount) &&
            new Set(value).size === value.length),
        defaultMessage: () => '$property must be "all" or a list of 1 to 1000 different management accounts',
      },
    }),
    Documented({
      oneOf: [
        { type: 'string', enum: ['all'] },
        {
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: 100 },
          minItems: 1,
          maxItems: 1_000,
          uniqueItems: true,
        },
      ],
      default: 'all',
    }),
  );

/** Text of a pattern; `meaning` says the pattern in words. */
const matching = (pattern: RegExp, meaning: string): PropertyDecorator =>
  all(Matches(pattern, { message: `$property must be ${meaning}` }), Documented({ type: String, pattern: pattern.source }));

/** Ids stay with their rules from version to version; one that comes without gets a new one. */
const IsRuleId = (): PropertyDecorator => matching(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, ".", "_" or "-"');

type AccountScopeInput = 'all' | string[];

class BillingAddressInput {
  @IsName(100)
  country!: string;

  @Nullable()
  @IsName(100)
  state?: string | null;

  @IsName(100)
  city!: string;

  @IsName(300)
  street!: string;

  @IsName(20)
  zip!: string;
}

class BillingDetailsInput {
  @IsName()
  profileName!: string;

  @Nested(() => BillingAddressInput)
  address!: BillingAddressInput;

  @Nullable()
  @IsName(100)
  invoiceContactId?: string | null;

  @Nullable()
  @IsName(100)
  contractContactId?: string | null;
}

class ConditionInput {
  @matching(/^(?!(AND|OR|NOT)$)[A-Z]{1,3}$/, 'one to three capital letters, not AND, OR or NOT')
  letter!: string;

  @IsName(200)
  dimension!: string;

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(200)
  @IsString({ each: true })
  @MaxLength(500, { each: true })
  @Documented({ type: [String], minItems: 1, maxItems: 200, description: 'Any matches; `*` stands for any text' })
  values!: string[];
}

class ScopeInput {
  @NestedList(() => ConditionInput, 50)
  conditions!: ConditionInput[];

  @Nullable()
  @IsName(2_000)
  formula?: string | null;
}

class BillingRuleInput {
  @Optional()
  @IsRuleId()
  id?: string;

  @IsName(100)
  name!: string;

  @Optional()
  @IsAccountScope()
  managementAccounts?: AccountScopeInput;

  @Nested(() => ScopeInput)
  scope!: ScopeInput;
}

class PercentageDiscountInput {
  @OneOf('percentageDiscount')
  type!: 'percentageDiscount';

  @percentage('100')
  percentage!: string;
}

class PercentageChargeInput {
  @OneOf('percentageCharge')
  type!: 'percentageCharge';

  @percentage(MAX_PERCENTAGE_CHARGE)
  percentage!: string;
}

class UnitRateInput {
  @OneOf('unitRate')
  type!: 'unitRate';

  @IsDecimalText({ min: '0', decimals: 12 })
  rate!: string;
}

class FixedRateInput {
  @OneOf('fixedRate')
  type!: 'fixedRate';

  @IsDecimalText()
  amount!: string;
}

class PriceRuleInput {
  @Optional()
  @IsRuleId()
  id?: string;

  @IsName(100)
  name!: string;

  @IsInt()
  @Min(0)
  @Max(1_000_000)
  @Documented({ type: Number, description: 'The lowest that matches wins' })
  priority!: number;

  @Optional()
  @Nested(() => ScopeInput)
  scope?: ScopeInput;

  @Optional()
  @Flag()
  includeCredits?: boolean;

  @Optional()
  @Flag()
  excludeMarketplace?: boolean;

  @Nullable()
  @IsName()
  separateLine?: string | null;

  @OneVariant({
    percentageDiscount: PercentageDiscountInput,
    percentageCharge: PercentageChargeInput,
    unitRate: UnitRateInput,
    fixedRate: FixedRateInput,
  })
  pricing!: PercentageDiscountInput | PercentageChargeInput | UnitRateInput | FixedRateInput;
}

class PriceBookInput {
  @Optional()
  @IsRuleId()
  id?: string;

  @IsName(100)
  name!: string;

  @Optional()
  @IsAccountScope()
  managementAccounts?: AccountScopeInput;

  @Optional()
  @OneOf('LIST', 'UPSTREAM')
  basis?: 'LIST' | 'UPSTREAM';

  @NestedList(() => PriceRuleInput, 500)
  rules!: PriceRuleInput[];
}

class OnceInput {
  @OneOf('once')
  type!: 'once';

  @IsDay()
  on!: Day;
}

class RecurringInput {
  @OneOf('recurring')
  type!: 'recurring';

  @IsMonth()
  from!: Month;

  @Nullable()
  @IsMonth()
  to?: Month | null;
}

class ItemInput {
  @Optional()
  @IsRuleId()
  id?: string;

  @IsName(100)
  name!: string;

  @Nullable()
  @IsName()
  description?: string | null;

  @OneVariant({ once: OnceInput, recurring: RecurringInput })
  frequency!: OnceInput | RecurringInput;
}

class FixedItemInput extends ItemInput {
  @OneOf('fixedDiscount', 'fixedCharge')
  type!: 'fixedDiscount' | 'fixedCharge';

  @IsPositiveAmount()
  amount!: string;

  @Optional()
  @Flag()
  prorate?: boolean;

  @Optional()
  @IsAccountScope()
  managementAccounts?: AccountScopeInput;
}

class ItemOnBaseInput extends ItemInput {
  @Optional()
  @IsAccountScope()
  managementAccounts?: AccountScopeInput;

  @Optional()
  @Flag()
  includeCredits?: boolean;

  @Optional()
  @Flag()
  includeMarketplace?: boolean;
}

class PercentageDiscountItemInput extends ItemOnBaseInput {
  @OneOf('percentageDiscount')
  type!: 'percentageDiscount';

  @percentage('100')
  percentage!: string;
}

class PercentageChargeItemInput extends ItemOnBaseInput {
  @OneOf('percentageCharge')
  type!: 'percentageCharge';

  @percentage(MAX_PERCENTAGE_CHARGE)
  percentage!: string;
}

class BandInput {
  @Nullable()
  @IsPositiveAmount()
  upTo?: string | null;

  @percentage('100')
  percentage!: string;
}

class SupportBandsItemInput extends ItemOnBaseInput {
  @OneOf('supportBands')
  type!: 'supportBands';

  @IsDecimalText({ min: '0' })
  minimum!: string;

  @ArrayMinSize(1)
  @NestedList(() => BandInput, 50)
  bands!: BandInput[];

  @Optional()
  @OneOf('customer', 'managementAccount')
  resolution?: 'customer' | 'managementAccount';
}

/** Everything that a tax item must not have is well-formed input that a business rule refuses. */
class TaxItemInput extends ItemOnBaseInput {
  @OneOf('tax')
  type!: 'tax';

  @percentage('100')
  percentage!: string;

  @Optional()
  @Flag()
  prorate?: boolean;
}

type CustomLineItemInput =
  FixedItemInput | PercentageDiscountItemInput | PercentageChargeItemInput | SupportBandsItemInput | TaxItemInput;

/** The terms of a contract version as they come in: what is left out has its default. */
export class TermsInput {
  @IsName()
  name!: string;

  @IsDay()
  start!: Day;

  @Nullable()
  @IsDay()
  end?: Day | null;

  @Optional()
  @IsAccountScope()
  managementAccounts?: AccountScopeInput;

  @Optional()
  @OneOf('auto-renewal', 'manual-renewal', 'fixed-term')
  renewalPolicy?: 'auto-renewal' | 'manual-renewal' | 'fixed-term';

  @Optional()
  @IsArray()
  @ArrayMaxSize(50)
  @Matches(/^\S(.{0,48}\S)?$/, { each: true, message: '$property must each be 1 to 50 characters without blanks around them' })
  entitlements?: string[];

  @Nullable()
  @matching(/^[A-Za-z0-9._-]{1,10}$/, '1 to 10 letters, digits, ".", "_" or "-"')
  invoicePrefix?: string | null;

  @Nullable()
  @Nested(() => BillingDetailsInput)
  billingDetails?: BillingDetailsInput | null;

  @Optional()
  @NestedList(() => BillingRuleInput, 200)
  billingRules?: BillingRuleInput[];

  @Optional()
  @NestedList(() => PriceBookInput, 100)
  priceBooks?: PriceBookInput[];

  @Optional()
  @VariantList(
    {
      fixedDiscount: FixedItemInput,
      fixedCharge: FixedItemInput,
      percentageDiscount: PercentageDiscountItemInput,
      percentageCharge: PercentageChargeItemInput,
      supportBands: SupportBandsItemInput,
      tax: TaxItemInput,
    },
    500,
  )
  customLineItems?: CustomLineItemInput[];
}

/** A new version: the whole terms, and from which day they hold. */
export class VersionInput extends TermsInput {
  @Optional()
  @IsDay()
  effectiveFrom?: Day;
}

/**
 * The terms that the input means, defaults filled in and decimals in their one spelling. `newId` names what came without an id; its
 * argument is the path, so that a retried command finds the same id.
 * @throws DomainError `rejected` `tax-item-without-scope`
 */
export const termsOf = (input: TermsInput, newId: (path: string) => RuleId): Terms => {
  const idOf = ({ id }: Readonly<{ id?: string }>, path: string): RuleId => (id === undefined ? newId(path) : (id as RuleId));
  refuseScopedTax(input.customLineItems ?? []);
  return {
    name: input.name,
    start: input.start,
    end: input.end ?? null,
    managementAccounts: accountsOf(input.managementAccounts),
    renewalPolicy: input.renewalPolicy ?? 'fixed-term',
    entitlements: input.entitlements ?? [],
    invoicePrefix: input.invoicePrefix ?? null,
    billingDetails: input.billingDetails ? billingDetailsOf(input.billingDetails) : null,
    billingRules: (input.billingRules ?? []).map((rule, at): BillingRule => {
      return {
        id: idOf(rule, `billingRules[${String(at)}]`),
        name: rule.name,
        managementAccounts: accountsOf(rule.managementAccounts),
        scope: scopeOf(rule.scope),
      };
    }),
    priceBooks: (input.priceBooks ?? []).map((book, b): PriceBook => {
      const path = `priceBooks[${String(b)}]`;
      return {
        id: idOf(book, path),
        name: book.name,
        managementAccounts: accountsOf(book.managementAccounts),
        basis: book.basis ?? 'LIST',
        rules: book.rules.map((rule, r) => priceRuleOf(rule, idOf(rule, `${path}.rules[${String(r)}]`))),
      };
    }),
    customLineItems: (input.customLineItems ?? []).map((item, at) =>
      customLineItemOf(item, idOf(item, `customLineItems[${String(at)}]`)),
    ),
  };
};

const exact = (text: string): string => Decimal.of(text).toString();

const accountsOf = (scope: AccountScopeInput = 'all'): AccountScope =>
  scope === 'all' ? 'all' : scope.map((account) => account as ManagementAccountId);

const billingDetailsOf = ({
  profileName,
  address,
  invoiceContactId,
  contractContactId,
}: BillingDetailsInput): BillingDetails => ({
  profileName,
  address: {
    country: address.country,
    state: address.state ?? null,
    city: address.city,
    street: address.street,
    zip: address.zip,
  },
  invoiceContactId: invoiceContactId ?? null,
  contractContactId: contractContactId ?? null,
});

const scopeOf = (scope: ScopeInput | undefined): Scope => ({
  conditions: (scope?.conditions ?? []).map(({ letter, dimension, values }) => ({ letter, dimension, values })),
  formula: scope?.formula ?? null,
});

const priceRuleOf = (rule: PriceRuleInput, id: RuleId): PriceRule => ({
  id,
  name: rule.name,
  priority: rule.priority,
  scope: scopeOf(rule.scope),
  includeCredits: rule.includeCredits ?? false,
  excludeMarketplace: rule.excludeMarketplace ?? false,
  separateLine: rule.separateLine ?? null,
  pricing: pricingOf(rule.pricing),
});

const pricingOf = (pricing: PriceRuleInput['pricing']): PriceRule['pricing'] => {
  switch (pricing.type) {
    case 'percentageDiscount':
    case 'percentageCharge':
      return { type: pricing.type, percentage: exact(pricing.percentage) };
    case 'unitRate':
      return { type: pricing.type, rate: exact(pricing.rate) };
    case 'fixedRate':
      return { type: pricing.type, amount: exact(pricing.amount) };
  }
};

const frequencyOf = (frequency: OnceInput | RecurringInput): Frequency =>
  frequency.type === 'once'
    ? { type: 'once', on: frequency.on }
    : { type: 'recurring', from: frequency.from, to: frequency.to ?? null };

const customLineItemOf = (item: CustomLineItemInput, id: RuleId): CustomLineItem => {
  const named = { id, name: item.name, description: item.description ?? null };
  const frequency = frequencyOf(item.frequency);
  switch (item.type) {
    case 'fixedDiscount':
    case 'fixedCharge': {
      const managementAccounts = accountsOf(item.managementAccounts);
      return {
        ...named,
        type: item.type,
        amount: exact(item.amount),
        prorate: item.prorate ?? false,
        managementAccounts,
        frequency,
      };
    }
    case 'percentageDiscount':
    case 'percentageCharge':
      return { ...named, type: item.type, percentage: exact(item.percentage), ...baseOf(item), frequency };
    case 'supportBands':
      return {
        ...named,
        type: item.type,
        minimum: exact(item.minimum),
        bands: item.bands.map(({ upTo, percentage: part }) => ({
          upTo: upTo === undefined || upTo === null ? null : exact(upTo),
          percentage: exact(part),
        })),
        resolution: item.resolution ?? 'customer',
        ...baseOf(item),
        frequency,
      };
    case 'tax':
      return { ...named, type: item.type, percentage: exact(item.percentage), frequency };
  }
};

const baseOf = ({ managementAccounts, includeCredits, includeMarketplace }: ItemOnBaseInput) => ({
  managementAccounts: accountsOf(managementAccounts),
  includeCredits: includeCredits ?? false,
  includeMarketplace: includeMarketplace ?? false,
});

const NOT_OF_A_TAX = ['managementAccounts', 'includeCredits', 'includeMarketplace', 'prorate'] as const;

const refuseScopedTax = (items: readonly CustomLineItemInput[]): void => {
  const errors = items.flatMap((item, at) =>
    item.type !== 'tax'
      ? []
      : NOT_OF_A_TAX.filter((field) => item[field] !== undefined).map((field) => ({
          path: `customLineItems[${String(at)}].${field}`,
          message: 'a tax item has none',
        })),
  );
  if (errors.length > 0)
    throw new DomainError(
      'rejected',
      'tax-item-without-scope',
      'A tax item has no management accounts, ticks or proration: it is computed on the net.',
      errors,
    );
};
