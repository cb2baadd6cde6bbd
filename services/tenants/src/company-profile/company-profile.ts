import { decider } from '#libs/event-sourcing/decider';
import { type Revision } from '#libs/event-sourcing/event';
import { type TenantId } from '#libs/published/ids';
import { type Address, type CompanyProfileEvent } from '#libs/published/tenants';

/** What a company says about itself beside its name; null: not told. */
export type Company = Readonly<{
  legalName: string | null;
  taxId: string | null;
  phone: string | null;
  website: string | null;
  address: Address | null;
}>;

/** `revision` counts what was told, 0 before anything was: its ETag. */
export type CompanyProfile = Company & Readonly<{ revision: Revision }>;

const NOTHING: CompanyProfile = { legalName: null, taxId: null, phone: null, website: null, address: null, revision: 0 };

export const companyProfile = decider<CompanyProfile, CompanyProfileEvent, TenantId>(
  'tenants.companyProfile',
  NOTHING,
  (_before, { data: { legalName, taxId, phone, website, address } }, revision) => ({
    legalName,
    taxId,
    phone,
    website,
    address,
    revision: revision + 1,
  }),
);

/** What is left out stays, null takes a value away; an address is told whole. */
export const tell =
  ({ id: tenantId, path }: Readonly<{ id: TenantId; path: readonly TenantId[] }>, told: Partial<Company>) =>
  ({ revision: _, ...before }: CompanyProfile): CompanyProfileEvent[] => {
    const after: Company = { ...before, ...told };
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ type: 'CompanyProfileSaved', data: { tenantId, path, ...after } }];
  };
