import { type Claim, sameValue } from '#libs/event-sourcing/claims';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { decider } from '#libs/event-sourcing/decider';
import { type Revision } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { type CreationMode, type TenantEvent, type Tier } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';

export type Profile = Readonly<{ name: string; customerCode: string | null; primaryDomain: string | null }>;

/** `revision` is the tenant's own: that of the last event that changed it, its ETag. */
export type RegisteredTenant = Profile &
  Readonly<{
    id: TenantId;
    path: readonly TenantId[];
    tier: Tier;
    currency: Currency;
    registeredAt: Instant;
    mode: CreationMode;
    revision: Revision;
  }>;

/** Undefined until it is registered. */
export type Tenant = RegisteredTenant | undefined;

export const tenant = decider<Tenant, TenantEvent, TenantId>('tenants.tenant', undefined, (state, event, revision) => {
  switch (event.type) {
    case 'TenantRegistered': {
      const { tenantId, path, tier, name, customerCode, currency, primaryDomain, registeredAt, mode = 'add' } = event.data;
      return { id: tenantId, path, tier, name, customerCode, currency, primaryDomain, registeredAt, mode, revision };
    }
    case 'TenantProfileChanged': {
      const { name, customerCode, primaryDomain } = event.data;
      return state && { ...state, name, customerCode, primaryDomain, revision };
    }
  }
});

/** Under whom a tenant of each tier may stand; null: it may be a root. */
const PARENTS: Readonly<Record<Tier, readonly (Tier | null)[]>> = {
  distributor: [null],
  reseller: [null, 'distributor'],
  endCustomer: ['reseller'],
};

const WORDS: Readonly<Record<Tier, string>> = {
  distributor: 'a distributor',
  reseller: 'a reseller',
  endCustomer: 'an end customer',
};

const placesOf = (tier: Tier): string =>
  PARENTS[tier].map((parent) => (parent === null ? 'at the root' : `under ${WORDS[parent]}`)).join(' or ');

export type Parent = Readonly<{ id: TenantId; path: readonly TenantId[]; tier: Tier; currency: Currency }>;

/** What somebody registers; without a currency a child bills in its parent's, without a mode it is added. */
export type Registration = Profile & Readonly<{ tier: Tier; currency?: Currency; mode?: CreationMode }>;

/** A root needs a currency of its own. The tenant stays where it is registered: it never moves in the tree. */
export const register =
  (id: TenantId, parent: Parent | null, { tier, currency, mode, ...profile }: Registration, registeredAt: Instant) =>
  (state: Tenant): TenantEvent[] => {
    if (state) return [];
    if (!PARENTS[tier].includes(parent?.tier ?? null)) {
      const asked = parent ? `under ${WORDS[parent.tier]}` : 'at the root';
      const message = `stands ${placesOf(tier)}, not ${asked}`;
      throw new DomainError('rejected', 'parent-tier-not-allowed', `The parent does not fit: ${WORDS[tier]} ${message}.`, [
        { path: 'tier', message: `${WORDS[tier]} ${message}` },
      ]);
    }
    const own = currency ?? parent?.currency;
    if (own === undefined)
      throw new DomainError('invalid', 'currency-missing', 'A root needs a billing currency.', [
        { path: 'currency', message: 'is required for a root' },
      ]);
    const data = { tenantId: id, path: [...(parent?.path ?? []), id], tier, ...profile, currency: own, registeredAt };
    return [{ type: 'TenantRegistered', data: { ...data, ...(mode === undefined ? {} : { mode }) } }];
  };

/**
 * The fields that are given replace the present ones; null takes a code or a domain away. `claimed` is the code that the shell has
 * claimed for this change, null for none: another writer may have changed the code since the shell looked.
 */
export const changeProfile =
  (change: Partial<Profile>, claimed: string | null) =>
  (state: Tenant): TenantEvent[] => {
    const { id, path, ...before } = registered(state);
    const name = change.name ?? before.name;
    const customerCode = change.customerCode === undefined ? before.customerCode : change.customerCode;
    const primaryDomain = change.primaryDomain === undefined ? before.primaryDomain : change.primaryDomain;
    if (name === before.name && customerCode === before.customerCode && primaryDomain === before.primaryDomain) return [];
    if (customerCode !== null && !sameValue(customerCode, before.customerCode) && !sameValue(customerCode, claimed))
      throw new DomainError('conflict', 'lost-race', 'Another writer changed the customer code. Read again and repeat.');
    return [{ type: 'TenantProfileChanged', data: { tenantId: id, path, name, customerCode, primaryDomain } }];
  };

/** @throws DomainError `not-found` */
export const registered = (state: Tenant): RegisteredTenant => {
  if (!state) throw new DomainError('not-found', 'tenant-not-found', 'There is no such tenant.');
  return state;
};

/** Among whom a customer code is unique: the children of one parent, or all roots. */
const codeScope = (path: readonly TenantId[]): string => path.at(-2) ?? 'roots';

/** The code that a change brings and that must be claimed first; the tenant's own in other letters is its own already. */
export const codeToClaim = (before: Profile, { customerCode = null }: Partial<Profile>): string | null =>
  sameValue(customerCode, before.customerCode) ? null : customerCode;

/** What must be unique about a tenant. A tenant without a code claims nothing. */
export const claimOfCode = (path: readonly TenantId[], code: string): Claim => ({
  service: 'tenants',
  kind: 'customer-code',
  scope: codeScope(path),
  value: code,
  taken: {
    code: 'customer-code-taken',
    message: 'Another customer of the same parent has this customer code.',
    path: 'customerCode',
  },
});
