import { run } from '#libs/platform/bootstrap';
import { accessControlService } from './access-control.module.ts';

const running = await run([accessControlService]);
running?.platform.log.info({ url: running.url }, `${accessControlService.name} is listening on ${running.url}`);
