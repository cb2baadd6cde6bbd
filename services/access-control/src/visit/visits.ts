import { memberships } from '#libs/access-policy/memberships.projection';
import { type Command } from '#libs/event-sourcing/command';
import { decider } from '#libs/event-sourcing/decider';
import { handle } from '#libs/event-sourcing/handle';
import { type Platform } from '#libs/platform/service';
import { type LoginMethod, type VisitEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { dayOf, monthOf } from '#libs/time/time';

/** Nothing is decided by who came before. */
const visits = decider<null, VisitEvent>('access-control.visits', null, () => null);

/** Whoever logs in comes to each tenant that they are a user of. @param command at business time */
export const tellLogin = async (
  platform: Pick<Platform, 'store' | 'readModels'>,
  userId: UserId,
  method: LoginMethod,
  command: Command,
): Promise<void> => {
  const held = await platform.readModels.of(memberships).all({ userId, enabled: true });
  const tenantIds = held.flatMap(({ tenantId }) => (tenantId === 'platform' ? [] : [tenantId]));
  await Promise.all(
    tenantIds.map((tenantId) =>
      tell(platform, { type: 'UserLoggedIn', data: { tenantId, userId, method } }, { ...command, tenant: tenantId }),
    ),
  );
};

/** Whoever switches into a tenant comes to it, too. */
export const tellSwitch = (
  platform: Pick<Platform, 'store'>,
  tenantId: TenantId,
  userId: UserId,
  command: Command,
): Promise<void> => tell(platform, { type: 'UserSwitchedIn', data: { tenantId, userId } }, command);

/** By month, which keeps the streams short. */
const tell = async ({ store }: Pick<Platform, 'store'>, visit: VisitEvent, command: Command): Promise<void> => {
  const { tenantId, userId } = visit.data;
  const id = `${tenantId}~${userId}~${monthOf(dayOf(command.time))}`;
  await handle(store, visits, id, () => [visit], { command });
};
