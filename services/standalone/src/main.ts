import { run } from '#libs/platform/bootstrap';
import { hasAdministrator } from '#services/access-control/src/administrator';
import { SERVICES } from './services.ts';

const running = await run(SERVICES);
if (running) {
  const { url, platform } = running;
  platform.log.info(
    { url, docs: `${url}/api/docs`, dataDir: platform.dataDir },
    `Tributary is listening on ${url}, its API docs are at ${url}/api/docs`,
  );
  if (!(await hasAdministrator(platform.readModels))) {
    platform.log.warn(
      'There is no administrator yet, so every route answers 401. Stop, run "npm run create-admin", start again.',
    );
  }
}
