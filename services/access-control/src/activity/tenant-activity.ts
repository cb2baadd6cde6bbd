import { decider } from '#libs/event-sourcing/decider';
import { type TenantActivityEvent } from '#libs/published/acting';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

/** When the tenant's own users were last seen about; null: never. */
export type TenantActivity = Readonly<{ lastAt: Instant | null }>;

/** More often nobody needs to know: what is kept is less than this behind. */
const EVERY_MS = 5 * 60_000;

export const tenantActivity = decider<TenantActivity, TenantActivityEvent, TenantId>(
  'access-control.tenantActivity',
  { lastAt: null },
  (_before, { data }) => ({ lastAt: data.at }),
);

export const isNews = (lastAt: Instant | null | undefined, at: Instant): boolean =>
  lastAt === null || lastAt === undefined || Date.parse(at) - Date.parse(lastAt) >= EVERY_MS;

export const seen =
  (tenantId: TenantId, userId: UserId, at: Instant) =>
  ({ lastAt }: TenantActivity): TenantActivityEvent[] =>
    isNews(lastAt, at) ? [{ type: 'TenantUserActive', data: { tenantId, userId, at } }] : [];
