import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { customerLinks } from '#libs/access-policy/customer-links.projection';
import { delegatedAccesses } from '#libs/access-policy/delegated-accesses.projection';
import { impersonations } from '#libs/access-policy/impersonations.projection';
import { membershipId } from '#libs/access-policy/memberships.projection';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { deliverAll } from '#libs/messaging/testing/deliver-all';
import { type DelegatedAccessId, type ImpersonationId, type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { openInMemory } from '#libs/read-models/testing/in-memory';
import { type Instant, systemClock } from '#libs/time/time';
import { changeRole, customerLink, link } from '../customer-link/customer-link.ts';
import { approve, delegatedAccess, request } from '../delegated-access/delegated-access.ts';
import { impersonation, start } from '../impersonation/impersonation.ts';
import { grant, membership, revoke } from '../membership/membership.ts';
import { onMembershipEnded } from './on-membership-ended.ts';

const [D, R, C] = ['d', 'r', 'c'] as [TenantId, TenantId, TenantId];
const TESS = 'tess' as UserId;
const NOW = '2026-01-01T00:00:00.000Z' as Instant;
const ACCESS = 'access' as DelegatedAccessId;

const opened = () => openInMemory(customerLinks, delegatedAccesses, impersonations);
let store: EventStore;
let readModels: ReadModels;
let close: () => Promise<void>;
beforeEach(async () => {
  ({ store, readModels, close } = await opened());
});
afterEach(() => close());

const isUserOf = (tenantId: TenantId) =>
  handle(store, membership, membershipId(tenantId, TESS), grant(tenantId, TESS, { role: 'regular' }), { command: aCommand() });
const isUserNoLonger = () => handle(store, membership, membershipId(R, TESS), revoke(R, TESS), { command: aCommand() });
const isLinked = (memberOf = R) =>
  handle(
    store,
    customerLink,
    membershipId(C, TESS),
    link({ tenant: { id: C, path: [D, R, C] }, userId: TESS, memberOf, role: 'regular', linkedBy: 'ada' as UserId }),
    { command: aCommand() },
  );
const linkNow = async () => (await present(store, customerLink, membershipId(C, TESS))).state;
const accessNow = async () => (await present(store, delegatedAccess, ACCESS)).state?.status;
const react = (): Promise<void> => deliverAll(store, onMembershipEnded({ store, readModels }));
/** As long as the read models know of nothing that was given. */
const reactEarly = async (): Promise<void> => {
  const others = await opened();
  await deliverAll(store, onMembershipEnded({ store, readModels: others.readModels }));
  await others.close();
};

describe('what a user was given in the tenants below', () => {
  it('ends with being a user of the tenant above, for good', async () => {
    await isUserOf(R);
    await isLinked();
    await isUserNoLonger();
    await react();
    expect(await linkNow()).toBeNull();
    await isUserOf(R);
    await react();
    expect(await linkNow()).toBeNull();
  });

  it('stays where it was given after they had become a user again, however late this is heard', async () => {
    await isUserOf(R);
    await isUserNoLonger();
    await isUserOf(R);
    await isLinked();
    await react();
    expect(await linkNow()).not.toBeNull();
  });

  it('stays where it was confirmed after that, by another role', async () => {
    await isUserOf(R);
    await isLinked();
    await isUserNoLonger();
    await isUserOf(R);
    await handle(store, customerLink, membershipId(C, TESS), changeRole(C, TESS, 'support', [R]), { command: aCommand() });
    await react();
    expect(await linkNow()).toMatchObject({ role: 'support' });
  });

  it('ends where the read models learn of it only after they had become a user again', async () => {
    await isUserOf(R);
    await isLinked();
    await isUserNoLonger();
    await isUserOf(R);
    await reactEarly();
    expect(await linkNow()).toBeNull();
  });

  it('ends in the name of whoever ended the other, in the log of the tenant below', async () => {
    await isUserOf(R);
    await isLinked();
    await isUserNoLonger();
    await react();
    const { events } = await store.read(customerLink.stream(membershipId(C, TESS)));
    expect(events.at(-1)).toMatchObject({
      type: 'CustomerLinkRevoked',
      metadata: { tenant: C, principal: { id: aCommand().principal.id, home: R } },
    });
  });

  it('stays where they have it as a user of another tenant', async () => {
    await isUserOf(R);
    await isUserOf(D);
    await isLinked(D);
    await isUserNoLonger();
    await react();
    expect(await linkNow()).toMatchObject({ memberOf: D });
  });

  it('ends also where it was given at the very moment at which they left', async () => {
    await isUserOf(R);
    await isUserNoLonger();
    await isLinked();
    await react();
    expect(await linkNow()).toBeNull();
  });

  it('ends with an access for a while, too', async () => {
    const wanted = {
      delegatedAccessId: ACCESS,
      tenantId: C,
      path: [D, R, C],
      userId: TESS,
      memberOf: R,
      role: 'regular',
      hours: 2,
      reason: 'help',
    } as const;
    await isUserOf(R);
    await handle(store, delegatedAccess, ACCESS, request(wanted, NOW), { command: aCommand() });
    await handle(store, delegatedAccess, ACCESS, approve(wanted, new Date().toISOString() as Instant), { command: aCommand() });
    await react();
    expect(await accessNow()).toBe('approved');
    await isUserNoLonger();
    await react();
    expect(await accessNow()).toBe('ended');
  });
});

describe('an impersonation of a user', () => {
  const ID = 'impersonation' as ImpersonationId;
  const begins = () => {
    const wanted = { impersonationId: ID, tenantId: R, path: [D, R], userId: TESS, actorId: 'ada' as UserId, reason: 'help' };
    return handle(store, impersonation, ID, start(wanted, 30, systemClock.now()), { command: aCommand() });
  };
  const hasEnded = async () => (await present(store, impersonation, ID)).state?.ended;

  it.each([
    ['at once', react],
    ['by itself, where the read models did not know of it', reactEarly],
  ])('ends when the user is deleted, %s', async (_, reacting) => {
    await isUserOf(R);
    await begins();
    await react();
    expect(await hasEnded()).toBe(false);
    await isUserNoLonger();
    await isUserOf(R);
    await reacting();
    expect(await hasEnded()).toBe(true);
  });

  it('goes on where it began after they had become a user again, and where they leave another tenant', async () => {
    await isUserOf(R);
    await isUserNoLonger();
    await isUserOf(R);
    await begins();
    await isUserOf(D);
    await handle(store, membership, membershipId(D, TESS), revoke(D, TESS), { command: aCommand() });
    await react();
    expect(await hasEnded()).toBe(false);
  });
});
