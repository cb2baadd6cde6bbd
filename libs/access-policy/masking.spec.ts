import { describe, expect, it } from '@jest/globals';
import { type Category } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { masked, maskedData, seesFinancials } from './masking.ts';
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

  it('is whole for whoever may see amounts', () => {
    expect(maskedData('contracts.tenantContracts' as Category, drafted, true)).toEqual(drafted);
  });

  it('keeps, where it may hold amounts, only what is known to be none', () => {
    expect(maskedData('contracts.tenantContracts' as Category, drafted, false)).toEqual({
      tenantId: 'c',
      contractId: 'k',
      terms: null,
      somethingNew: null,
    });
  });

  it('is whole where there are no amounts', () => {
    const changed = { tenantId: 'c', name: 'Customer' };
    expect(maskedData('tenants.tenant' as Category, changed, false)).toEqual(changed);
  });
});
