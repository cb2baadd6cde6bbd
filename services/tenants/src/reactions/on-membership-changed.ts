import { membershipId, memberships } from '#libs/access-policy/memberships.projection';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { isStreamFact, type StreamFact } from '#libs/event-sourcing/stream-facts';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type MembershipEvent } from '#libs/published/access-control';
import { type ReadModels } from '#libs/read-models/read-model';
import { noteAdmin, onboarding } from '../onboarding/onboarding.ts';
import { tenant } from '../tenant/tenant.ts';

const NAME = 'tenants.on-membership-changed';

/** A tenant's own admins end its onboarding's task, and let an invited customer be listed. */
export const onMembershipChanged = (store: EventStore, readModels: ReadModels): Consumer => ({
  name: NAME,
  categories: ['access-control.membership' as Category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isOfMembership(event)) return;
    const { tenantId, userId } = event.data;
    if (tenantId === 'platform') return;
    const registered = (await present(store, tenant, tenantId)).state;
    if (!registered) return;
    // What the membership is by now: what came after this event says the same again.
    const membership = await readModels.of(memberships).get(membershipId(tenantId, userId));
    const isAdmin = membership?.role === 'admin' && membership.enabled;
    const { state } = await present(store, onboarding, tenantId);
    const noted = noteAdmin(registered, { userId, membershipRevision: event.revision, isAdmin }, event.metadata.time);
    if (noted(state).length === 0) return;
    await handle(store, onboarding, tenantId, noted, { command: reactionCommand(NAME, event, onboarding.stream(tenantId)) });
  },
});

const isOfMembership = (event: Recorded<MembershipEvent | StreamFact> | Recorded): event is Recorded<MembershipEvent> =>
  !isStreamFact(event);
