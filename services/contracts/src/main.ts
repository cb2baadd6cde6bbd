import { run } from '#libs/platform/bootstrap';
import { contractsService } from './contracts.module.ts';

const running = await run([contractsService]);
running?.platform.log.info({ url: running.url }, `${contractsService.name} is listening on ${running.url}`);
