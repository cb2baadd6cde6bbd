import { claimStream, release } from '#libs/event-sourcing/claims';
import { type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { isStreamFact, type StreamFact } from '#libs/event-sourcing/stream-facts';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type TenantEvent } from '#libs/published/tenants';
import { claimOfCode, sameCode, tenant } from '../tenant/tenant.ts';

const NAME = 'tenants.on-tenant-profile-changed';

/** Frees the customer code that a tenant gave up, for others to take. */
export const onTenantProfileChanged = (store: EventStore): Consumer => ({
  name: NAME,
  categories: [tenant.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isProfileChange(event)) return;
    const { events } = await store.read<TenantEvent | StreamFact>(event.stream, { upTo: event.revision - 1 });
    const past = events.filter((one) => !isStreamFact(one));
    const former = past.at(-1);
    const code = former?.data.customerCode ?? null;
    if (!former || code === null || sameCode(code, event.data.customerCode)) return;
    // The command that brought the code claimed it; those after it that kept the code claimed nothing.
    const since = past.findLastIndex(({ data }) => !sameCode(data.customerCode, code)) + 1;
    const claimedBy = (past[since] ?? former).metadata.commandId;
    const claim = claimOfCode(event.data.path, code);
    await release(store, claim, event.stream, claimedBy, reactionCommand(NAME, event, claimStream(claim)));
  },
});

const isProfileChange = (event: Recorded): event is Recorded<Extract<TenantEvent, { type: 'TenantProfileChanged' }>> =>
  event.type === 'TenantProfileChanged';
