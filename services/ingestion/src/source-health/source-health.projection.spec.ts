import { describe, expect, it } from '@jest/globals';
import {
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { type UsageMonthEvent } from '#libs/published/ingestion';
import { type AutoAssignmentEvent, type LinkedAccountEvent } from '#libs/published/tenants';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { day, type Instant, month } from '#libs/time/time';
import { accountLinks, automaticLinks, usedAccounts } from './source-health.projection.ts';

const S = 's' as DataSourceId;
const NOON = '2026-01-15T12:00:00.000Z' as Instant;
const PAYER = 'payer' as ManagementAccountId;
const pathOf = (id: string): TenantId[] => ['r', id] as TenantId[];

const held = (tenant: string) => ({
  dataSourceId: S,
  managementAccountId: PAYER,
  tenantId: tenant as TenantId,
  rootId: 'r' as TenantId,
});
const turnedOn = (tenant: string, from: string | null, ...exclude: string[]): AutoAssignmentEvent => ({
  type: 'AutoAssignmentTurnedOn',
  data: { ...held(tenant), path: pathOf(tenant), from: from === null ? null : day(from), exclude },
});
const turnedOff = (tenant: string, from: string): AutoAssignmentEvent => ({
  type: 'AutoAssignmentTurnedOff',
  data: { ...held(tenant), from: day(from) },
});
const accepted = { type: 'CommandAccepted', data: {} } as const;

const automaticHistories = [
  history<AutoAssignmentEvent>(
    'tenants.autoAssignment-s',
    turnedOn('a', null, '*SP*'),
    accepted,
    turnedOff('a', '2026-01-10'),
    turnedOn('b', '2026-02-01'),
    turnedOn('b', '2026-03-01', 'x*'),
  ),
];
projectionTwins(automaticLinks, automaticHistories);

describe('the automatic links of a data source', () => {
  it('say who takes in accounts on which days, but for which patterns', () => {
    expect(rowsOf(automaticLinks, automaticHistories)).toEqual([
      {
        id: 's',
        holdings: [
          { from: null, to: '2026-01-10', holder: { id: 'a', path: pathOf('a'), exclude: ['*SP*'] } },
          { from: '2026-02-01', to: '2026-03-01', holder: { id: 'b', path: pathOf('b'), exclude: [] } },
          { from: '2026-03-01', to: null, holder: { id: 'b', path: pathOf('b'), exclude: ['x*'] } },
        ],
        holders: ['r', 'a', 'b'],
      },
    ]);
  });
});

const account = (accountId: string) => ({ accountId: accountId as LinkedAccountId });
const linked = (accountId: string, tenant: string, from: string | null, to: string | null = null): LinkedAccountEvent => ({
  type: 'LinkedAccountLinked',
  data: {
    ...held(tenant),
    ...account(accountId),
    path: pathOf(tenant),
    from: from === null ? null : day(from),
    to: to === null ? null : day(to),
    takenFrom: [],
  },
});
const unlinked = (accountId: string, tenant: string, from: string): LinkedAccountEvent => ({
  type: 'LinkedAccountUnlinked',
  data: { ...held(tenant), ...account(accountId), from: day(from) },
});

const linkHistories = [
  history<LinkedAccountEvent>('tenants.linkedAccount-s~1', linked('1', 'a', null), linked('1', 'b', '2026-01-10', '2026-01-20')),
  history<LinkedAccountEvent>('tenants.linkedAccount-s~2', linked('2', 'b', null), accepted, unlinked('2', 'b', '2026-02-01')),
  history<LinkedAccountEvent>('tenants.linkedAccount-s~1', unlinked('1', 'a', '2026-03-01')),
];
projectionTwins(accountLinks, linkHistories);

describe('the explicit links of an account', () => {
  it('say whose it is on which days', () => {
    const held = rowsOf(accountLinks, linkHistories).map(({ id, holders, holdings }) => [
      id,
      holders,
      holdings.map(({ holder, from, to }) => [holder.id, from, to]),
    ]);
    expect(held).toEqual([
      [
        's~1',
        ['r', 'a', 'b'],
        [
          ['a', null, '2026-01-10'],
          ['b', '2026-01-10', '2026-01-20'],
          ['a', '2026-01-20', '2026-03-01'],
        ],
      ],
      ['s~2', ['r', 'b'], [['b', null, '2026-02-01']]],
    ]);
  });
});

const usage = (ofMonth: string, importId: string, contentHash: string, ...accounts: string[]): UsageMonthEvent => ({
  type: 'UsageImported',
  data: {
    dataSourceId: S,
    managementAccountId: PAYER,
    month: month(ofMonth),
    files: [],
    rows: accounts.length,
    billedCost: [],
    contentHash,
    accounts: accounts.map((id) => ({
      ...account(id),
      name: null,
      firstDay: day(`${ofMonth}-01`),
      lastDay: day(`${ofMonth}-02`),
    })),
    importId: importId as ImportId,
    tenantId: 'r' as TenantId,
    rootId: 'r' as TenantId,
    importedAt: NOON,
  },
});

const sliceHistories = [
  history<UsageMonthEvent>(
    'ingestion.usageMonth-s~2025-12',
    usage('2025-12', 'i1', 'one', '1'),
    usage('2025-12', 'i2', 'two', '2'),
  ),
  history<UsageMonthEvent>(
    'ingestion.usageMonth-s~2026-01',
    usage('2026-01', 'i1', 'one', '1'),
    usage('2026-01', 'i3', 'one', '1'),
  ),
];
projectionTwins(usedAccounts, sliceHistories);

describe('the usage that serves a month', () => {
  it('is that of the last import, with its accounts, and restates only by other content', () => {
    const rows = rowsOf(usedAccounts, sliceHistories).map(({ id, importId, accounts, restates }) => [
      id,
      importId,
      accounts.map(({ accountId }) => accountId),
      restates,
    ]);
    expect(rows).toEqual([
      ['s~2025-12', 'i2', ['2'], true],
      ['s~2026-01', 'i3', ['1'], false],
    ]);
  });
});
