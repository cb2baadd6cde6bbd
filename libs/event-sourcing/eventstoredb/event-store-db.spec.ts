import { describe, expect, it } from '@jest/globals';
import {
  DeadlineExceededError,
  MaxAppendSizeExceededError,
  type Position as Place,
  START,
  UnavailableError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { metadataOf } from '../command.ts';
import { NO_STREAM, type Position, type StreamName } from '../event.ts';
import { retiredEvents } from '../event-store.contract.ts';
import { RevisionConflict } from '../event-store.ts';
import { aCommand } from '../testing/command.ts';
import { written } from '../written-event.ts';
import { addressOf, EventStoreDb } from './event-store-db.ts';
import { appendErrorOf, storeErrorOf } from './faults.ts';
import { Progress } from './follow.ts';
import { passedAt, placeOf, positionOf } from './place.ts';
import { eventDataOf, recordedOf } from './server-event.ts';

const STREAM = 'test.note-1' as StreamName;
const between = (commit: number): Place => ({ commit: BigInt(commit), prepare: 0n });

describe('positions', () => {
  it('are one number there and back', () => {
    expect(positionOf(placeOf(4_711))).toBe(4_711);
    expect(placeOf(4_711)).toEqual({ commit: 4_711n, prepare: 4_711n });
    expect(positionOf(placeOf(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('are refused where a number would round them', () => {
    expect(() => positionOf({ commit: BigInt(Number.MAX_SAFE_INTEGER) + 1n })).toThrow(RangeError);
  });

  it('say nothing of a checkpoint that stands before an event', () => {
    expect(passedAt(placeOf(70))).toBe(70);
    expect(passedAt(between(70))).toBeUndefined();
  });
});

describe('the progress of a subscription', () => {
  const following = (from: Position | 'start') => {
    const passed: Position[] = [];
    const progress = new Progress(from, (position) => passed.push(position));
    return { progress, passed };
  };

  it('takes each event once, whatever a new connection repeats', () => {
    const { progress } = following(10);
    expect([5, 10, 11, 11, 9, 30].map((position) => progress.takes(position))).toEqual([false, false, true, false, false, true]);
    expect(progress.place).toEqual(placeOf(30));
  });

  it('begins a new connection at the start, after its last event, or at a later checkpoint', () => {
    const { progress } = following('start');
    expect(progress.place).toBe(START);
    progress.takes(20);
    progress.reaches(between(50));
    expect(progress.place).toEqual(between(50));
    progress.reaches(placeOf(40));
    expect(progress.place).toEqual(between(50));
    expect(progress.takes(50)).toBe(true);
    expect(progress.place).toEqual(placeOf(50));
  });

  it('tells of a checkpoint that is an event', () => {
    const { progress, passed } = following(10);
    progress.reaches(placeOf(40));
    expect(passed).toEqual([40]);
    expect(progress.takes(41)).toBe(true);
  });

  it('tells of an event it knew to be there once a checkpoint lies beyond it, never of the checkpoint', () => {
    const { progress, passed } = following(10);
    progress.sees(60);
    progress.reaches(between(60));
    expect(passed).toEqual([]);
    progress.reaches(between(90));
    expect(passed).toEqual([60]);
    expect(progress.takes(90)).toBe(true);
  });

  it('knows when it is where the log ended', () => {
    const { progress } = following(10);
    expect(progress.isAt(10)).toBe(true);
    expect(progress.isAt(20)).toBe(false);
    progress.reaches(between(21));
    expect(progress.isAt(20)).toBe(true);
    expect(progress.isAt(21)).toBe(false);
  });
});

describe('an event', () => {
  const metadata = metadataOf(aCommand());
  const upcasters = new Map(Object.entries(retiredEvents)) as Parameters<typeof recordedOf>[1];
  const stored = (event: { type: string; data: unknown }, told: object = {}): Parameters<typeof recordedOf>[0] => {
    const [ready] = written(STREAM, [{ events: [event], metadata }]);
    if (!ready) throw new Error('nothing was written');
    const { id, type, data, metadata: carried } = eventDataOf(ready);
    return {
      event: {
        streamId: STREAM,
        id,
        type,
        data: JSON.parse(JSON.stringify(data)) as Record<string, unknown>,
        metadata: JSON.parse(JSON.stringify(carried)) as Record<string, unknown>,
        revision: 3n,
        created: new Date(0),
        isJson: true,
        position: placeOf(99),
        ...told,
      },
    };
  };

  it('comes back from what the server is given as it was appended, key order included', () => {
    const data = { z: 1, a: [null, 'é', { deep: '0.10' }], text: '' };
    const recorded = recordedOf(stored({ type: 'Noted', data }), upcasters);
    expect(JSON.stringify(recorded.data)).toBe(JSON.stringify(data));
    expect(recorded).toMatchObject({ type: 'Noted', stream: STREAM, revision: 3, position: 99 });
    expect(JSON.stringify(recorded.metadata)).toBe(JSON.stringify(metadata));
  });

  it('has the id that every store gives it', () => {
    const ids = [0, 1].map(() => written(STREAM, [{ events: [{ type: 'Noted', data: {} }], metadata }])[0]?.eventId);
    expect(ids[0]).toBe(ids[1]);
    expect(recordedOf(stored({ type: 'Noted', data: {} }), upcasters).eventId).toBe(ids[0]);
  });

  it('reads in today’s language', () => {
    const { type, data } = recordedOf(stored({ type: 'Scribbled', data: { words: 'hi' } }), upcasters);
    expect({ type, data }).toEqual({ type: 'Noted', data: { text: 'hi', language: 'en' } });
  });

  it('is refused when somebody else wrote it, or the server does not say where it stands', () => {
    const noted = { type: 'Noted', data: {} };
    expect(() => recordedOf(stored(noted, { metadata: undefined }), upcasters)).toThrow('not written by Tributary');
    expect(() => recordedOf(stored(noted, { isJson: false }), upcasters)).toThrow('not written by Tributary');
    expect(() => recordedOf(stored(noted, { position: undefined }), upcasters)).toThrow('22.6 or newer');
    expect(() => recordedOf(stored(noted, { position: placeOf(2 ** 64) }), upcasters)).toThrow('22.6 or newer');
  });
});

describe('what the client throws', () => {
  const grpc = (code: number, message: string) => Object.assign(new Error(message), { code });

  it('is a lost race when the stream is elsewhere', () => {
    const error = new WrongExpectedVersionError(undefined as never, {
      streamName: STREAM,
      expected: 'no_stream',
      current: 4n,
    });
    const conflict = appendErrorOf(error, 'host:1', STREAM, NO_STREAM);
    expect(conflict).toBeInstanceOf(RevisionConflict);
    expect(conflict).toMatchObject({ stream: STREAM, expected: NO_STREAM });
  });

  it('is "unavailable", with the address, when nobody answers', () => {
    for (const error of [
      new UnavailableError(),
      new DeadlineExceededError(),
      grpc(14, '14 UNAVAILABLE: No connection established'),
      grpc(4, '4 DEADLINE_EXCEEDED'),
      new Error('Failed to discover after 10 attempts.'),
    ])
      expect(storeErrorOf(error, 'host:1')).toMatchObject({
        refusal: 'unavailable',
        code: 'event-store-unavailable',
        message: expect.stringContaining('host:1'),
      });
  });

  it('is refused when it is more than the server takes at once', () => {
    expect(storeErrorOf(new MaxAppendSizeExceededError(undefined, 1_048_576), 'host:1')).toMatchObject({
      code: 'command-too-large',
      message: expect.stringContaining('1048576'),
    });
  });

  it('stays what it is when it is something else', () => {
    const error = new TypeError('a mistake of ours');
    expect(storeErrorOf(error, 'host:1')).toBe(error);
  });
});

describe('an address', () => {
  it('is shown without credentials and options', () => {
    expect(addressOf('esdb://admin:secret@one:2113,two:2113?tls=true&x=y')).toBe('one:2113,two:2113');
    expect(addressOf('esdb://localhost:2113/')).toBe('localhost:2113');
  });

  it('where nobody listens is refused soon and by name', async () => {
    const before = performance.now();
    await expect(EventStoreDb.open('esdb://127.0.0.1:9?tls=false')).rejects.toMatchObject({
      code: 'event-store-unavailable',
      message: expect.stringContaining('127.0.0.1:9'),
    });
    expect(performance.now() - before).toBeLessThan(12_000);
  });
});
