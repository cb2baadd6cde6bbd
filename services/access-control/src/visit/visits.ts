import { memberships } from '#libs/access-policy/memberships.projection';
import { type Command } from '#libs/event-sourcing/command';
import { decider } from '#libs/event-sourcing/decider';
import { handle } from '#libs/event-sourcing/handle';
import { type Platform } from '#libs/platform/service';
import { type LoginMethod, type VisitEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { dayOf, monthOf } from '#libs/time/time';
import { type Lockout } from '../login-attempts/lockouts.ts';

/** Nothing is decided by who came before. */
const visits = decider<null, VisitEvent>('access-control.visits', null, () => null);

type Ports = Pick<Platform, 'store' | 'readModels'>;

/** Whoever logs in comes to each tenant that they are a user of. @param command at business time */
export const tellLogin = (platform: Ports, userId: UserId, method: LoginMethod, command: Command): Promise<void> =>
  tellEach(platform, userId, (tenantId) => ({ type: 'UserLoggedIn', data: { tenantId, userId, method } }), command);

/** Whoever logs out goes from each of them, in whose context they may have been at last. @param command at business time */
export const tellLogout = (platform: Ports, userId: UserId, everywhere: boolean, command: Command): Promise<void> =>
  tellEach(platform, userId, (tenantId) => ({ type: 'UserLoggedOut', data: { tenantId, userId, everywhere } }), {
    ...command,
    principal: { id: userId },
  });

/** Whoever is locked out is kept out of each of them. @param command at business time */
export const tellLockout = (platform: Ports, { userId, until }: Lockout, command: Command): Promise<void> =>
  tellEach(platform, userId, (tenantId) => ({ type: 'UserLockedOut', data: { tenantId, userId, until } }), command);

const tellEach = async (
  platform: Ports,
  userId: UserId,
  visitOf: (tenantId: TenantId) => VisitEvent,
  command: Command,
): Promise<void> => {
  const held = await platform.readModels.of(memberships).all({ userId, enabled: true });
  const tenantIds = held.flatMap(({ tenantId }) => (tenantId === 'platform' ? [] : [tenantId]));
  await Promise.all(tenantIds.map((tenantId) => tell(platform, visitOf(tenantId), { ...command, tenant: tenantId })));
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
