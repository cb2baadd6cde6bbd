import { describe, expect, it } from '@jest/globals';
import { type DataSourceId, type ManagementAccountId, type TenantId } from '#libs/published/ids';
import { type AutoAssignmentEvent } from '#libs/published/tenants';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { type Day } from '#libs/time/time';
import { autoAssignments } from './auto-assignments.projection.ts';

const identity = (tenantId: string) => ({
  dataSourceId: 's' as DataSourceId,
  managementAccountId: 'payer' as ManagementAccountId,
  tenantId: tenantId as TenantId,
  rootId: 'r' as TenantId,
});
const on = (tenant: string, from: string | null, ...exclude: string[]): AutoAssignmentEvent => ({
  type: 'AutoAssignmentTurnedOn',
  data: { ...identity(tenant), path: ['r', tenant] as TenantId[], from: from as Day | null, exclude },
});
const off = (tenant: string, from: string): AutoAssignmentEvent => ({
  type: 'AutoAssignmentTurnedOff',
  data: { ...identity(tenant), from: from as Day },
});

const EVENTS = [on('c1', null, 'a*'), on('c1', '2026-01-10', 'b*'), off('c1', '2026-02-01'), on('c2', '2026-02-01')];

projectionTwins(autoAssignments, [history('tenants.autoAssignment-s', ...EVENTS)]);

describe('the automatic links of a data source', () => {
  it('say who takes in accounts on which days, with which patterns', () => {
    const [row] = rowsOf(autoAssignments, [history('tenants.autoAssignment-s', ...EVENTS)]);
    expect(row?.holdings.map(({ from, to, holder }) => [holder.id, from, to, ...holder.exclude])).toEqual([
      ['c1', null, '2026-01-10', 'a*'],
      ['c1', '2026-01-10', '2026-02-01', 'b*'],
      ['c2', '2026-02-01', null],
    ]);
    expect(row).toMatchObject({ id: 's', holders: ['c1', 'c2'], within: ['r', 'c1', 'c2'] });
  });
});
