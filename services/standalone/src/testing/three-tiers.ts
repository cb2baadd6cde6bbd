import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestPlatform } from '#libs/platform/testing/platform';
import { DuckDb } from '#libs/usage-store/duckdb';
import { addAdministrator } from '#services/access-control/src/administrator';
import { play } from '../demo/play.ts';
import { readScenario } from '../demo/scenario.ts';
import { PlatformClient } from '../platform-client.ts';

const scenarios = fileURLToPath(new URL('../../../../scenarios/', import.meta.url));

/**
 * Gives an empty platform its administrator, who plays the scenario of three tiers over HTTP: tenants, contracts, usage and bills.
 * @param folder where the usage files are written that are then taken in
 * @returns the month of the bills
 */
export const playThreeTiers = async (
  platform: TestPlatform,
  folder: string,
  email: string,
  password: string,
): Promise<string> => {
  await addAdministrator(platform.running.platform, email, password);
  const client = new PlatformClient(platform.url);
  await client.login(email, password);
  const scenario = await readScenario(join(scenarios, 'three-tiers.yaml'), join(scenarios, 'scenario.schema.json'));
  const duckDb = await DuckDb.open({ tempDirectory: folder });
  try {
    return (await play(scenario, client, duckDb, folder, () => undefined)).months[0]?.month ?? '';
  } finally {
    duckDb.close();
  }
};
