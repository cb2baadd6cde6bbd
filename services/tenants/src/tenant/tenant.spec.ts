import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { type TenantEvent, type Tier } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';
import { changeProfile, claimOfCode, register, tenant } from './tenant.ts';

const D = 'd' as TenantId;
const R = 'r' as TenantId;
const C = 'c' as TenantId;
const USD = currency('USD');
const EUR = currency('EUR');
const now = '2026-01-01T00:00:00.000Z' as Instant;

const distributor = { id: D, path: [D], tier: 'distributor', currency: USD } as const;
const reseller = { id: R, path: [D, R], tier: 'reseller', currency: EUR } as const;
const customer = { id: C, path: [D, R, C], tier: 'endCustomer', currency: EUR } as const;

const registration = (tier: Tier, more = {}) => ({ tier, name: 'Acme', customerCode: 'A-1', primaryDomain: null, ...more });

const registered: TenantEvent = {
  type: 'TenantRegistered',
  data: {
    tenantId: C,
    path: [D, R, C],
    tier: 'endCustomer',
    name: 'Acme',
    customerCode: 'A-1',
    currency: EUR,
    primaryDomain: null,
    registeredAt: now,
  },
};

describe('registering a tenant', () => {
  it('lets a root be a distributor or a reseller', () => {
    for (const tier of ['distributor', 'reseller'] as const)
      expect(register(D, null, registration(tier, { currency: USD }), now)(undefined)).toMatchObject([
        { type: 'TenantRegistered', data: { tenantId: D, path: [D], tier, currency: USD } },
      ]);
  });

  it('puts an end customer under its reseller, with the path from the root and the currency of its parent', () => {
    given(tenant)
      .when(register(C, reseller, registration('endCustomer'), now))
      .then(registered);
  });

  it('keeps a currency of its own', () => {
    const [event] = register(R, distributor, registration('reseller', { currency: EUR }), now)(undefined);
    expect(event?.data).toMatchObject({ path: [D, R], currency: EUR });
  });

  it.each([
    ['an end customer at the root', null, 'endCustomer'],
    ['an end customer under a distributor', distributor, 'endCustomer'],
    ['an end customer under an end customer', customer, 'endCustomer'],
    ['a reseller under a reseller', reseller, 'reseller'],
    ['a reseller under an end customer', customer, 'reseller'],
    ['a distributor under anybody', distributor, 'distributor'],
  ] as const)('refuses %s', (_, parent, tier) => {
    given(tenant)
      .when(register('new' as TenantId, parent, registration(tier, { currency: USD }), now))
      .thenRejected('parent-tier-not-allowed', 'tier');
  });

  it('says in words where a tenant may stand', () => {
    expect(() => register('new' as TenantId, customer, registration('endCustomer'), now)(undefined)).toThrow(
      'an end customer stands under a reseller, not under an end customer',
    );
  });

  it('asks a root for its currency', () => {
    given(tenant)
      .when(register(D, null, registration('distributor'), now))
      .thenRejected('currency-missing', 'currency');
  });

  it('does nothing when it is registered', () => {
    given(tenant, registered)
      .when(register(C, reseller, registration('endCustomer'), now))
      .thenNothing();
  });
});

describe("changing a tenant's profile", () => {
  it('replaces what is given and keeps the rest', () => {
    given(tenant, registered)
      .when(changeProfile({ name: 'Acme Corp' }, null))
      .then({
        type: 'TenantProfileChanged',
        data: { tenantId: C, path: [D, R, C], name: 'Acme Corp', customerCode: 'A-1', primaryDomain: null },
      });
  });

  it('takes a code away with null', () => {
    const [event] = changeProfile({ customerCode: null }, null)(given(tenant, registered).state);
    expect(event?.data).toMatchObject({ name: 'Acme', customerCode: null });
  });

  it('changes to a code only when it was claimed for that', () => {
    given(tenant, registered)
      .when(changeProfile({ customerCode: 'B' }, null))
      .thenRejected('lost-race');
    const [event] = changeProfile({ customerCode: 'B' }, 'B')(given(tenant, registered).state);
    expect(event?.data).toMatchObject({ customerCode: 'B' });
  });

  it('needs no claim to write the same code in other letters', () => {
    const [event] = changeProfile({ customerCode: 'a-1' }, null)(given(tenant, registered).state);
    expect(event?.data).toMatchObject({ customerCode: 'a-1' });
  });

  it('does nothing when nothing changes', () => {
    given(tenant, registered)
      .when(changeProfile({ name: 'Acme', customerCode: 'A-1' }, null))
      .thenNothing();
  });

  it('refuses a tenant that is not there', () => {
    given(tenant)
      .when(changeProfile({ name: 'Acme' }, null))
      .thenRejected('tenant-not-found');
  });
});

describe('a customer code', () => {
  it('is unique among the children of one parent, and among the roots', () => {
    const scope = (...path: TenantId[]): string => claimOfCode(path, 'A-1').scope;
    expect(scope(D, R, C)).toBe(scope(D, R, 'other' as TenantId));
    expect(scope(D, R, C)).not.toBe(scope(D, 'r2' as TenantId, C));
    expect(scope(D)).toBe(scope(R));
  });
});
