import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type DataSourceId, type TenantId } from '#libs/published/ids';
import { type HealthStatus, type SourceHealthEvent } from '#libs/published/ingestion';
import { type Instant } from '#libs/time/time';
import { judge, sourceHealth } from './source-health.ts';

const source = { id: 's' as DataSourceId, tenantId: 'r' as TenantId, path: ['d', 'r'] as TenantId[] };
const NOW = '2026-01-20T10:00:00.000Z' as Instant;
const told = (status: HealthStatus, statusBelow = status): SourceHealthEvent => ({
  type: 'SourceHealthChanged',
  data: { dataSourceId: source.id, tenantId: source.tenantId, path: source.path, status, statusBelow, changedAt: NOW },
});

describe('the health of a data source', () => {
  it('is told when it is judged for the first time, and when it changes for anybody', () => {
    given(sourceHealth)
      .when(judge(source, 'Not available', 'Not available', NOW))
      .then(told('Not available'));
    given(sourceHealth, told('Success'))
      .when(judge(source, 'Warning', 'Success', NOW))
      .then(told('Warning', 'Success'));
    given(sourceHealth, told('Warning'))
      .when(judge(source, 'Warning', 'Success', NOW))
      .then(told('Warning', 'Success'));
  });

  it('is not told again while it stays', () => {
    given(sourceHealth, told('Warning', 'Success'))
      .when(judge(source, 'Warning', 'Success', NOW))
      .thenNothing();
  });
});
