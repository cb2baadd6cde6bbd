import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type TenantId } from '#libs/published/ids';
import { type CompanyProfileEvent } from '#libs/published/tenants';
import { companyProfile, tell } from './company-profile.ts';

const owner = { id: 'r' as TenantId, path: ['d', 'r'] as TenantId[] };
const address = { line1: '1 Main Road', line2: null, city: 'Springfield', region: null, postalCode: '12345', country: 'US' };
const saved: CompanyProfileEvent = {
  type: 'CompanyProfileSaved',
  data: { tenantId: owner.id, path: owner.path, legalName: 'Rho Ltd', taxId: null, phone: null, website: null, address },
};

describe('a company profile', () => {
  it('begins empty and keeps what was told', () => {
    given(companyProfile)
      .when(tell(owner, { legalName: 'Rho Ltd', address }))
      .then(saved);
    expect(given(companyProfile).state).toMatchObject({ legalName: null, address: null, revision: 0 });
  });

  it('keeps what is left out, and gives up what is null', () => {
    given(companyProfile, saved)
      .when(tell(owner, { phone: '+1 555', address: null }))
      .then({ ...saved, data: { ...saved.data, phone: '+1 555', address: null } });
  });

  it('says nothing where nothing is new', () => {
    given(companyProfile, saved)
      .when(tell(owner, { legalName: 'Rho Ltd', address: { ...address } }))
      .thenNothing();
  });
});
