import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type SourceDataEvent } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';
import { isWorse, rollUp, sourceData, worstOf } from './source-data.ts';

const owner = { id: 'r' as TenantId, path: ['d', 'r'] as TenantId[] };
const NOW = '2026-01-20T10:00:00.000Z' as Instant;
const rolledUp = (own: HealthStatus, status: HealthStatus): SourceDataEvent => ({
  type: 'SourceDataRolledUp',
  data: { tenantId: owner.id, path: owner.path, status, own, rolledUpAt: NOW },
});

describe('the source data of a tenant and everybody below it', () => {
  it.each<[HealthStatus[], HealthStatus]>([
    [['Success', 'Failed', 'Warning'], 'Failed'],
    [['Success', 'Warning', 'Not available'], 'Warning'],
    [['Not available', 'Success'], 'Success'],
    [['Not available'], 'Not available'],
    [[], 'Not available'],
  ])('%j is %s', (statuses, worst) => {
    expect(worstOf(statuses)).toBe(worst);
  });

  it('gets worse from not available to failed', () => {
    expect(isWorse('Failed', 'Warning') && isWorse('Warning', 'Success') && isWorse('Success', 'Not available')).toBe(true);
    expect(isWorse('Success', 'Success') || isWorse('Not available', 'Failed')).toBe(false);
  });

  it('is told when it changes, and only then', () => {
    const healthy = { own: 'Not available', status: 'Success' } as const;
    given(sourceData)
      .when(rollUp(owner, healthy, NOW))
      .then(rolledUp('Not available', 'Success'));
    given(sourceData, rolledUp('Not available', 'Success'))
      .when(rollUp(owner, healthy, NOW))
      .thenNothing();
    given(sourceData)
      .when(rollUp(owner, { own: 'Not available', status: 'Not available' }, NOW))
      .thenNothing();
  });
});
