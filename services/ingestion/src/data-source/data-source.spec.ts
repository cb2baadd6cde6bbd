import { describe, expect, it } from '@jest/globals';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { given } from '#libs/event-sourcing/testing/given';
import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type DataSourceEvent } from '#libs/published/ingestion';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Instant } from '#libs/time/time';
import { asRule, change, claimOfAccount, dataSource, register } from './data-source.ts';
import { dataSources } from './data-sources.projection.ts';

const NOON = '2026-02-03T12:00:00.000Z' as Instant;
const S = 's' as DataSourceId;
const PAYER = '111' as ManagementAccountId;
const owner = { id: 'r' as TenantId, path: ['d', 'r'] as TenantId[] };
const settings = { name: 'Payer', scheduleHours: null, ownPublishers: [] };

const registered: DataSourceEvent = {
  type: 'DataSourceRegistered',
  data: { dataSourceId: S, tenantId: owner.id, path: owner.path, managementAccountId: PAYER, ...settings, registeredAt: NOON },
};
const renamed: DataSourceEvent = { type: 'DataSourceChanged', data: { dataSourceId: S, ...settings, name: 'New' } };

describe('a data source', () => {
  it('is registered once', () => {
    given(dataSource)
      .when(register(S, owner, PAYER, settings, NOON))
      .then(registered);
    given(dataSource, registered)
      .when(register(S, owner, PAYER, settings, NOON))
      .thenNothing();
  });

  it('is changed in what is said, and not by what it has already', () => {
    given(dataSource, registered)
      .when(change({ name: 'New' }))
      .then(renamed);
    given(dataSource, registered)
      .when(change({ name: 'Payer', ownPublishers: [] }))
      .thenNothing();
    given(dataSource, registered, renamed)
      .when(change({ scheduleHours: 24 }))
      .then({ type: 'DataSourceChanged', data: { dataSourceId: S, ...settings, name: 'New', scheduleHours: 24 } });
  });

  it('must be there to be changed', () => {
    given(dataSource)
      .when(change({ name: 'New' }))
      .thenRejected('data-source-not-found');
  });

  it('claims its management account in the whole tree', () => {
    expect(claimOfAccount(owner.path, PAYER)).toMatchObject({ scope: 'd', value: '111' });
    expect(claimOfAccount(['d' as TenantId], PAYER)).toMatchObject({ scope: 'd', value: '111' });
  });

  it('answers an account that is taken as a rule, not as a race', () => {
    const taken = new DomainError('conflict', 'management-account-taken', 'taken');
    expect(asRule(taken)).toMatchObject({ refusal: 'rejected', code: 'management-account-taken' });
    const race = new DomainError('conflict', 'lost-race', 'lost');
    expect(asRule(race)).toBe(race);
  });
});

const histories = [history<DataSourceEvent>('ingestion.dataSource-s', registered, renamed)];
projectionTwins(dataSources, histories);

describe('the list of data sources', () => {
  it('shows what each is by now', () => {
    expect(rowsOf(dataSources, histories)).toMatchObject([{ id: 's', tenantId: 'r', name: 'New', revision: 1 }]);
  });
});
