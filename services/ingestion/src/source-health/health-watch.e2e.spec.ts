import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type DataSourceId } from '#libs/published/ids';
import { type SourceHealthEvent } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';
import { ingestionService } from '../ingestion.module.ts';
import { registeredTenant } from '../testing/tenants.ts';

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
  const told = async (id: DataSourceId): Promise<readonly string[]> => {
    await platform.settled();
    const stream = `ingestion.sourceHealth-${id}` as StreamName;
    const { events } = await platform.running.platform.store.read<SourceHealthEvent>(stream);
    return events.map(({ data }) => data.status);
  };

  it('is told when there is a source, and again once it is judged otherwise', async () => {
    const tenantId = await registeredTenant(platform);
    const sources = `/tenants/${tenantId}/data-sources`;
    const { body } = await operator.post<Readonly<{ id: DataSourceId }>>(sources, { managementAccountId: '1', name: 'Payer' });
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
});
