import { createHash } from 'node:crypto';
import { memberships } from '#libs/access-policy/memberships.projection';
import { type CommandId } from '#libs/event-sourcing/event';
import { type Platform } from '#libs/platform/service';
import { type ReadModels } from '#libs/read-models/read-model';
import { addUser } from './user/add-user.ts';

export const hasAdministrator = async (readModels: ReadModels): Promise<boolean> =>
  (await readModels.of(memberships).find({ filter: { tenantId: 'platform' }, limit: 1 })).total > 0;

/** An operator of the platform, made by whoever owns the data directory: no user stands behind the command. */
export const addAdministrator = async ({ store, clock, newId }: Platform, email: string, password: string): Promise<void> => {
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
