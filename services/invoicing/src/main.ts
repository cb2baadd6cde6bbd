import { run } from '#libs/platform/bootstrap';
import { invoicingService } from './invoicing.module.ts';

const running = await run([invoicingService]);
running?.platform.log.info({ url: running.url }, `${invoicingService.name} is listening on ${running.url}`);
