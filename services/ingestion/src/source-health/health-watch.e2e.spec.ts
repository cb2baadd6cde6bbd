import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type DataSourceId } from '#libs/published/ids';
import { type SourceHealthEvent } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';
import { ingestionService } from '../ingestion.module.ts';
import { registeredTenant } from '../testing/tenants.ts';
import { HealthWatch } from './health-watch.ts';

type Source = Readonly<{ id: DataSourceId }>;

const HOUR_MS = 3_600_000;

let platform: TestPlatform;
let operator: HttpClient;
let now = Date.parse('2026-01-20T10:00:00.000Z');

beforeAll(async () => {
  platform = await startPlatform([ingestionService], { clock: { now: () => new Date(now).toISOString() as Instant } });
  operator = await platform.asOperator();
});
afterAll(() => platform.close());

describe('the health of a data source', () => {
  const toldSoFar = async (id: DataSourceId): Promise<readonly string[]> => {
    const stream = `ingestion.sourceHealth-${id}` as StreamName;
    const { events } = await platform.running.platform.store.read<SourceHealthEvent>(stream);
    return events.map(({ data }) => data.status);
  };
  const told = async (id: DataSourceId): Promise<readonly string[]> => {
    await platform.settled();
    return toldSoFar(id);
  };

  it('is told when there is a source, and again once it is judged otherwise', async () => {
    const tenantId = await registeredTenant(platform);
    const sources = `/tenants/${tenantId}/data-sources`;
    const { body } = await operator.post<Source>(sources, { managementAccountId: '1', name: 'Payer' });
    expect(await told(body.id)).toEqual(['Not available']);
    now += 30 * HOUR_MS;
    await operator.patch(`${sources}/${body.id}`, { name: 'Payer, renamed' });
    expect(await told(body.id)).toEqual(['Not available', 'Warning']);
    await operator.patch(`${sources}/${body.id}`, { name: 'Payer' });
    expect(await told(body.id)).toEqual(['Not available', 'Warning']);
    now += 30 * HOUR_MS;
    await operator.patch(`${sources}/${body.id}`, { name: 'Payer again' });
    expect(await told(body.id)).toEqual(['Not available', 'Warning', 'Failed']);
  });

  it('is told of every source but one of whose usage something cannot be read', async () => {
    const tenantId = await registeredTenant(platform);
    const sources = `/tenants/${tenantId}/data-sources`;
    const { body: ill } = await operator.post<Source>(sources, { managementAccountId: '2', name: 'Ill' });
    const { body: well } = await operator.post<Source>(sources, { managementAccountId: '3', name: 'Well' });
    expect(await told(well.id)).toEqual(['Not available']);
    const imported = (accounts: unknown, order: number): Promise<void> => {
      const of = { dataSourceId: ill.id, tenantId, rootId: tenantId, month: '2026-01', importId: randomUUID() };
      const content = { managementAccountId: '2', files: [], rows: 1, billedCost: [], contentHash: String(order), accounts };
      const data = { ...of, ...content, importedAt: platform.running.platform.clock.now(), order };
      return platform.happened(`ingestion.usageMonth-${ill.id}~2026-01`, { type: 'UsageImported', data });
    };
    await imported([], 0);
    await imported(null, 1);
    now += 30 * HOUR_MS;
    await operator.patch(`${sources}/${ill.id}`, { name: 'Ill again' });
    await operator.patch(`${sources}/${well.id}`, { name: 'Well again' });
    for (let patience = 0; patience < 100 && (await toldSoFar(well.id)).length < 2; patience++) await pause(50);
    expect(await toldSoFar(well.id)).toEqual(['Not available', 'Warning']);
    expect(await toldSoFar(ill.id)).toEqual(['Not available']);
  });
});

describe('the rounds over all sources', () => {
  it('begin with one in each process that starts, for what another had heard of and not judged', async () => {
    const tenantId = await registeredTenant(platform);
    const source = { managementAccountId: '4', name: 'Payer' };
    const { body } = await operator.post<Source>(`/tenants/${tenantId}/data-sources`, source);
    const stream = `ingestion.sourceHealth-${body.id}` as StreamName;
    const told = async () => (await platform.running.platform.store.read<SourceHealthEvent>(stream)).events.length;
    for (let patience = 0; patience < 200 && (await told()) < 1; patience++) await pause(50);
    now += 30 * HOUR_MS;
    const ending = new AbortController();
    const [watch] = new HealthWatch({ ...platform.running.platform, alone: false }).background();
    const running = watch?.run(ending.signal);
    for (let patience = 0; patience < 100 && (await told()) < 2; patience++) await pause(50);
    ending.abort();
    await running;
    expect(await told()).toBe(2);
  });

  const rounds = (alone: boolean) =>
    new HealthWatch({ ...platform.running.platform, alone }).background().filter(({ inEveryProcess }) => inEveryProcess !== true);

  it('are for one process of several, and not for every look that these take', () => {
    expect(rounds(false).map(({ name, wake }) => [name, wake])).toEqual([['ingestion.health-rounds', undefined]]);
    expect(rounds(true).map(({ name, wake }) => [name, typeof wake])).toEqual([['ingestion.health-rounds', 'function']]);
  });
});
