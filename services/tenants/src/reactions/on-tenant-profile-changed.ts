import { releaseFormer } from '#libs/event-sourcing/claims';
import { type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type TenantEvent } from '#libs/published/tenants';
import { claimOfCode, tenant } from '../tenant/tenant.ts';

const NAME = 'tenants.on-tenant-profile-changed';

/** Frees the customer code that a tenant gave up, for others to take. */
export const onTenantProfileChanged = (store: EventStore): Consumer => ({
  name: NAME,
  categories: [tenant.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isProfileChange(event)) return;
    await releaseFormer<TenantEvent>(
      store,
      event,
      ({ data }) => data.customerCode,
      (code) => claimOfCode(event.data.path, code),
      (claim) => reactionCommand(NAME, event, claim),
    );
  },
});

const isProfileChange = (event: Recorded): event is Recorded<Extract<TenantEvent, { type: 'TenantProfileChanged' }>> =>
  event.type === 'TenantProfileChanged';
