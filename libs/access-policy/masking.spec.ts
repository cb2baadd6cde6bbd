import { describe, expect, it } from '@jest/globals';
import { type Category } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { masked, maskedData, seesFinancials, sightOf } from './masking.ts';
import { type Standing } from './policy.ts';
import { type Role } from './roles.ts';

const CUSTOMER = 'c' as TenantId;
const as = (role: Role): Standing => ({ memberships: [], links: [{ tenantId: CUSTOMER, role }] });

describe('amounts', () => {
  it('are seen by every role but Support', () => {
    const roles: readonly Role[] = ['admin', 'regular', 'readOnly', 'support', 'sales'];
    expect(roles.filter((role) => !seesFinancials(as(role), [CUSTOMER]))).toEqual(['support']);
    expect(seesFinancials(as('admin'), ['other' as TenantId])).toBe(false);
  });

  it('are null in a row for whoever may not see them, the rest is not', () => {
    const row = { id: 'c', name: 'Customer', mrr: '12.5', ports: 3 };
    expect(masked(row, ['mrr'], true)).toEqual(row);
    expect(masked(row, ['mrr'], false)).toEqual({ id: 'c', name: 'Customer', mrr: null, ports: 3 });
  });
});

describe('data of an event', () => {
  const drafted = { tenantId: 'c', contractId: 'k', terms: { price: '10' }, somethingNew: 1 };

  const amounts = { financials: true, contacts: false };
  const contacts = { financials: false, contacts: true };

  it('is whole for whoever may see amounts', () => {
    expect(maskedData('contracts.tenantContracts' as Category, drafted, amounts)).toEqual(drafted);
  });

  it('keeps, where it may hold amounts, only what is known to be none', () => {
    expect(maskedData('contracts.tenantContracts' as Category, drafted, contacts)).toEqual({
      tenantId: 'c',
      contractId: 'k',
      terms: null,
      somethingNew: null,
    });
  });

  it('is whole where there are no amounts', () => {
    const changed = { tenantId: 'c', name: 'Customer' };
    expect(maskedData('tenants.tenant' as Category, changed, { financials: false, contacts: false })).toEqual(changed);
  });

  it('names a contact to whoever may read contacts, and says to others only that there is one', () => {
    const added = {
      tenantId: 'c',
      contactId: 'k',
      contactType: 'billing',
      name: 'Bill',
      email: 'b@example.com',
      somethingNew: 1,
    };
    expect(maskedData('tenants.contacts' as Category, added, contacts)).toEqual(added);
    expect(maskedData('tenants.contacts' as Category, added, amounts)).toEqual({
      tenantId: 'c',
      contactId: 'k',
      contactType: 'billing',
      name: null,
      email: null,
      somethingNew: null,
    });
  });

  it('is seen as the role says that one has there', () => {
    expect(sightOf(as('support'), [CUSTOMER])).toEqual({ financials: false, contacts: true });
    expect(sightOf(as('admin'), [CUSTOMER])).toEqual({ financials: true, contacts: true });
    expect(sightOf(as('admin'), ['other' as TenantId])).toEqual({ financials: false, contacts: false });
  });
});
