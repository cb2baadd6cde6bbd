import { run } from '#libs/platform/bootstrap';
import { tenantsService } from './tenants.module.ts';

const running = await run([tenantsService]);
running?.platform.log.info({ url: running.url }, `${tenantsService.name} is listening on ${running.url}`);
