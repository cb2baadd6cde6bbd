import { type Category, type Recorded } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { isStreamFact, type StreamFact } from '#libs/event-sourcing/stream-facts';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type InvitationEvent } from '#libs/published/access-control';
import { type OnboardingEvent } from '#libs/published/tenants';
import { noteAcceptance, noteInvitation, onboarding, type Onboarding } from '../onboarding/onboarding.ts';
import { type RegisteredTenant, tenant } from '../tenant/tenant.ts';

const NAME = 'tenants.on-admin-invited';

/** Whoever is invited to be an admin begins the task, and is named before those who are invited later. */
export const onAdminInvited = (store: EventStore): Consumer => ({
  name: NAME,
  categories: ['access-control.invitation' as Category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (!isOfInvitation(event)) return;
    const { tenantId } = event.data;
    const registered = (await present(store, tenant, tenantId)).state;
    if (!registered) return;
    const noted = decisionOn(event, registered);
    const { state } = await present(store, onboarding, tenantId);
    if (noted(state).length === 0) return;
    await handle(store, onboarding, tenantId, noted, { command: reactionCommand(NAME, event, onboarding.stream(tenantId)) });
  },
});

const decisionOn = (
  { type, data }: Recorded<InvitationEvent>,
  owner: RegisteredTenant,
): ((state: Onboarding) => readonly OnboardingEvent[]) => {
  switch (type) {
    case 'InvitationSent':
      return data.role === 'admin' ? noteInvitation(owner, data.invitationId, data.sentAt) : () => [];
    case 'InvitationAccepted':
      return noteAcceptance(owner, data.invitationId, data.userId, data.acceptedAt);
    case 'InvitationRevoked':
      return () => [];
  }
};

const isOfInvitation = (event: Recorded<InvitationEvent | StreamFact> | Recorded): event is Recorded<InvitationEvent> =>
  !isStreamFact(event);
