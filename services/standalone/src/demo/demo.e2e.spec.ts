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
import { PlatformClient } from '../platform-client.ts';
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

  it('bills three months of cost plus, successors, moves and renewals to the last digit', async () => {
    const scenario = await read('cost-plus.yaml');
    const played = await playing(scenario);
    expect(faults(scenario, played)).toEqual([]);
    expect(played.months.map(({ tieOut }) => tieOut)).toEqual([true, true, true]);
  }, 60_000);

  it('bills the smallest scenario, and says which expected figure differs', async () => {
    const scenario = await read('smallest.yaml');
    const played = await playing(scenario);
    expect(faults(scenario, played)).toEqual([]);
    const months = [{ month: '2026-01', tenants: [{ name: 'Customer', billed: '221' }] }];
    expect(faults({ ...scenario, expected: { months } }, played)).toEqual(['2026-01 Customer.billed: expected "221", got "220"']);
    expect(report(played)).toContain('Proforma 2026-01, Customer');
  }, 60_000);

  it('says which part of a scenario is refused, and why', async () => {
    const smallest = await read('smallest.yaml');
    const [contract] = smallest.contracts ?? [];
    const [delivery] = smallest.usage ?? [];
    if (!contract || !delivery?.rows) throw new Error('the smallest scenario has a contract and rows');
    const failing = (changed: Partial<Scenario>): Promise<unknown> =>
      playing({ ...smallest, ...changed, name: 'refused' }).catch((error: unknown) => error);

    const late = { ...contract, terms: { ...contract.terms, end: '2025-12-31' } };
    const second = { ...contract, terms: { ...contract.terms, name: 'The same again' } };
    expect(String(await failing({ contracts: [late] }))).toMatch(/contracts\.0 of Customer, terms: end: must not be earlier/);
    expect(String(await failing({ contracts: [contract, second] }))).toMatch(/contracts\.1 of Customer, activating it: .*covers/);
    const rows = delivery.rows.map((row) => ({ ...row, 'lineItem/UnblendedCost': '12,5' }));
    expect(String(await failing({ contracts: [], usage: [{ ...delivery, rows }] }))).toMatch(
      /usage\.0: the import of usage\.0\.csv ended failed\s+usage\.0\.csv, row 2, lineItem\/UnblendedCost/,
    );
    expect(String(await failing({ contracts: [], explain: { tenant: 'Customer', month: '2026-07' } }))).toMatch(
      /explain: Customer has no bill in 2026-07/,
    );
  }, 60_000);

  it('tells what is on no bill and by which rule, and keeps two contracts of a month apart', async () => {
    const three = await read('three-tiers.yaml');
    const [, , , first] = three.contracts ?? [];
    if (!first) throw new Error('the fourth contract bills C1');
    const before = { ...first, terms: { ...first.terms, name: 'Early terms', end: '2026-01-09' } };
    const after = { ...first, terms: { ...first.terms, name: 'Late terms', start: '2026-01-10' } };
    const contracts = (three.contracts ?? []).flatMap((contract) => (contract === first ? [before, after] : [contract]));
    const text = report(await playing({ ...three, name: 'told', contracts }));
    expect(text).toMatch(/Early terms: *\n *Managed service[\s\S]*Late terms: *\n/);
    expect(text).toMatch(/C1: -130\.963232 USD excluded .*"What the distributor keeps" of D1, .*"AWS Support fee" of C1/);
    expect(text).toMatch(/C3: 800 USD unbilled: account 333333333333 of 333333333333, 1 line on 2026-01-10\. No contract/);
    expect(text).toMatch(/R2: -800 USD \(source 800\): unbilled/);
    expect(text).toMatch(/8 % off: 714\.24 → 657\.1008/);
  }, 60_000);

  it('takes a contract that is there twice for two, of which the second is refused', async () => {
    const smallest = await read('smallest.yaml');
    const contracts = [...(smallest.contracts ?? []), ...(smallest.contracts ?? [])];
    await expect(playing({ ...smallest, name: 'twice', contracts })).rejects.toThrow(
      /contracts\.1 of Customer[\s\S]*contract-overlaps/,
    );
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
