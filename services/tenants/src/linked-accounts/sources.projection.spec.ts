import { describe, expect, it } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { sliceAccounts, sourceOwners } from './sources.projection.ts';

const imported = (...accounts: string[]): DomainEvent => ({
  type: 'UsageImported',
  data: { dataSourceId: 's', month: '2026-01', accounts: accounts.map((accountId) => ({ accountId, name: null })) },
});

const registered: DomainEvent = {
  type: 'DataSourceRegistered',
  data: { dataSourceId: 's', tenantId: 'r', path: ['d', 'r'], managementAccountId: 'payer', name: 'Payer' },
};
const changed: DomainEvent = { type: 'DataSourceChanged', data: { dataSourceId: 's', name: 'Another' } };

projectionTwins(sourceOwners, [history('ingestion.dataSource-s', registered, changed)]);
projectionTwins(sliceAccounts, [history('ingestion.usageMonth-s~2026-01', imported('a', 'b'), imported('b', 'c'))]);

describe('the data sources', () => {
  it('keep owner and management account when they are changed', () => {
    expect(rowsOf(sourceOwners, [history('ingestion.dataSource-s', registered, changed)])).toEqual([
      expect.objectContaining({ id: 's', ownerId: 'r', managementAccountId: 'payer', path: ['d', 'r'], status: 'Not available' }),
    ]);
  });
});

describe('the accounts that usage has shown', () => {
  it('are those of the import that serves: an account that a corrected file no longer has is gone', () => {
    const [row] = rowsOf(sliceAccounts, [history('ingestion.usageMonth-s~2026-01', imported('a', 'b'), imported('b', 'c'))]);
    expect(row).toMatchObject({ id: 's~2026-01', accounts: [{ accountId: 'b' }, { accountId: 'c' }] });
  });
});
