import { run } from '#libs/platform/bootstrap';
import { ingestionService } from './ingestion.module.ts';

const running = await run([ingestionService]);
running?.platform.log.info({ url: running.url }, `${ingestionService.name} is listening on ${running.url}`);
