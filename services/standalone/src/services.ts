import { type ServiceDefinition } from '#libs/platform/service';
import { accessControlService } from '#services/access-control/src/access-control.module';
import { contractsService } from '#services/contracts/src/contracts.module';
import { ingestionService } from '#services/ingestion/src/ingestion.module';
import { invoicingService } from '#services/invoicing/src/invoicing.module';
import { tenantsService } from '#services/tenants/src/tenants.module';

/** Everything that one process runs. */
export const SERVICES: readonly ServiceDefinition[] = [
  accessControlService,
  tenantsService,
  contractsService,
  ingestionService,
  invoicingService,
];
