import { describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { faultsOfLog, type Logged } from './log.ts';

const event = (position: number, stream: string, revision: number, eventId = `${stream}/${String(revision)}`): Logged => ({
  position,
  stream: stream as StreamName,
  revision,
  eventId,
  type: 'Said',
});

describe('the log of a service', () => {
  it('is right when every stream counts from 0 on and positions rise, with or without gaps', () => {
    expect(faultsOfLog('s', [event(1, 's.a-1', 0), event(2, 's.b-1', 0), event(5, 's.a-1', 1)])).toEqual([]);
  });

  it.each([
    ['a hole', [event(1, 's.a-1', 0), event(2, 's.a-1', 2)], 's: Said, revision 2 of s.a-1 comes where 1 should'],
    ['a revision twice', [event(1, 's.a-1', 0), event(2, 's.a-1', 0, 'x')], 's: Said, revision 0 of s.a-1 comes where 1 should'],
    ['a stream without its beginning', [event(1, 's.a-1', 3)], 's: Said, revision 3 of s.a-1 comes where 0 should'],
    ['a position twice', [event(1, 's.a-1', 0), event(1, 's.b-1', 0)], 's: Said, revision 0 of s.b-1 stands at 1, after 1'],
    [
      'a command twice',
      [event(1, 's.a-1', 0), event(2, 's.a-1', 1, 's.a-1/0')],
      's: Said, revision 1 of s.a-1 is there twice: its command was carried out again',
    ],
  ])('is not with %s', (_, events, fault) => {
    expect(faultsOfLog('s', events)).toEqual([fault]);
  });
});
