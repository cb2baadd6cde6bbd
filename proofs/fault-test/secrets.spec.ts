import { describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { type StoredEvent } from '#libs/event-sourcing/stored-event';
import { keptIn, leaksIn } from './secrets.ts';
import { type Message } from './topic.ts';

const logged = (stream: string, type: string, data: object): StoredEvent => ({
  position: 1,
  stream: stream as StreamName,
  revision: 0,
  type,
  data: JSON.stringify(data),
  metadata: '{}',
  eventId: 'e',
});

const message = (key: string, content: string, headers = ''): Message => ({
  partition: 't/0',
  offset: 0n,
  key,
  eventId: 'e',
  revision: 0,
  position: 1,
  logId: 'l',
  headers,
  value: Buffer.from(content).toString('base64'),
});

const USER = 'access-control.user-ada';
const secrets = new Map([['a password', 'correct horse battery']]);

describe('what private streams keep', () => {
  it('is looked for: hashes of passwords and keys', () => {
    const events = [
      logged('access-control.credentials-ada', 'PasswordSet', { userId: 'ada', hash: '$argon2id$x' }),
      logged('access-control.user-ada', 'UserRegistered', { userId: 'ada', hash: 'of no secret: it is public' }),
    ];
    expect([...keptIn([{ service: 'access-control', logId: 'l', events }]).values()]).toEqual(['$argon2id$x']);
  });
});

describe('the topics', () => {
  it('hold no secret where no message does', () => {
    expect(leaksIn([message(USER, 'Ada')], secrets)).toEqual([]);
  });

  it('are told of a secret wherever it is, however it is written', () => {
    const found = `a password is on a topic, in a message of ${USER}`;
    expect(leaksIn([message(USER, 'x correct horse battery')], secrets)).toEqual([found]);
    expect(leaksIn([message(USER, '', 'ce_x: correct horse battery')], secrets)).toEqual([found]);
    expect(leaksIn([message(USER, Buffer.from('correct horse battery').toString('base64'))], secrets)).toEqual([found]);
    expect(leaksIn([message(USER, '$argon2id$v=19')], secrets)).toEqual([`a hash of a password is in a message of ${USER}`]);
  });

  it('hold nothing of a private stream', () => {
    const key = 'access-control.sessions-ada~2026';
    expect(leaksIn([message(key, '')], secrets)).toEqual([`${key} is a private stream, and on a topic`]);
  });
});
