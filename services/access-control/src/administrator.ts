import { createHash } from 'node:crypto';
import { memberships } from '#libs/access-policy/memberships.projection';
import { userAccess } from '#libs/access-policy/user-access.projection';
import { categoryOf, type CommandId, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { isStreamFact } from '#libs/event-sourcing/stream-facts';
import { type Platform } from '#libs/platform/service';
import { type MembershipEvent, type UserAccessEvent } from '#libs/published/access-control';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Membership, membership } from './membership/membership.ts';
import { addUser } from './user/add-user.ts';
import { userAccessOf } from './user-access/user-access.ts';

/** One who can log in: whoever owns the data directory may make another one where all were shut out. */
export const hasAdministrator = async (readModels: ReadModels): Promise<boolean> => {
  const held = await readModels.of(memberships).all({ tenantId: 'platform', enabled: true });
  const access = await Promise.all(held.map(({ userId }) => readModels.of(userAccess).get(userId)));
  return access.some((one) => one?.open === true);
};

/** The same from the log alone, where the read models are elsewhere. */
export const hasAdministratorInLog = async (store: EventStore): Promise<boolean> => {
  const held = new Map<string, Membership>();
  const open = new Set<string>();
  const enough = new AbortController();
  for await (const event of store.subscribe([membership.category, userAccessOf.category], 'start', enough.signal)) {
    if (event === 'caught-up') break;
    if (isStreamFact(event)) continue;
    if (categoryOf(event.stream) === userAccessOf.category) {
      const { type, data } = event as Recorded<UserAccessEvent>;
      if (type === 'AccessOpened') open.add(data.userId);
      if (type === 'AccessClosed') open.delete(data.userId);
      continue;
    }
    const changed = event as Recorded<MembershipEvent>;
    const { tenantId, userId } = changed.data;
    if (tenantId !== 'platform') continue;
    held.set(userId, membership.evolve(held.get(userId) ?? membership.initial, changed, changed.revision));
  }
  enough.abort();
  return [...held].some(([userId, { role, enabled }]) => role !== null && enabled && open.has(userId));
};

/** An operator of the platform, made by whoever owns the data directory: no user stands behind the command. */
export const addAdministrator = async (
  { store, clock, newId }: Pick<Platform, 'store' | 'clock' | 'newId'>,
  email: string,
  password: string,
): Promise<void> => {
  const command = {
    id: newId() as CommandId,
    keyed: false,
    bodyHash: createHash('sha256').update(email).digest('hex'),
    principal: { id: 'create-admin' },
    tenant: null,
    time: clock.now(),
  };
  await addUser(store, { email, name: 'Administrator', password, tenantId: 'platform', role: 'operator' }, command);
};
