import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CommandId, type DomainEvent, type Metadata, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import {
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { type Slice } from '#libs/published/ingestion';
import { openSqlite } from '#libs/sqlite/database';
import { day, type Instant, type Month, month } from '#libs/time/time';
import { importing } from '../import/import.ts';
import { servingOf } from './serving.ts';
import { usageMonth, usageMonthId } from './usage-month.ts';

const NOON = '2026-02-03T12:00:00.000Z' as Instant;
const D = 'd' as TenantId;
const I = 'i' as ImportId;
const S = 's' as DataSourceId;

const sliceOf = (of: Month, contentHash: string): Slice => ({
  dataSourceId: S,
  managementAccountId: '111' as ManagementAccountId,
  month: of,
  files: [],
  rows: 2,
  billedCost: [],
  contentHash,
  accounts: [{ accountId: '111' as LinkedAccountId, name: null, firstDay: day('2026-01-01'), lastDay: day('2026-01-31') }],
});
const january = sliceOf(month('2026-01'), 'one');
const february = sliceOf(month('2026-02'), 'two');
const ended = { id: I, slices: [january, february] };

let store: SqliteEventStore;
beforeEach(() => {
  store = new SqliteEventStore(openSqlite('sqlite::memory:'));
});
afterEach(() => {
  store.close();
});

let commands = 0;
const append = async (stream: StreamName, event: DomainEvent, expected = NO_STREAM): Promise<number> => {
  const commandId = `00000000-0000-4000-8000-${String(++commands).padStart(12, '0')}` as CommandId;
  const metadata: Metadata = { commandId, bodyHash: '', principal: { id: 'u' }, tenant: null, time: NOON };
  return (await store.append(stream, [event], expected, metadata)).position;
};
const streamOf = (slice: Slice): StreamName => usageMonth.stream(usageMonthId(S, slice.month));
const serve = (slice: Slice, order: number, expected = NO_STREAM): Promise<number> =>
  append(
    streamOf(slice),
    { type: 'UsageImported', data: { ...slice, importId: I, tenantId: D, rootId: D, importedAt: NOON, order } },
    expected,
  );
const finish = (): Promise<number> => append(importing.stream(I), { type: 'ImportFinished', data: {} });

describe('a finished import', () => {
  it('serves once every month of it is taken over, and says where that stands', async () => {
    const end = await finish();
    expect(await servingOf(store, ended)).toBeUndefined();
    const first = await serve(january, end);
    expect(await servingOf(store, ended)).toBeUndefined();
    const second = await serve(february, end);
    expect(await servingOf(store, ended)).toEqual([
      { stream: streamOf(january), position: first },
      { stream: streamOf(february), position: second },
    ]);
  });

  it('waits for a month that an earlier one serves with another content', async () => {
    await serve({ ...january, contentHash: 'before' }, 0);
    const end = await finish();
    await serve(february, end);
    expect(await servingOf(store, ended)).toBeUndefined();
  });

  it('has nothing to wait for where the same content, or that of a later one, is there', async () => {
    const same = await serve(january, 0);
    const end = await finish();
    const later = await serve({ ...february, contentHash: 'after' }, end + 5);
    expect((await servingOf(store, ended))?.map(({ position }) => position)).toEqual([same, later]);
  });
});
