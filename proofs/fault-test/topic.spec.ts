import { describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { type ServiceLog } from './log.ts';
import { type Message, publishedOf } from './topic.ts';

const stream = 'tenants.tenant-1' as StreamName;

const logged = (revision: number, type = 'TenantProfileChanged', of = stream): StoredEvent => ({
  position: revision + 1,
  stream: of,
  revision,
  type,
  data: '{}',
  metadata: '{}',
  eventId: `e${String(revision)}`,
});
const log = (...events: readonly StoredEvent[]): readonly ServiceLog[] => [{ service: 'tenants', logId: 'l', events }];

const message = (offset: number, revision: number, more: Partial<Message> = {}): Message => ({
  partition: 't/0',
  offset: BigInt(offset),
  key: stream,
  eventId: `e${String(revision)}`,
  revision,
  position: revision + 1,
  logId: 'l',
  headers: '',
  value: String(revision),
  ...more,
});

describe('what is published', () => {
  it('is every event of the log, in order', () => {
    expect(publishedOf([message(1, 1), message(0, 0)], log(logged(0), logged(1)))).toEqual({ events: 2, repeats: 0, faults: [] });
  });

  it('may repeat itself', () => {
    const twice = [message(0, 0), message(1, 1), message(2, 0), message(3, 1)];
    expect(publishedOf(twice, log(logged(0), logged(1)))).toEqual({ events: 2, repeats: 2, faults: [] });
  });

  it('leaves out what is private', () => {
    const secret = logged(0, 'PasswordSet', 'access-control.credentials-1' as StreamName);
    expect(publishedOf([], log(secret))).toEqual({ events: 0, repeats: 0, faults: [] });
  });

  it.each([
    ['lacks an event', [message(0, 0)], 'tenants: TenantProfileChanged, revision 1 of tenants.tenant-1, was never published'],
    ['leaves the order', [message(0, 1), message(1, 0)], 'revision 1 of tenants.tenant-1 (t/0 at 0) comes after nothing'],
    [
      'has an event that is in no log',
      [message(0, 0), message(1, 1), message(2, 2)],
      'revision 2 of tenants.tenant-1 (t/0 at 2) is in no log',
    ],
    [
      'says something else the second time',
      [message(0, 0), message(1, 1), message(2, 1, { value: 'other' })],
      'revision 1 of tenants.tenant-1 (t/0 at 2) is not what revision 1 of tenants.tenant-1 (t/0 at 1) was',
    ],
    [
      'says something else than the log',
      [message(0, 0), message(1, 1, { eventId: 'x' })],
      'revision 1 of tenants.tenant-1 (t/0 at 1) is not the event of the log of tenants',
    ],
    [
      'has a stream in two partitions',
      [message(0, 0), message(0, 1, { partition: 't/1' })],
      'revision 1 of tenants.tenant-1 (t/1 at 0): its stream is in t/0',
    ],
  ])('is not right when it %s', (_, messages, fault) => {
    expect(publishedOf(messages, log(logged(0), logged(1))).faults).toContain(fault);
  });
});
