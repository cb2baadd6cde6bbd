import { customerLinks } from '#libs/access-policy/customer-links.projection';
import { delegatedAccesses } from '#libs/access-policy/delegated-accesses.projection';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type Platform } from '#libs/platform/service';
import { type CustomerLinkEvent, type MembershipEvent } from '#libs/published/access-control';
import { type TenantId, type UserId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { customerLink, revoke } from '../customer-link/customer-link.ts';
import { delegatedAccess, end } from '../delegated-access/delegated-access.ts';
import { membership } from '../membership/membership.ts';

const NAME = 'access-control.on-membership-ended';

type Subject = Pick<Platform, 'store' | 'readModels'>;

/**
 * What a tenant's user was given in the tenants below ends with being its user: it counts no longer from then on, and must not count
 * again when they become one again. A link that was made at the same moment, unseen by this, is looked at by itself.
 */
export const onMembershipEnded = (subject: Subject): Consumer => ({
  name: NAME,
  categories: [membership.category, customerLink.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (isRevoked(event)) await endAll(subject, event);
    else if (isLinked(event)) await endIfOrphaned(subject, event);
  },
});

type Revoked = Recorded & Extract<MembershipEvent, { type: 'MembershipRevoked' }>;
type Linked = Recorded & Extract<CustomerLinkEvent, { type: 'CustomerLinked' }>;

const isRevoked = (event: Recorded): event is Revoked => event.type === 'MembershipRevoked';
const isLinked = (event: Recorded): event is Linked => event.type === 'CustomerLinked';

const endAll = async ({ store, readModels }: Subject, event: Revoked): Promise<void> => {
  const { tenantId: memberOf, userId } = event.data;
  /** What they were given after that, as a user once more, stays. */
  const isEarlier = async (stream: StreamName, given: string): Promise<boolean> => {
    const { events } = await store.read(stream);
    return (events.findLast(({ type }) => type === given)?.position ?? Infinity) < event.position;
  };
  for (const link of await readModels.of(customerLinks).all({ userId, memberOf }))
    if (await isEarlier(customerLink.stream(link.id), 'CustomerLinked')) await endLink(store, link, event);
  const open = { userId, memberOf, status: { in: ['requested', 'approved'] } };
  for (const { id, tenantId } of await readModels.of(delegatedAccesses).all(open)) {
    const stream = delegatedAccess.stream(id);
    if (!(await isEarlier(stream, 'DelegatedAccessRequested'))) continue;
    const decision = end({ delegatedAccessId: id, tenantId }, systemClock.now());
    const command = reactionCommand(NAME, event, stream);
    await handle(store, delegatedAccess, id, (known) => (known?.stage === 'declined' ? [] : decision(known)), { command });
  }
};

const endIfOrphaned = async ({ store }: Subject, event: Linked): Promise<void> => {
  const { tenantId, memberOf, userId } = event.data;
  const { state } = await present(store, membership, membershipId(memberOf, userId));
  if (state.role === null) await endLink(store, { tenantId, userId, memberOf }, event);
};

type Link = Readonly<{ tenantId: TenantId; userId: UserId; memberOf: TenantId }>;

/** Somebody may have revoked it meanwhile. */
const endLink = async (store: Subject['store'], { tenantId, userId, memberOf }: Link, event: Recorded): Promise<void> => {
  const id = membershipId(tenantId, userId);
  const revoking = revoke(tenantId, userId, [memberOf]);
  const command = reactionCommand(NAME, event, customerLink.stream(id));
  await handle(store, customerLink, id, (link) => (link?.memberOf === memberOf ? revoking(link) : []), { command });
};
