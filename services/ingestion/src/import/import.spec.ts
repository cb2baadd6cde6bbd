import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { currency } from '#libs/money/currency';
import {
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { type ImportEvent, type Slice } from '#libs/published/ingestion';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { day, type Instant, month } from '#libs/time/time';
import { serve, usageMonth } from '../usage-month/usage-month.ts';
import { cancel, fail, finish, importing, request } from './import.ts';
import { imports } from './imports.projection.ts';

const NOON = '2026-02-03T12:00:00.000Z' as Instant;
const D = 'd' as TenantId;
const I = 'i' as ImportId;
const S = 's' as DataSourceId;

const slice = (contentHash: string): Slice => ({
  dataSourceId: S,
  managementAccountId: '111' as ManagementAccountId,
  month: month('2026-01'),
  files: [{ path: `s/2026-01/i.${contentHash}.parquet`, sha256: 'abc', rows: 2 }],
  rows: 2,
  billedCost: [{ currency: currency('USD'), amount: '3' }],
  contentHash,
  accounts: [{ accountId: '111' as LinkedAccountId, name: null, firstDay: day('2026-01-01'), lastDay: day('2026-01-31') }],
});

const wanted = {
  importId: I,
  tenantId: D,
  path: [D],
  format: 'auto',
  files: [{ name: 'a.csv', path: 'i/attempt/0', from: 'upload', bytes: 100 }],
  expected: [],
  requestedAt: NOON,
} as const;
const outcome = {
  format: 'focus',
  slices: [slice('one')],
  unknownColumns: ['Id'],
  roundings: [],
  rows: 2,
  finishedAt: NOON,
} as const;
const failure = {
  problems: [{ file: 'a.csv', row: 3, column: 'BilledCost', value: '12,5', message: 'is no number' }],
  problemCount: 1,
  dataSourceIds: [S],
  failedAt: NOON,
};
const ofImport = { importId: I, tenantId: D, rootId: D };
const requested: ImportEvent = { type: 'ImportRequested', data: wanted };
const finished: ImportEvent = { type: 'ImportFinished', data: { ...ofImport, ...outcome } };
const failed: ImportEvent = { type: 'ImportFailed', data: { ...ofImport, ...failure } };
const cancelled: ImportEvent = { type: 'ImportCancelled', data: { ...ofImport, cancelledAt: NOON } };

describe('an import', () => {
  it('is requested once', () => {
    given(importing).when(request(wanted)).then(requested);
    given(importing, requested).when(request(wanted)).thenNothing();
  });

  it('finishes, fails or is cancelled', () => {
    given(importing, requested).when(finish(outcome)).then(finished);
    given(importing, requested).when(fail(failure)).then(failed);
    given(importing, requested).when(cancel(NOON)).then(cancelled);
  });

  it.each([
    ['finished', finished],
    ['failed', failed],
    ['cancelled', cancelled],
  ])('stays as it is once it is %s', (_, end) => {
    given(importing, requested, end).when(finish(outcome)).thenNothing();
    given(importing, requested, end).when(fail(failure)).thenNothing();
  });

  it('is cancelled before its end only', () => {
    given(importing, requested, cancelled).when(cancel(NOON)).thenNothing();
    given(importing, requested, finished).when(cancel(NOON)).thenRejected('import-already-ended');
    given(importing, requested, failed).when(cancel(NOON)).thenRejected('import-already-ended');
    given(importing).when(cancel(NOON)).thenRejected('import-not-found');
  });
});

describe('which import serves a slice', () => {
  const by = (order: number) => ({ importId: `i${String(order)}` as ImportId, tenantId: D, rootId: D, importedAt: NOON, order });
  const served = (contentHash: string, order: number) =>
    ({ type: 'UsageImported', data: { ...slice(contentHash), ...by(order) } }) as const;

  it('is the first one, then the newest with other content', () => {
    given(usageMonth)
      .when(serve(slice('one'), by(5)))
      .then(served('one', 5));
    given(usageMonth, served('one', 5))
      .when(serve(slice('two'), by(9)))
      .then(served('two', 9));
  });

  it('does not change by the same content again', () => {
    given(usageMonth, served('one', 5))
      .when(serve(slice('one'), by(9)))
      .thenNothing();
  });

  it('goes back to earlier content that is delivered again', () => {
    given(usageMonth, served('one', 5), served('two', 9))
      .when(serve(slice('one'), by(12)))
      .then(served('one', 12));
  });

  it('is not changed by late news of an earlier import', () => {
    given(usageMonth, served('two', 9))
      .when(serve(slice('one'), by(5)))
      .thenNothing();
  });
});

const histories = [
  history<ImportEvent>('ingestion.import-i', requested, finished),
  history<ImportEvent>('ingestion.import-j', { ...requested, data: { ...wanted, importId: 'j' as ImportId } }, {
    ...failed,
    data: { ...failed.data, importId: 'j' as ImportId },
  } as ImportEvent),
];
projectionTwins(imports, histories);

describe('the list of imports', () => {
  it('says how each ended, and of which data sources it was', () => {
    expect(rowsOf(imports, histories)).toMatchObject([
      {
        id: 'i',
        status: 'finished',
        order: 1,
        rows: 2,
        dataSourceIds: ['s'],
        unknownColumns: ['Id'],
        endedAt: NOON,
        problems: [],
      },
      { id: 'j', status: 'failed', order: 3, rows: null, dataSourceIds: ['s'], problemCount: 1, slices: [] },
    ]);
  });
});
