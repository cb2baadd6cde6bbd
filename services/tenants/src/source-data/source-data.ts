import { decider } from '#libs/event-sourcing/decider';
import { type TenantId } from '#libs/published/ids';
import { type HealthStatus } from '#libs/published/ingestion';
import { type SourceDataEvent } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';

/** `own` is of the sources that the tenant owns or that serve its accounts, `status` of these and everybody's below. */
export type SourceData = Readonly<{ own: HealthStatus; status: HealthStatus }>;

export const sourceData = decider<SourceData, SourceDataEvent, TenantId>(
  'tenants.sourceData',
  { own: 'Not available', status: 'Not available' },
  (_before, { data: { own, status } }) => ({ own, status }),
);

/** The worst first: what a roll-up shows as soon as one has it. One that is not available masks nothing. */
export const HEALTH_STATUSES = ['Failed', 'Warning', 'Success', 'Not available'] as const satisfies readonly HealthStatus[];

export const worstOf = (statuses: readonly HealthStatus[]): HealthStatus =>
  HEALTH_STATUSES.find((status) => statuses.includes(status)) ?? 'Not available';

export const isWorse = (one: HealthStatus, than: HealthStatus): boolean =>
  HEALTH_STATUSES.indexOf(one) < HEALTH_STATUSES.indexOf(than);

/** Says it only where it is not what was said last. */
export const rollUp =
  (
    { id: tenantId, path }: Readonly<{ id: TenantId; path: readonly TenantId[] }>,
    { own, status }: SourceData,
    rolledUpAt: Instant,
  ) =>
  (before: SourceData): SourceDataEvent[] =>
    before.own === own && before.status === status
      ? []
      : [{ type: 'SourceDataRolledUp', data: { tenantId, path, status, own, rolledUpAt } }];
