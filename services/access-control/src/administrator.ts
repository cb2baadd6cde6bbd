import { createHash } from 'node:crypto';
import { memberships } from '#libs/access-policy/memberships.projection';
import { type CommandId, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Platform } from '#libs/platform/service';
import { type MembershipEvent } from '#libs/published/access-control';
import { type ReadModels } from '#libs/read-models/read-model';
import { membership } from './membership/membership.ts';
import { addUser } from './user/add-user.ts';

export const hasAdministrator = async (readModels: ReadModels): Promise<boolean> =>
  (await readModels.of(memberships).find({ filter: { tenantId: 'platform' }, limit: 1 })).total > 0;

/** The same from the log alone, where the read models are elsewhere. */
export const hasAdministratorInLog = async (store: EventStore): Promise<boolean> => {
  const administrators = new Set<string>();
  const enough = new AbortController();
  for await (const event of store.subscribe([membership.category], 'start', enough.signal)) {
    if (event === 'caught-up') break;
    const { stream, type, data } = event as Recorded<MembershipEvent>;
    if (data.tenantId !== 'platform') continue;
    if (type === 'MembershipGranted') administrators.add(stream);
    else administrators.delete(stream);
  }
  enough.abort();
  return administrators.size > 0;
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
