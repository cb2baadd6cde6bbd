import { type ServiceDefinition } from '#libs/platform/service';
import { accessControlService } from '#services/access-control/src/access-control.module';

/** Everything that one process runs. */
export const SERVICES: readonly ServiceDefinition[] = [accessControlService];
