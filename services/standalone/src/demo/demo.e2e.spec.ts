import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { DuckDb } from '#libs/usage-store/duckdb';
import { addAdministrator } from '#services/access-control/src/administrator';
import { SERVICES } from '../services.ts';
import { unexpected } from './bill.ts';
import { PlatformClient } from './platform-client.ts';
import { play, type Played } from './play.ts';
import { report } from './report.ts';
import { readScenario, type Scenario } from './scenario.ts';

const scenarios = fileURLToPath(new URL('../../../../scenarios/', import.meta.url));
const PASSWORD = 'correct horse battery';

describe('playing scenarios on the platform', () => {
  let platform: TestPlatform;
  let folder: string;
  let duckDb: DuckDb;
  let client: PlatformClient;
  const read = (name: string): Promise<Scenario> => readScenario(join(scenarios, name), join(scenarios, 'scenario.schema.json'));
  const playing = (scenario: Scenario): Promise<Played> => play(scenario, client, duckDb, folder, () => undefined);
  const faults = ({ expected }: Scenario, { months }: Played): readonly string[] => unexpected(expected?.months ?? [], months);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'demo-'));
    platform = await startPlatform(SERVICES);
    await addAdministrator(platform.running.platform, 'admin@example.com', PASSWORD);
    duckDb = await DuckDb.open({ tempDirectory: folder });
    client = new PlatformClient(platform.url);
    await client.login('admin@example.com', PASSWORD);
  }, 60_000);
  afterAll(async () => {
    duckDb.close();
    await platform.close();
    await rm(folder, { recursive: true });
  });

  it('bills three tiers to the last digit, and playing it again changes nothing', async () => {
    const scenario = await read('three-tiers.yaml');
    const first = await playing(scenario);
    expect(faults(scenario, first)).toEqual([]);
    const head = await platform.running.platform.store.head();
    const second = await playing(scenario);
    expect(second.months).toEqual(first.months);
    expect(await platform.running.platform.store.head()).toBe(head);
  }, 60_000);

  it('bills the smallest scenario, and says which expected figure differs', async () => {
    const scenario = await read('smallest.yaml');
    const played = await playing(scenario);
    expect(faults(scenario, played)).toEqual([]);
    const months = [{ month: '2026-01', tenants: [{ name: 'Customer', billed: '221' }] }];
    expect(faults({ ...scenario, expected: { months } }, played)).toEqual(['2026-01 Customer.billed: expected "221", got "220"']);
    expect(report(played)).toContain('Proforma 2026-01, Customer');
  }, 60_000);

  it('bills the two real files, with the control totals of each slice', async () => {
    const showcase = await read('showcase.yaml');
    const { explain: _generated, ...real } = {
      ...showcase,
      name: 'real-files',
      usage: showcase.usage?.filter(({ files }) => files) ?? [],
    };
    const { months } = await playing(real);
    expect(months.map(({ month, tieOut }) => [month, tieOut])).toEqual([
      ['2023-11', true],
      ['2024-09', true],
      ['2024-10', true],
    ]);
  }, 60_000);
});
