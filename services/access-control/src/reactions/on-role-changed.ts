import { releaseFormer } from '#libs/event-sourcing/claims';
import { type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { isStreamFact } from '#libs/event-sourcing/stream-facts';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type RoleEvent } from '#libs/published/access-control';
import { claimOfName, customRoleOf } from '../role/role.ts';

const NAME = 'access-control.on-role-changed';

/** Done at once by the request itself, and here when that ended too early. */
export const onRoleChanged = (store: EventStore): Consumer => ({
  name: NAME,
  categories: [customRoleOf.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: (event) => releaseFormerName(store, event),
});

/** Frees the name that a role gave up by this event, or had when it was removed, for others to take. */
export const releaseFormerName = async (store: EventStore, event: Recorded): Promise<void> => {
  if (!isOfRole(event)) return;
  await releaseFormer<RoleEvent>(
    store,
    event,
    ({ type, data }) => (type === 'RoleDefined' ? data.name : null),
    (name) => claimOfName(event.data.tenantId, name),
    (claim) => reactionCommand(NAME, event, claim),
  );
};

const isOfRole = (event: Recorded): event is Recorded<RoleEvent> => !isStreamFact(event);
