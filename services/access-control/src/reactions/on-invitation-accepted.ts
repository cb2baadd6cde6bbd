import { membershipId } from '#libs/access-policy/memberships.projection';
import { type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type InvitationEvent } from '#libs/published/access-control';
import { invitation } from '../invitation/invitation.ts';
import { grant, membership } from '../membership/membership.ts';

const NAME = 'access-control.on-invitation-accepted';

/** What whoever accepted was promised; done at once by the request itself, and here when that ended too early. */
export const onInvitationAccepted = (store: EventStore): Consumer => ({
  name: NAME,
  categories: [invitation.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (isAccepted(event)) await grantAccepted(store, event);
  },
});

type Accepted = Recorded & Extract<InvitationEvent, { type: 'InvitationAccepted' }>;

export const isAccepted = (event: Recorded): event is Accepted => event.type === 'InvitationAccepted';

/** Once, whoever does it and how often. Somebody who has become a member meanwhile stays what they are. */
export const grantAccepted = async (store: EventStore, event: Accepted): Promise<void> => {
  const { tenantId, invitationId, userId } = event.data;
  const { state } = await present(store, invitation, invitationId);
  if (!state) throw new Error('an invitation was accepted that nobody sent');
  const { role, extras, childTenantRole } = state;
  const id = membershipId(tenantId, userId);
  const command = reactionCommand(NAME, event, membership.stream(id));
  const granting = grant(tenantId, userId, { role, extras, childTenantRole });
  await handle(store, membership, id, (before) => (before.role === null ? granting(before) : []), { command });
};
