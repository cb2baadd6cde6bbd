import { type Currency } from '#libs/money/currency';
import {
  BUILT_IN_ROLES,
  CHILD_TENANT_ROLES,
  type ChildTenantRole,
  type CustomRole,
  type Extra,
  EXTRAS,
  type Role,
} from '#libs/access-policy/roles';
import { type ContractStatus, type ContractTier } from '#libs/published/contracts';
import { type PriceRule } from '#libs/published/contract-terms';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type RuleId,
  type TenantId,
  type UserId,
} from '#libs/published/ids';
import { type Tier } from '#libs/published/tenants';
import { type Page } from '#libs/read-models/read-model';
import { type Interval } from '#libs/time/intervals';
import { type Day, type Instant, type Month } from '#libs/time/time';
import { choice, count, list, named, nullable, object, oneOf, saying, schema, type Schema, text } from './schema.ts';

/** How the docs describe the words that all services share. */

const UUID = { type: 'string', format: 'uuid' };
export const tenantId: Schema<TenantId> = schema(UUID);
export const contractId: Schema<ContractId> = schema(UUID);
export const userId: Schema<UserId> = schema(UUID);
export const dataSourceId: Schema<DataSourceId> = schema(UUID);
export const importId: Schema<ImportId> = schema(UUID);
export const ruleId: Schema<RuleId> = schema({ type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' });
export const managementAccountId: Schema<ManagementAccountId> = schema({
  type: 'string',
  minLength: 1,
  description: 'FOCUS `BillingAccountId`, an AWS payer account',
});
export const linkedAccountId: Schema<LinkedAccountId> = schema({
  type: 'string',
  minLength: 1,
  description: 'FOCUS `SubAccountId`: an AWS usage account, an Azure subscription, a project',
});

/** Exact, in plain notation without trailing zeros. */
export const amount: Schema<string> = schema({
  type: 'string',
  format: 'decimal',
  pattern: '^-?\\d+(\\.\\d+)?$',
  example: '12.345',
});
export const currency: Schema<Currency> = schema({ type: 'string', pattern: '^[A-Z]{3}$', example: 'USD' });
export const day: Schema<Day> = schema({ type: 'string', format: 'date', example: '2026-01-31' });
export const month: Schema<Month> = schema({ type: 'string', pattern: '^\\d{4}-(0[1-9]|1[0-2])$', example: '2026-01' });
export const instant: Schema<Instant> = schema({ type: 'string', format: 'date-time', example: '2026-01-31T12:00:00.000Z' });
/** Days [from, to). */
export const intervalFields = {
  from: saying('First day; null: since the beginning', nullable(day)),
  to: saying('First day no longer; null: without end', nullable(day)),
};
export const interval: Schema<Interval> = named('Interval', object<Interval>(intervalFields));

export const tier: Schema<Tier> = choice('distributor', 'reseller', 'endCustomer');
export const contractTier: Schema<ContractTier> = choice('T1', 'T2', 'T3');
export const contractStatus: Schema<ContractStatus> = choice(
  'draft',
  'scheduled',
  'active',
  'expired',
  'cancelled',
  'superseded',
);
export const role: Schema<Role> = named(
  'Role',
  oneOf(choice(...BUILT_IN_ROLES), schema<CustomRole>({ type: 'string', pattern: '^custom:[0-9a-f-]{36}$' })),
);
export const extra: Schema<Extra> = choice(...EXTRAS);
export const childTenantRole: Schema<ChildTenantRole> = choice(...CHILD_TENANT_ROLES);

type Pricing = PriceRule['pricing'];
type Percentage = Extract<Pricing, { percentage: string }>;
export const pricing: Schema<Pricing> = named(
  'Pricing',
  oneOf(
    object<Percentage>({ type: choice('percentageDiscount', 'percentageCharge'), percentage: amount }),
    object<Extract<Pricing, { rate: string }>>({ type: choice('unitRate'), rate: amount }),
    object<Extract<Pricing, { amount: string }>>({ type: choice('fixedRate'), amount: saying('Negative: a discount', amount) }),
  ),
);

/** A finding or reason for people and for programs. */
export const coded: Schema<Readonly<{ code: string; message: string }>> = object<Readonly<{ code: string; message: string }>>({
  code: saying('Stable, in kebab-case', text),
  message: text,
});

/** What every list answers. */
export const page = <T>(item: Schema<T>): Schema<Page<T>> =>
  object<Page<T>>({
    items: list(item),
    nextCursor: saying('`cursor` of the next page; null on the last', nullable(text)),
    total: saying('Of all pages', count),
  });
