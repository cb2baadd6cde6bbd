import { customerLinks } from '#libs/access-policy/customer-links.projection';
import { delegatedAccesses } from '#libs/access-policy/delegated-accesses.projection';
import { impersonations } from '#libs/access-policy/impersonations.projection';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { type Command } from '#libs/event-sourcing/command';
import { type Position, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { handle } from '#libs/event-sourcing/handle';
import { type Consumer } from '#libs/messaging/consumer';
import { reactionCommand } from '#libs/messaging/reaction';
import { type Platform } from '#libs/platform/service';
import { type CustomerLinkEvent, type MembershipEvent } from '#libs/published/access-control';
import { type DelegatedAccessEvent, type ImpersonationEvent } from '#libs/published/acting';
import { type DelegatedAccessId, type ImpersonationId, type TenantId, type UserId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { customerLink, revoke } from '../customer-link/customer-link.ts';
import { delegatedAccess, end } from '../delegated-access/delegated-access.ts';
import { end as endAsUser, impersonation } from '../impersonation/impersonation.ts';
import { membership } from '../membership/membership.ts';

const NAME = 'access-control.on-membership-ended';

type Subject = Pick<Platform, 'store' | 'readModels'>;

/**
 * What a tenant's user was given in the tenants below ends with being its user: it counts no longer from then on, and must not count
 * again when they become one again. The impersonations of that user, which count no longer either, are told as ended. What the read
 * models did not know of yet at that moment is looked at by itself.
 */
export const onMembershipEnded = (subject: Subject): Consumer => ({
  name: NAME,
  categories: [membership.category, customerLink.category, delegatedAccess.category, impersonation.category],
  onFailure: 'park',
  target: ({ stream }) => stream,
  handle: async (event) => {
    if (isRevoked(event)) await endAll(subject, event);
    else if (isLinked(event)) await endLink(subject, event.data, event, await endedAfter(subject, event.data, event));
    else if (isRequested(event))
      await endAccess(
        subject,
        { ...event.data, id: event.data.delegatedAccessId },
        event,
        await endedAfter(subject, event.data, event),
      );
    else if (isStarted(event))
      await endImpersonation(
        subject,
        event.data,
        event,
        await endedAfter(subject, { ...event.data, memberOf: event.data.tenantId }, event),
      );
  },
});

type Revoked = Recorded & Extract<MembershipEvent, { type: 'MembershipRevoked' }>;
type Linked = Recorded & Extract<CustomerLinkEvent, { type: 'CustomerLinked' }>;
type Started = Recorded & Extract<ImpersonationEvent, { type: 'ImpersonationStarted' }>;
type Requested = Recorded & Extract<DelegatedAccessEvent, { type: 'DelegatedAccessRequested' }>;

const isRevoked = (event: Recorded): event is Revoked => event.type === 'MembershipRevoked';
const isLinked = (event: Recorded): event is Linked => event.type === 'CustomerLinked';
const isStarted = (event: Recorded): event is Started => event.type === 'ImpersonationStarted';
const isRequested = (event: Recorded): event is Requested => event.type === 'DelegatedAccessRequested';

type Given = Readonly<{ tenantId: TenantId; userId: UserId; memberOf: TenantId | 'platform' }>;
type Link = Given & Readonly<{ memberOf: TenantId }>;
type Access = Given & Readonly<{ id: DelegatedAccessId }>;

const endAll = async (subject: Subject, event: Revoked): Promise<void> => {
  const { tenantId: memberOf, userId } = event.data;
  const { readModels } = subject;
  for (const link of await readModels.of(customerLinks).all({ userId, memberOf }))
    await endLink(subject, link, event, event.position);
  const open = { userId, memberOf, status: { in: ['requested', 'approved'] } };
  for (const access of await readModels.of(delegatedAccesses).all(open)) await endAccess(subject, access, event, event.position);
  if (memberOf === 'platform') return;
  for (const { id: impersonationId } of await readModels.of(impersonations).all({ tenantId: memberOf, userId, endedAt: null }))
    await endImpersonation(subject, { impersonationId, tenantId: memberOf }, event, event.position);
};

/** Where in the log they left the tenant as whose user they were given this; null: not since. Who has not come back left for good. */
const endedAfter = async (
  { store }: Subject,
  { memberOf, userId }: Omit<Given, 'tenantId'>,
  given: Recorded,
): Promise<Position | null> => {
  const { events } = await store.read<MembershipEvent>(membership.stream(membershipId(memberOf, userId)));
  const comings = events.filter(({ type }) => type === 'MembershipRevoked' || type === 'MembershipGranted');
  if (comings.at(-1)?.type === 'MembershipRevoked') return Infinity;
  const left = comings.findLast(({ type }) => type === 'MembershipRevoked');
  return left && left.position > given.position ? left.position : null;
};

/** @param at where they left; whatever was said of it later, as of a user once more, stays. null: they did not */
const endLink = async ({ store }: Subject, link: Link, event: Recorded, at: Position | null): Promise<void> => {
  const { tenantId, userId, memberOf } = link;
  const id = membershipId(tenantId, userId);
  const stream = customerLink.stream(id);
  if (at === null || !(await isUntouchedSince(store, stream, at))) return;
  const revoking = revoke(tenantId, userId, [memberOf]);
  const command = commandFor(link, event, stream);
  await handle(store, customerLink, id, (present) => (present?.memberOf === memberOf ? revoking(present) : []), { command });
};

const endAccess = async ({ store }: Subject, access: Access, event: Recorded, at: Position | null): Promise<void> => {
  const { id, tenantId } = access;
  const stream = delegatedAccess.stream(id);
  if (at === null || !(await isUntouchedSince(store, stream, at))) return;
  const ending = end({ delegatedAccessId: id, tenantId }, systemClock.now());
  const command = commandFor(access, event, stream);
  await handle(store, delegatedAccess, id, (known) => (known?.status === 'declined' ? [] : ending(known)), { command });
};

const endImpersonation = async (
  { store }: Subject,
  { impersonationId: id, tenantId }: Readonly<{ impersonationId: ImpersonationId; tenantId: TenantId }>,
  event: Recorded,
  at: Position | null,
): Promise<void> => {
  const stream = impersonation.stream(id);
  if (at === null || !(await isUntouchedSince(store, stream, at))) return;
  const command = reactionCommand(NAME, event, stream);
  await handle(store, impersonation, id, endAsUser(id, tenantId, systemClock.now()), { command });
};

const isUntouchedSince = async (store: Subject['store'], stream: StreamName, at: Position): Promise<boolean> => {
  const { events } = await store.read(stream);
  return (events.at(-1)?.position ?? Infinity) <= at;
};

/** It is about the tenant below, by a user of the one above. */
const commandFor = ({ tenantId, memberOf }: Given, event: Recorded, stream: StreamName): Command => {
  const command = reactionCommand(NAME, event, stream);
  const { principal } = command;
  return { ...command, tenant: tenantId, principal: { ...principal, home: principal.home ?? memberOf } };
};
