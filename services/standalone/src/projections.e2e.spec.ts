import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { categoryOf, type Recorded } from '#libs/event-sourcing/event';
import { distinctProjections } from '#libs/platform/bootstrap';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { holdsForTwins } from '#libs/read-models/projection-twins.contract';
import { DuckDb } from '#libs/usage-store/duckdb';
import { addAdministrator } from '#services/access-control/src/administrator';
import { play } from './demo/play.ts';
import { readScenario } from './demo/scenario.ts';
import { PlatformClient } from './platform-client.ts';
import { SERVICES } from './services.ts';

type Item = Readonly<{ id: string; name: string }>;

const PASSWORD = 'correct horse battery';
const RUNS = 15;
const scenarios = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
const projections = distinctProjections(SERVICES);

/** What happened on a platform that has played a scenario and seen what scenarios do not do. */
let log: readonly Recorded[];

/** What the scenario leaves out: removals, changes, and imports that did not end well. */
const changeOfMind = async (operator: HttpClient, folder: string): Promise<void> => {
  const done = async <Body = Item>(answer: Promise<Readonly<{ status: number; body: Body }>>): Promise<Body> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${String(status)} ${JSON.stringify(body)}`);
    return body;
  };
  const root = await done(operator.post<Item>('/tenants', { tier: 'reseller', name: 'Root', currency: 'EUR' }));
  const at = `/tenants/${root.id}`;
  const code = (customerCode: string) => ({ tier: 'endCustomer', name: `Customer ${customerCode}`, customerCode });
  const customer = await done(operator.post<Item>(`${at}/customers`, code('A')));
  const other = await done(operator.post<Item>(`${at}/customers`, code('B')));
  await done(operator.patch(`/tenants/${customer.id}`, { customerCode: 'C', name: 'Renamed' }));
  await done(operator.patch(`/tenants/${other.id}`, { customerCode: 'D', primaryDomain: 'other.example' }));
  const user = { email: 'sales@example.com', name: 'Sales', password: PASSWORD, role: 'sales' };
  await done(operator.post(`${at}/users`, user));
  const source = await done(
    operator.post<Item>(`${at}/data-sources`, { managementAccountId: '444444444444', name: 'Payer', scheduleHours: 24 }),
  );
  await done(operator.patch(`${at}/data-sources/${source.id}`, { scheduleHours: null, name: 'Renamed' }));
  const account = { dataSourceId: source.id, accountId: '555555555555' };
  const links = `/tenants/${customer.id}/linked-accounts`;
  await done(operator.post(links, { ...account, from: '2026-01-01' }));
  await done(operator.post(`${links}/unlink`, { ...account, from: '2026-02-01' }));
  await done(operator.post(`/tenants/${other.id}/linked-accounts`, { ...account, from: '2026-02-01' }));
  const automatic = `/tenants/${customer.id}/auto-assignments/${source.id}`;
  await done(operator.put(automatic, { from: '2026-01-01', exclude: ['* SP*'] }));
  await done(operator.delete(`${automatic}?from=2026-01-10`));
  const usage = (payer: string, cost: string): string =>
    [
      'BilledCost,BillingAccountId,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceName,SubAccountId',
      `${cost},${payer},EUR,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-03T00:00:00Z,2026-01-04T00:00:00Z,Storage,555555555555`,
      `2.25,${payer},EUR,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z,Usage,2026-01-20T00:00:00Z,2026-01-21T00:00:00Z,Storage,666666666666`,
      '',
    ].join('\n');
  const imported = async (name: string, content: string): Promise<Item> => {
    await writeFile(join(folder, name), content);
    return done(operator.post<Item>(`${at}/imports`, { paths: [join(folder, name)], format: 'focus' }));
  };
  await imported('first.csv', usage('444444444444', '1.5'));
  await imported('unknown.csv', usage('777777777777', '1.5'));
  await imported('restated.csv', usage('444444444444', '1.75'));
  const last = await imported('cancelled.csv', usage('444444444444', '9'));
  await done(operator.post(`${at}/imports/${last.id}/cancel`));
};

const everything = async (platform: TestPlatform): Promise<readonly Recorded[]> => {
  const categories = [...new Set(projections.flatMap(({ parts }) => Object.values(parts).map(({ category }) => category)))];
  const events: Recorded[] = [];
  const ending = new AbortController();
  for await (const event of platform.running.platform.store.subscribe(categories, 'start', ending.signal)) {
    if (event === 'caught-up') break;
    events.push(event);
  }
  ending.abort();
  return events;
};

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'projections-'));
  const platform = await startPlatform(SERVICES, { environment: { IMPORT_FOLDERS: folder } });
  const duckDb = await DuckDb.open({ tempDirectory: folder });
  try {
    await addAdministrator(platform.running.platform, 'admin@example.com', PASSWORD);
    const client = new PlatformClient(platform.url);
    await client.login('admin@example.com', PASSWORD);
    const scenario = await readScenario(join(scenarios, 'three-tiers.yaml'), join(scenarios, 'scenario.schema.json'));
    await play(scenario, client, duckDb, folder, () => undefined);
    await changeOfMind(await platform.as('admin@example.com', PASSWORD), folder);
    await platform.settled();
    log = await everything(platform);
  } finally {
    duckDb.close();
    await platform.close();
    await rm(folder, { recursive: true });
  }
}, 120_000);

// Every projection there is: one that this log says nothing to fails, until something here makes its events.
describe.each(projections.map((projection) => [projection.name, projection] as const))('the projection %s', (_, projection) => {
  const categories = new Set(Object.values(projection.parts).map(({ category }) => category));
  holdsForTwins(projection, () => log.filter(({ stream }) => categories.has(categoryOf(stream))), RUNS);
});

describe('the events of a played log', () => {
  let seen: ReadonlySet<string>;
  beforeAll(() => {
    seen = new Set(log.map(({ stream }) => categoryOf(stream)));
  });

  it.each(projections.map((projection) => [projection.name, projection] as const))('feed every part of %s', (_, { parts }) => {
    expect(Object.values(parts).filter(({ category }) => !seen.has(category))).toEqual([]);
  });
});
