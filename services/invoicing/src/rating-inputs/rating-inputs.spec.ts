import { describe, expect, it } from '@jest/globals';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type StreamFact } from '#libs/event-sourcing/stream-facts';
import { type ContractsEvent, type ContractStatus } from '#libs/published/contracts';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { type DataSourceEvent, type UsageMonthEvent } from '#libs/published/ingestion';
import { type AutoAssignmentEvent, type LinkedAccountEvent, type TenantEvent } from '#libs/published/tenants';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Day, type Instant, type Month } from '#libs/time/time';
import { terms } from '../rating/testing/scenario.ts';
import { contractInputs } from './contracts.projection.ts';
import { autoAssignmentInputs, linkInputs } from './links.projection.ts';
import { tenantInputs } from './tenants.projection.ts';
import { dataSourceInputs, usageMonthInputs } from './usage.projection.ts';

const [d1, c1, c2] = ['d1', 'c1', 'c2'] as TenantId[] as [TenantId, TenantId, TenantId];
const source = 'source-1' as DataSourceId;
const account = '222' as LinkedAccountId;
const payer = '111' as ManagementAccountId;
const now = '2026-01-10T00:00:00.000Z' as Instant;
const accepted = { type: 'CommandAccepted', data: {} } as const;
const on = (text: string): Day => text as Day;

describe('tenants as rating reads them', () => {
  const registered = tenantRegistered([d1, c1], { tier: 'endCustomer', name: 'C1' });

  it('carry their place in the tree and count every change', () => {
    const renamed: TenantEvent = {
      type: 'TenantProfileChanged',
      data: { tenantId: c1, path: [d1, c1], name: 'New', customerCode: null, primaryDomain: null },
    };
    expect(rowsOf(tenantInputs, [history<TenantEvent>('tenants.tenant-c1', registered, accepted, renamed)])).toEqual([
      { id: c1, rootId: d1, path: [d1, c1], tier: 'endCustomer', name: 'New', currency: 'USD', changes: 3 },
    ]);
  });
});

describe('links as rating reads them', () => {
  const ids = { dataSourceId: source, managementAccountId: payer, accountId: account, rootId: d1 };
  const linked = (tenantId: TenantId, from: Day | null, to: Day | null): LinkedAccountEvent => ({
    type: 'LinkedAccountLinked',
    data: { ...ids, tenantId, path: [d1, tenantId], from, to, takenFrom: [] },
  });
  const linksAfter = (...events: readonly LinkedAccountEvent[]) =>
    rowsOf(linkInputs, [history<LinkedAccountEvent>(`tenants.linkedAccount-${source}~${account}`, ...events)])[0];

  it('give the days of a new link to its tenant and leave the others as they were', () => {
    const row = linksAfter(linked(c1, null, null), linked(c2, on('2026-01-16'), on('2026-01-20')));
    expect(row?.links.map(({ tenantId, from, to }) => [tenantId, from, to])).toEqual([
      [c1, null, '2026-01-16'],
      [c2, '2026-01-16', '2026-01-20'],
      [c1, '2026-01-20', null],
    ]);
    expect(row).toMatchObject({ rootId: d1, changes: 2, dataSourceId: source, accountId: account });
  });

  it('end with an unlinking, and only the links of the tenant that it names', () => {
    const unlinked: LinkedAccountEvent = {
      type: 'LinkedAccountUnlinked',
      data: { ...ids, tenantId: c1, from: on('2026-01-10') },
    };
    expect(
      linksAfter(linked(c1, null, on('2026-01-16')), linked(c2, on('2026-01-16'), null), unlinked)?.links.map(
        ({ tenantId, from, to }) => [tenantId, from, to],
      ),
    ).toEqual([
      [c1, null, '2026-01-10'],
      [c2, '2026-01-16', null],
    ]);
  });
});

describe('automatic links as rating reads them', () => {
  const ids = { dataSourceId: source, managementAccountId: payer, rootId: d1 };
  const turnedOn = (tenantId: TenantId, from: Day | null, ...exclude: string[]): AutoAssignmentEvent => ({
    type: 'AutoAssignmentTurnedOn',
    data: { ...ids, tenantId, path: [d1, tenantId], from, exclude },
  });
  const turnedOff = (tenantId: TenantId, from: Day): AutoAssignmentEvent => ({
    type: 'AutoAssignmentTurnedOff',
    data: { ...ids, tenantId, from },
  });

  it('change their patterns from a day on and end on another', () => {
    const events = [
      turnedOn(c1, null),
      turnedOn(c1, on('2026-01-05'), '*SP*'),
      turnedOff(c1, on('2026-01-20')),
      turnedOn(c2, on('2026-01-20')),
    ];
    const [row] = rowsOf(autoAssignmentInputs, [history<AutoAssignmentEvent>(`tenants.autoAssignment-${source}`, ...events)]);
    expect(row?.autoAssignments).toEqual([
      { dataSourceId: source, tenantId: c1, exclude: [], from: null, to: '2026-01-05' },
      { dataSourceId: source, tenantId: c1, exclude: ['*SP*'], from: '2026-01-05', to: '2026-01-20' },
      { dataSourceId: source, tenantId: c2, exclude: [], from: '2026-01-20', to: null },
    ]);
    expect(row?.changes).toBe(4);
  });
});

describe('data sources and their usage as rating reads them', () => {
  it('know the owner and its root', () => {
    const registered = {
      type: 'DataSourceRegistered',
      data: {
        dataSourceId: source,
        tenantId: c1,
        path: [d1, c1],
        managementAccountId: payer,
        name: 'Payer',
        scheduleHours: null,
        ownPublishers: [],
        registeredAt: now,
      },
    } as DataSourceEvent;
    expect(rowsOf(dataSourceInputs, [history<DataSourceEvent>(`ingestion.dataSource-${source}`, registered)])).toEqual([
      expect.objectContaining({ id: source, rootId: d1, ownerId: c1, managementAccountId: payer, changes: 1 }),
    ]);
  });

  it('serve the last import of a slice', () => {
    const imported = (importId: string): UsageMonthEvent => ({
      type: 'UsageImported',
      data: {
        dataSourceId: source,
        managementAccountId: payer,
        month: '2026-01' as Month,
        files: [{ path: `${importId}.parquet`, sha256: 'a', rows: 1 }],
        rows: 1,
        billedCost: [],
        contentHash: importId,
        accounts: [{ accountId: account, name: 'prod', firstDay: on('2026-01-01'), lastDay: on('2026-01-31') }],
        importId: importId as ImportId,
        tenantId: c1,
        rootId: d1,
        importedAt: now,
      },
    });
    expect(
      rowsOf(usageMonthInputs, [
        history<UsageMonthEvent>(`ingestion.usageMonth-${source}~2026-01`, imported('first'), imported('second')),
      ]),
    ).toEqual([
      expect.objectContaining({
        id: `${source}~2026-01`,
        rootId: d1,
        month: '2026-01',
        importId: 'second',
        changes: 2,
        files: [{ path: 'second.parquet', sha256: 'a', rows: 1 }],
      }),
    ]);
  });
});

describe('contracts as rating reads them', () => {
  const ids = (id: string) => ({ tenantId: c1, rootId: d1, contractId: id as ContractId });
  const drafted = (id = 'k1'): ContractsEvent => ({
    type: 'ContractDrafted',
    data: { ...ids(id), path: [d1, c1], tier: 'T3', terms: terms({ name: id }), draftedAt: now },
  });
  const became = (from: ContractStatus, to: ContractStatus, effectiveFrom = '2026-01-10', id = 'k1'): ContractsEvent => ({
    type: 'ContractStatusChanged',
    data: { ...ids(id), from, to, effectiveFrom: on(effectiveFrom), reason: '', changedAt: now },
  });
  const after = (...events: readonly (ContractsEvent | StreamFact)[]) =>
    rowsOf(contractInputs, [history<ContractsEvent>('contracts.tenantContracts-c1', ...events)])[0];

  it('do not cover anything as drafts', () => {
    expect(after(drafted())).toEqual({ id: c1, rootId: d1, changes: 1, contracts: [] });
  });

  it('cover once they are active or scheduled, whatever comes later', () => {
    expect(after(drafted(), became('draft', 'scheduled'))?.contracts).toHaveLength(1);
    expect(after(drafted(), became('draft', 'active'), became('active', 'expired'))?.contracts).toEqual([
      expect.objectContaining({ id: 'k1', endedOn: null }),
    ]);
    expect(after(drafted(), became('draft', 'expired'))?.contracts).toHaveLength(1);
  });

  it('no longer cover when they are set back to draft', () => {
    expect(after(drafted(), became('draft', 'scheduled'), became('scheduled', 'draft'))?.contracts).toEqual([]);
  });

  it('end where a cancellation or superseding takes effect', () => {
    expect(after(drafted(), became('draft', 'active'), became('active', 'cancelled', '2026-01-01'))?.contracts).toEqual([
      expect.objectContaining({ endedOn: '2026-01-01' }),
    ]);
    expect(after(drafted(), became('draft', 'active'), became('active', 'superseded', '2026-02-01'))?.contracts).toEqual([
      expect.objectContaining({ endedOn: '2026-02-01' }),
    ]);
  });

  it('cover nothing when they are cancelled as drafts', () => {
    expect(after(drafted(), became('draft', 'cancelled'))?.contracts).toEqual([]);
  });

  it('list their versions in the order they were saved, the first from the start on', () => {
    const saved: ContractsEvent = {
      type: 'ContractVersionSaved',
      data: {
        ...ids('k1'),
        version: 2,
        effectiveFrom: on('2026-02-01'),
        terms: terms({ name: 'second' }),
        savedAt: now,
        reason: 'saved',
      },
    };
    const row = after(drafted(), drafted('k2'), became('draft', 'active'), saved, accepted);
    expect(
      row?.contracts[0]?.versions.map(({ version, effectiveFrom, terms: { name } }) => [version, effectiveFrom, name]),
    ).toEqual([
      [1, '2026-01-01', 'k1'],
      [2, '2026-02-01', 'second'],
    ]);
    expect(row?.changes).toBe(4);
  });
});
