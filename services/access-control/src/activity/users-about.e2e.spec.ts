import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Command } from '#libs/event-sourcing/command';
import { type CommandId, type DomainEvent, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { present } from '#libs/event-sourcing/handle';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { accessControlService } from '../access-control.module.ts';
import { tenantActivity } from './tenant-activity.ts';
import { UsersAbout } from './users-about.ts';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform([accessControlService]);
});
afterAll(() => platform.close());

const at = (time: string): Instant => `2026-01-31T${time}.000Z` as Instant;
const commandAt = (time: Instant): Command => ({
  id: randomUUID() as CommandId,
  bodyHash: '',
  keyed: false,
  principal: { id: 'test' },
  tenant: null,
  time,
});

it('what is kept of a tenant is never five minutes behind its users, though others of them were about in between', async () => {
  const { store } = platform.running.platform;
  const [ada, bob] = [randomUUID() as UserId, randomUUID() as UserId];
  const tenantId = randomUUID() as TenantId;
  const say = async (stream: string, event: DomainEvent): Promise<void> => {
    const { id: commandId, bodyHash, principal, tenant, time } = commandAt(at('11:00:00'));
    await store.append(stream as StreamName, [event], NO_STREAM, { commandId, bodyHash, principal, tenant, time });
  };
  for (const userId of [ada, bob]) {
    await say(`access-control.userAccess-${userId}`, { type: 'AccessOpened', data: { userId } });
    const data = { tenantId, userId, role: 'admin' };
    await say(`access-control.membership-${tenantId}~${userId}`, { type: 'MembershipGranted', data });
  }
  const about = new UsersAbout(platform.running.platform);
  const keptAfter = async (userId: UserId, time: string): Promise<Instant | null> => {
    await about.note(userId, () => commandAt(at(time)), at(time));
    return (await present(store, tenantActivity, tenantId)).state.lastAt;
  };
  expect(await keptAfter(ada, '12:00:00')).toBe(at('12:00:00'));
  expect(await keptAfter(bob, '12:04:59')).toBe(at('12:00:00'));
  expect(await keptAfter(bob, '12:05:00')).toBe(at('12:05:00'));
  expect(await keptAfter(ada, '12:09:59')).toBe(at('12:05:00'));
  expect(await keptAfter(ada, '12:10:00')).toBe(at('12:10:00'));
});
