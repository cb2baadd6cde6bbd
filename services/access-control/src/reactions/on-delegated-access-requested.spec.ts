import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { membershipId, memberships } from '#libs/access-policy/memberships.projection';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { happened } from '#libs/event-sourcing/testing/happened';
import { type Letter, type Mail } from '#libs/mail/mail';
import { deliverAll } from '#libs/messaging/testing/deliver-all';
import { type DelegatedAccessId, type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { openInMemory } from '#libs/read-models/testing/in-memory';
import { type Instant } from '#libs/time/time';
import { approve, delegatedAccess, request } from '../delegated-access/delegated-access.ts';
import { grant, membership } from '../membership/membership.ts';
import { userList } from '../user-list/user-list.projection.ts';
import { onDelegatedAccessRequested } from './on-delegated-access-requested.ts';

const [R, C] = ['r', 'c'] as [TenantId, TenantId];
const [TESS, CLARA, CARL] = ['tess', 'clara', 'carl'] as [UserId, UserId, UserId];
const NOW = '2026-01-01T00:00:00.000Z' as Instant;
const ACCESS = 'access' as DelegatedAccessId;
const of = { delegatedAccessId: ACCESS, tenantId: C };

let store: EventStore;
let readModels: ReadModels;
let close: () => Promise<void>;
beforeEach(async () => {
  ({ store, readModels, close } = await openInMemory(memberships, tenantTree, userList));
  await happened(store, 'tenants.tenant-r', [tenantRegistered([R], { name: 'Reseller' })]);
  await happened(store, 'tenants.tenant-c', [tenantRegistered([R, C], { name: 'Customer' })]);
  for (const userId of [TESS, CLARA, CARL]) {
    const data = { userId, email: `${userId}@example.com`, name: userId };
    await happened(store, `access-control.user-${userId}`, [{ type: 'UserRegistered', data }]);
  }
  for (const [userId, role] of [
    [CLARA, 'admin'],
    [CARL, 'regular'],
  ] as const)
    await handle(store, membership, membershipId(C, userId), grant(C, userId, { role }), { command: aCommand() });
  const asked = { ...of, path: [R, C], userId: TESS, memberOf: R, role: 'support' as const, hours: 1, reason: 'Ticket 7' };
  await handle(store, delegatedAccess, ACCESS, request(asked, NOW), { command: aCommand() });
});
afterEach(() => close());

const sentBy = async (mail?: Mail): Promise<readonly Letter[]> => {
  const sent: Letter[] = [];
  const keeping: Mail = { send: (letter) => Promise.resolve(void sent.push(letter)) };
  await deliverAll(store, onDelegatedAccessRequested({ store, readModels }, mail ?? keeping));
  return sent;
};

describe('the letter that somebody asks for access', () => {
  it('goes to the tenant’s own Admins and says who asks, from where, for what and why', async () => {
    const [letter, ...more] = await sentBy();
    expect([letter?.to, letter?.subject, more]).toEqual(['clara@example.com', 'tess asks for access to Customer', []]);
    expect(letter?.text).toMatch(/tess@example\.com\) of Reseller[^]*as support for 1 hour\.[^]*Ticket 7/);
  });

  it('goes to no Admin who is a user of a tenant above, too', async () => {
    await handle(store, membership, membershipId(R, CLARA), grant(R, CLARA, { role: 'regular' }), { command: aCommand() });
    expect(await sentBy()).toEqual([]);
  });

  it('is the same letter when it is sent again', async () => {
    expect(await sentBy()).toEqual(await sentBy());
  });

  it('waits while it cannot be sent', async () => {
    await expect(sentBy({ send: () => Promise.reject(new Error('no server')) })).rejects.toThrow('no server');
    expect(onDelegatedAccessRequested({ store, readModels }, { send: () => Promise.resolve() }).onFailure).toBe('park');
  });

  it('is not sent any longer once the tenant has answered', async () => {
    await handle(store, delegatedAccess, ACCESS, approve(of, NOW), { command: aCommand() });
    expect(await sentBy()).toEqual([]);
  });
});
