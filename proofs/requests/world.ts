import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDb } from '#libs/usage-store/duckdb';
import { play } from '#services/standalone/src/demo/play';
import { readScenario } from '#services/standalone/src/demo/scenario';
import { PlatformClient } from '#services/standalone/src/platform-client';
import { type Credentials } from '../platform-process.ts';
import { type Json, type Memory } from './memory.ts';

/** Who asks, the one who may do most first. `nobody` has no token, the last one a token that is none. */
export const CALLERS = ['operator', 'admin of a root', 'sales of a reseller', 'admin of a customer', 'nobody', 'forger'] as const;
export type Caller = (typeof CALLERS)[number];

const SCENARIO = 'scenarios/three-tiers.yaml';
const SCHEMA = 'scenarios/scenario.schema.json';

const USAGE = [
  'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId,Mystery',
  '1.5,444444444444,USD,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,555555555555,1',
  '',
].join('\n');

export type World = Readonly<{
  credentials: ReadonlyMap<Caller, Credentials>;
  /** Contents of small files to upload. */
  files: readonly string[];
}>;

/** Three tiers with contracts, links, an import and its bills, another tree beside them, and somebody of each kind. */
export const buildWorld = async (
  url: string,
  operator: Credentials,
  folder: string,
  memory: Memory,
  say: (text: string) => void,
): Promise<World> => {
  const client = new PlatformClient(url);
  await client.login(operator.email, operator.password);
  const scenario = await readScenario(SCENARIO, SCHEMA);
  const duckDb = await DuckDb.open({ tempDirectory: folder });
  try {
    await play(scenario, client, duckDb, folder, () => undefined);
  } finally {
    duckDb.close();
  }
  say(`${SCENARIO} is played`);
  const tenants = await client.list<{ id: string; name: string }>('/tenants');
  const idOf = (name: string): string => {
    const found = tenants.find((tenant) => tenant.name === name);
    if (!found) throw new Error(`${SCENARIO} has no tenant ${name}`);
    return found.id;
  };
  const { body: stranger } = await client.post<{ id: string }>('/tenants', { tier: 'reseller', name: 'S1', currency: 'EUR' });
  await client.post(`/tenants/${stranger.id}/customers`, { tier: 'endCustomer', name: 'S2' });
  await client.post(`/tenants/${stranger.id}/data-sources`, { managementAccountId: '444444444444', name: 'Payer' });
  const password = randomBytes(15).toString('base64url');
  const add = async (tenantId: string, name: string, role: string): Promise<Credentials> => {
    const email = `${name}@example.com`;
    await client.post(`/tenants/${tenantId}/users`, { email, name, password, role });
    return { email, password };
  };
  const guest = await add(stranger.id, 'guest', 'sales');
  const credentials = new Map<Caller, Credentials>([
    ['operator', operator],
    ['admin of a root', await add(idOf('D1'), 'admin', 'admin')],
    ['sales of a reseller', await add(idOf('R1'), 'sales', 'sales')],
    ['admin of a customer', await add(idOf('C1'), 'customer', 'admin')],
  ]);
  memory.accepted('sessionLogin', guest);
  for (const { terms } of scenario.contracts ?? []) memory.accepted('contractDraft', terms as Json);
  memory.accepted('importImportFiles', { paths: ['usage.csv'], format: 'focus' });
  memory.accepted('importImportFiles', { paths: ['broken.csv'] });
  await writeFile(join(folder, 'usage.csv'), USAGE);
  await writeFile(join(folder, 'broken.csv'), USAGE.replace('1.5,', 'much,'));
  return { credentials, files: [USAGE, USAGE.replace('1.5,', 'much,'), USAGE.slice(0, 40)] };
};
