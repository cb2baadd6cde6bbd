import { reasonOf } from '#libs/platform/bootstrap';
import { startGateway } from './gateway.module.ts';

try {
  const { url, log } = await startGateway({ environment: process.env });
  log.info({ url, docs: `${url}/api/docs` }, `gateway is listening on ${url}, the joined API docs are at ${url}/api/docs`);
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exitCode = 1;
}
