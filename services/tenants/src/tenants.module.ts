import { Module } from '@nestjs/common';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type ServiceDefinition } from '#libs/platform/service';
import { AutoAssignmentController } from './auto-assignment/auto-assignment.controller.ts';
import { autoAssignments } from './auto-assignment/auto-assignments.projection.ts';
import { CustomerListController } from './customer-list/customer-list.controller.ts';
import { customerList } from './customer-list/customer-list.projection.ts';
import { LinkedAccountController } from './linked-account/linked-account.controller.ts';
import { LinkedAccountsController } from './linked-accounts/linked-accounts.controller.ts';
import { linkedAccounts } from './linked-accounts/linked-accounts.projection.ts';
import { sliceAccounts, sourceOwners } from './linked-accounts/sources.projection.ts';
import { onTenantProfileChanged } from './reactions/on-tenant-profile-changed.ts';
import { TenantController } from './tenant/tenant.controller.ts';

@Module({
  controllers: [
    TenantController,
    CustomerListController,
    LinkedAccountController,
    LinkedAccountsController,
    AutoAssignmentController,
  ],
})
class TenantsModule {}

export const tenantsService: ServiceDefinition = {
  name: 'tenants',
  module: TenantsModule,
  projections: [tenantTree, customerList, linkedAccounts, autoAssignments, sourceOwners, sliceAccounts],
  consumers: ({ store }) => [onTenantProfileChanged(store)],
};
