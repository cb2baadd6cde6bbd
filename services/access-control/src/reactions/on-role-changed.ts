import { claimStream, release } from '#libs/event-sourcing/claims';
import { type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { isStreamFact, type StreamFact } from '#libs/event-sourcing/stream-facts';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type RoleEvent } from '#libs/published/access-control';
import { claimOfName, customRoleOf, sameName } from '../role/role.ts';

const NAME = 'access-control.on-role-changed';

/** Done at once by the request itself, and here when that ended too early. */
export const onRoleChanged = (store: EventStore): Consumer => ({
  name: NAME,
  categories: [customRoleOf.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: (event) => releaseFormerName(store, event),
});

/** Frees the name that a role gave up by this event, or had when it was removed, for others to take. Once, however often. */
export const releaseFormerName = async (store: EventStore, event: Recorded): Promise<void> => {
  if (isStreamFact(event)) return;
  const { type, data } = event as Recorded<RoleEvent>;
  const { events } = await store.read<RoleEvent | StreamFact>(event.stream, { upTo: event.revision - 1 });
  const past = events.filter(isDefinition);
  const former = past.at(-1);
  if (!former || (type === 'RoleDefined' && sameName(former.data.name, data.name))) return;
  // The command that brought the name claimed it; those after it that kept the name claimed nothing.
  const since = past.findLastIndex((one) => !sameName(one.data.name, former.data.name)) + 1;
  const claimedBy = (past[since] ?? former).metadata.commandId;
  const claim = claimOfName(former.data.tenantId, former.data.name);
  await release(store, claim, event.stream, claimedBy, reactionCommand(NAME, event, claimStream(claim)));
};

const isDefinition = (event: Recorded<RoleEvent | StreamFact>): event is Recorded<Extract<RoleEvent, { type: 'RoleDefined' }>> =>
  event.type === 'RoleDefined';
