import { v5 as uuidv5 } from 'uuid';
import { memberships } from '#libs/access-policy/memberships.projection';
import { ownMembership } from '#libs/access-policy/own';
import { type Recorded } from '#libs/event-sourcing/event';
import { present } from '#libs/event-sourcing/handle';
import { type Letter, type Mail } from '#libs/mail/mail';
import { type Consumer } from '#libs/messaging/consumer';
import { type Platform } from '#libs/platform/service';
import { type DelegatedAccessEvent } from '#libs/published/acting';
import { delegatedAccess } from '../delegated-access/delegated-access.ts';
import { type UserRow } from '../user-list/user-list.projection.ts';
import { adminsOf, personOf, tenantOf } from './addressees.ts';

type Requested = Extract<DelegatedAccessEvent, { type: 'DelegatedAccessRequested' }>['data'];

/**
 * Tells the tenant's own Admins that somebody asks for access, which nobody but them can give; no longer once it is answered or
 * withdrawn. A redelivered event sends the same letters again.
 */
export const onDelegatedAccessRequested = (
  { store, readModels }: Pick<Platform, 'store' | 'readModels'>,
  mail: Mail,
): Consumer => ({
  name: 'access-control.on-delegated-access-requested',
  categories: [delegatedAccess.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isRequested(event)) return;
    const { delegatedAccessId, tenantId, userId, memberOf } = event.data;
    const { state } = await present(store, delegatedAccess, delegatedAccessId);
    if (state?.status !== 'requested') return;
    const { name, path } = await tenantOf(readModels, tenantId);
    const about = {
      tenant: name,
      user: await personOf(readModels, userId),
      from: memberOf === 'platform' ? 'the platform' : (await tenantOf(readModels, memberOf)).name,
    };
    for (const id of await adminsOf(readModels, tenantId)) {
      // An Admin who is of a tenant above, too, does not decide, and may not even know who asks.
      const held = await readModels.of(memberships).all({ userId: id, enabled: true });
      if (!ownMembership({ memberships: held }, path)) continue;
      await mail.send(letterOf(uuidv5(id, event.eventId), await personOf(readModels, id), about, event.data));
    }
  },
});

const isRequested = (event: Recorded): event is Recorded & Readonly<{ type: 'DelegatedAccessRequested'; data: Requested }> =>
  event.type === 'DelegatedAccessRequested';

type About = Readonly<{ tenant: string; user: UserRow; from: string }>;

const letterOf = (id: string, to: UserRow, { tenant, user, from }: About, { role, hours, reason }: Requested): Letter => ({
  id,
  to: to.email,
  subject: `${user.name} asks for access to ${tenant}`,
  text: `Hello ${to.name},

${user.name} (${user.email}) of ${from} asks for access to ${tenant}
as ${role} for ${String(hours)} ${hours === 1 ? 'hour' : 'hours'}. The reason given is:

${reason}

Nothing is granted unless one of the Admins of ${tenant} approves it. Its hours begin then, and you can end it at any time.
`,
});
