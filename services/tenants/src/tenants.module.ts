import { Module } from '@nestjs/common';
import { memberships } from '#libs/access-policy/memberships.projection';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type ServiceDefinition } from '#libs/platform/service';
import { AutoAssignmentController } from './auto-assignment/auto-assignment.controller.ts';
import { autoAssignments } from './auto-assignment/auto-assignments.projection.ts';
import { CompanyProfileController } from './company-profile/company-profile.controller.ts';
import { ContactsController } from './contacts/contacts.controller.ts';
import { CustomerListController } from './customer-list/customer-list.controller.ts';
import { customerList } from './customer-list/customer-list.projection.ts';
import { CustomerTreeController } from './customer-tree/customer-tree.controller.ts';
import { invoices } from './customer-tree/invoices.projection.ts';
import { people } from './customer-tree/people.projection.ts';
import { SummariesController } from './customer-tree/summaries.controller.ts';
import { LinkedAccountController } from './linked-account/linked-account.controller.ts';
import { LinkedAccountsController } from './linked-accounts/linked-accounts.controller.ts';
import { linkedAccounts } from './linked-accounts/linked-accounts.projection.ts';
import { sliceAccounts, sourceOwners } from './linked-accounts/sources.projection.ts';
import { OnboardingController } from './onboarding/onboarding.controller.ts';
import { onDataArriving } from './reactions/on-data-arriving.ts';
import { onAdminInvited } from './reactions/on-admin-invited.ts';
import { onMembershipChanged } from './reactions/on-membership-changed.ts';
import { onSourceHealthChanged } from './reactions/on-source-health-changed.ts';
import { onTenantProfileChanged } from './reactions/on-tenant-profile-changed.ts';
import { TenantController } from './tenant/tenant.controller.ts';

@Module({
  controllers: [
    TenantController,
    CustomerListController,
    LinkedAccountController,
    LinkedAccountsController,
    AutoAssignmentController,
    ContactsController,
    CompanyProfileController,
    OnboardingController,
    CustomerTreeController,
    SummariesController,
  ],
})
class TenantsModule {}

export const tenantsService: ServiceDefinition = {
  name: 'tenants',
  module: TenantsModule,
  projections: [
    tenantTree,
    memberships,
    customerList,
    linkedAccounts,
    autoAssignments,
    sourceOwners,
    sliceAccounts,
    people,
    invoices,
  ],
  consumers: ({ store, readModels }) => [
    onTenantProfileChanged(store),
    onAdminInvited(store),
    onMembershipChanged(store, readModels),
    onDataArriving(store, readModels),
    onSourceHealthChanged(store, readModels),
  ],
};
