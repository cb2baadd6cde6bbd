import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Decimal } from '#libs/money/decimal';
import { metadataOf } from './command.ts';
import {
  type Category,
  type DomainEvent,
  type Metadata,
  NO_STREAM,
  type Position,
  type Recorded,
  type StreamName,
  streamName,
} from './event.ts';
import { type EventStore, RevisionConflict } from './event-store.ts';
import { aCommand } from './testing/command.ts';

/**
 * A store of the adapter under test. The adapter knows the upcasters of `retiredEvents`. `isEmpty` is false where others have written
 * to the same log, which must change nothing.
 */
export type OpenStore = () => Promise<Readonly<{ store: EventStore; close: () => Promise<void>; isEmpty?: boolean }>>;

/** Where one check writes: categories that nobody else has. */
export type Places = Readonly<{ notes: Category; others: Category; isEmpty: boolean }>;

export const freshPlaces = (isEmpty = true): Places => {
  const own = randomUUID().replaceAll('-', '');
  return { notes: `test.note${own}` as Category, others: `test.other${own}` as Category, isEmpty };
};

/** What every adapter is opened with: `Noted` was once `Jotted`, which was once `Scribbled`. */
export const retiredEvents = {
  Scribbled: (data: { words: string }): DomainEvent => ({ type: 'Jotted', data: { text: data.words } }),
  Jotted: (data: { text: string }): DomainEvent => ({ type: 'Noted', data: { text: data.text, language: 'en' } }),
};

const aStream = (category: Category): StreamName => streamName(category, randomUUID());
const noted = (text: string): DomainEvent => ({ type: 'Noted', data: { text } });
const metadata = (): Metadata => metadataOf(aCommand());
const texts = (events: readonly Recorded[]): unknown[] => events.map(({ data }) => (data as { text: unknown }).text);

/** Reads up to the first `caught-up`. */
const untilCaughtUp = async (
  store: EventStore,
  categories: readonly Category[],
  from: Position | 'start' = 'start',
): Promise<Recorded[]> => {
  const seen: Recorded[] = [];
  for await (const event of store.subscribe(categories, from, new AbortController().signal)) {
    if (event === 'caught-up') break;
    seen.push(event);
  }
  return seen;
};

/** Each proves one promise of the port, on an empty store or on one that others have written to. */
export const eventStoreChecks: Readonly<Record<string, (store: EventStore, at: Places) => Promise<void>>> = {
  'a missing stream has no revision and no events': async (store, at) => {
    expect(await store.read(aStream(at.notes))).toEqual({ revision: NO_STREAM, events: [] });
    expect(await store.read(aStream(at.notes), { upTo: 3 })).toEqual({ revision: NO_STREAM, events: [] });
    if (at.isEmpty) expect(await store.head()).toBe(0);
  },

  'after n events a stream is at revision n - 1': async (store, at) => {
    const stream = aStream(at.notes);
    expect(await store.append(stream, [noted('a'), noted('b')], NO_STREAM, metadata())).toMatchObject({ revision: 1 });
    expect(await store.append(stream, [noted('c')], 1, metadata())).toMatchObject({ revision: 2 });
    const { revision, events } = await store.read(stream);
    expect(revision).toBe(2);
    expect(events.map((event) => event.revision)).toEqual([0, 1, 2]);
    expect(texts(events)).toEqual(['a', 'b', 'c']);
    expect(events.every((event) => event.stream === stream)).toBe(true);
  },

  'a stale expected revision is refused and nothing is written': async (store, at) => {
    const stream = aStream(at.notes);
    await store.append(stream, [noted('a'), noted('b')], NO_STREAM, metadata());
    const head = await store.head();
    for (const expected of [NO_STREAM, 0, 2, 7]) {
      const refused = store.append(stream, [noted('lost'), noted('too')], expected, metadata());
      await expect(refused).rejects.toBeInstanceOf(RevisionConflict);
    }
    await expect(store.append(aStream(at.notes), [noted('lost')], 0, metadata())).rejects.toBeInstanceOf(RevisionConflict);
    expect(texts((await store.read(stream)).events)).toEqual(['a', 'b']);
    expect(await untilCaughtUp(store, [at.notes], head)).toEqual([]);
  },

  'of two racing writers exactly one wins': async (store, at) => {
    const stream = aStream(at.notes);
    for (let expected = NO_STREAM; expected < 20; expected++) {
      const race = await Promise.allSettled(
        ['left', 'right'].map((text) => store.append(stream, [noted(text)], expected, metadata())),
      );
      expect(race.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      for (const loser of race) if (loser.status === 'rejected') expect(loser.reason).toBeInstanceOf(RevisionConflict);
    }
    expect((await store.read(stream)).events).toHaveLength(21);
  },

  'appends to one stream that name each other’s revisions may follow without waiting': async (store, at) => {
    const stream = aStream(at.notes);
    const appended = await Promise.all([0, 1, 2].map((n) => store.append(stream, [noted(String(n))], n - 1, metadata())));
    expect(appended.map(({ revision }) => revision)).toEqual([0, 1, 2]);
  },

  'a batch is appended whole or not at all': async (store, at) => {
    const stream = aStream(at.notes);
    const unstorable = { type: 'Noted', data: { text: 1n } };
    await expect(store.append(stream, [noted('a'), unstorable], NO_STREAM, metadata())).rejects.toThrow(TypeError);
    expect(await store.read(stream)).toEqual({ revision: NO_STREAM, events: [] });
  },

  'several commands’ events are appended whole or not at all': async (store, at) => {
    const stream = aStream(at.notes);
    const [first, second] = [metadata(), metadata()];
    const batches = [
      { events: [noted('a'), noted('b')], metadata: first },
      { events: [noted('c')], metadata: second },
    ];
    const appended = await store.appendBatches(stream, batches, NO_STREAM);
    expect(appended.revision).toBe(2);
    expect(appended.events.map((event) => event.metadata)).toEqual([first, first, second]);
    await expect(store.appendBatches(stream, batches, 1)).rejects.toBeInstanceOf(RevisionConflict);
    expect((await store.read(stream)).events).toEqual(appended.events);
  },

  'an append without events is refused': async (store, at) => {
    await expect(store.append(aStream(at.notes), [], NO_STREAM, metadata())).rejects.toThrow(TypeError);
  },

  'what JSON would lose is refused by its path': async (store, at) => {
    for (const value of [
      new Date(0),
      new Map(),
      Decimal.of('1'),
      [undefined],
      1n,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      () => 1,
    ]) {
      const refused = store.append(aStream(at.notes), [{ type: 'Noted', data: { deep: [{ value }] } }], NO_STREAM, metadata());
      await expect(refused).rejects.toThrow(/^Noted\.deep\[0\]\.value(\[0\])? is /);
    }
  },

  'unicode, null and empty arrays survive': async (store, at) => {
    const stream = aStream(at.notes);
    const data = {
      text: 'Zoë — 日本語 👩🏽‍🚀 " \\ \u0000 \u2028 \ud83d',
      none: null,
      list: [],
      nested: { empty: {}, mixed: [null, 0, -1.5, true, '', []] },
      amount: '123456789012345678.123456789',
    };
    const { events: appended } = await store.append(stream, [{ type: 'Noted', data }], NO_STREAM, metadata());
    const { events } = await store.read(stream);
    expect(events[0]?.data).toEqual(data);
    expect(appended).toEqual(events);
    expect(await untilCaughtUp(store, [at.notes])).toEqual(events);
  },

  'what is appended is given back exactly as it will be read': async (store, at) => {
    const stream = aStream(at.notes);
    class Address {
      readonly street: string | undefined = undefined;
      readonly lines = ['a', -0];
    }
    const { events: appended } = await store.append(
      stream,
      [
        {
          type: 'Noted',
          data: { text: 'x', left: undefined, address: new Address(), row: Object.assign(Object.create(null), { id: 1 }) },
        },
      ],
      NO_STREAM,
      metadata(),
    );
    expect(appended[0]?.data).toStrictEqual({ text: 'x', address: { lines: ['a', 0] }, row: { id: 1 } });
    expect((await store.read(stream)).events).toStrictEqual(appended);
  },

  'metadata survives': async (store, at) => {
    const stream = aStream(at.notes);
    const given: Metadata = {
      ...metadata(),
      principal: { id: 'Jörg', onBehalfOf: 'tenant-1' },
      tenant: 'tenant-2',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    };
    await store.append(stream, [noted('a')], NO_STREAM, given);
    const [event] = (await store.read(stream)).events;
    expect(event?.metadata).toEqual(given);
  },

  'event ids differ between events, streams and commands, and repeat for the same': async (store, at) => {
    const [one, other] = [aStream(at.notes), aStream(at.notes)];
    const command = metadata();
    const first = await store.append(one, [noted('a'), noted('b')], NO_STREAM, command);
    const second = await store.append(other, [noted('a')], NO_STREAM, command);
    const third = await store.append(one, [noted('a')], 1, metadata());
    const ids = [first, second, third].flatMap(({ events }) => events.map(({ eventId }) => eventId));
    expect(new Set(ids).size).toBe(4);
    expect((await untilCaughtUp(store, [at.notes])).map(({ eventId }) => eventId)).toEqual(ids);
  },

  'a stream reads as it was, up to a revision': async (store, at) => {
    const stream = aStream(at.notes);
    await store.append(stream, ['a', 'b', 'c', 'd'].map(noted), NO_STREAM, metadata());
    const before = await store.read(stream, { upTo: 1 });
    expect(before.revision).toBe(1);
    expect(texts(before.events)).toEqual(['a', 'b']);
    expect((await store.read(stream, { upTo: 9 })).revision).toBe(3);
    expect(texts((await store.read(stream, { after: 0, upTo: 2 })).events)).toEqual(['b', 'c']);
  },

  'a stream reads on from a revision, and says where it stands when nothing is new': async (store, at) => {
    const stream = aStream(at.notes);
    await store.append(stream, ['a', 'b', 'c'].map(noted), NO_STREAM, metadata());
    expect(texts((await store.read(stream, { after: 1 })).events)).toEqual(['c']);
    expect(await store.read(stream, { after: 2 })).toEqual({ revision: 2, events: [] });
    expect(await store.read(stream, { after: 8 })).toEqual({ revision: 2, events: [] });
  },

  'retired events read in today’s language, everywhere': async (store, at) => {
    const stream = aStream(at.notes);
    const scribbled = { type: 'Scribbled', data: { words: 'hello' } };
    const { events: appended } = await store.append(stream, [scribbled], NO_STREAM, metadata());
    const today = { type: 'Noted', data: { text: 'hello', language: 'en' } };
    expect((await store.read(stream)).events).toMatchObject([today]);
    expect(await untilCaughtUp(store, [at.notes])).toMatchObject([today]);
    expect(appended).toMatchObject([today]);
  },

  'a subscription from the start sees every event of its categories in store order': async (store, at) => {
    const [one, other, foreign] = [aStream(at.notes), aStream(at.notes), aStream(at.others)];
    await store.append(one, [noted('a')], NO_STREAM, metadata());
    await store.append(foreign, [noted('x')], NO_STREAM, metadata());
    await store.append(other, [noted('b'), noted('c')], NO_STREAM, metadata());
    await store.append(one, [noted('d')], 0, metadata());
    const seen = await untilCaughtUp(store, [at.notes]);
    expect(texts(seen)).toEqual(['a', 'b', 'c', 'd']);
    const positions = seen.map(({ position }) => position);
    expect(positions).toEqual([...positions].sort((left, right) => left - right));
    expect(new Set(positions).size).toBe(4);
    expect(texts(await untilCaughtUp(store, [at.notes, at.others]))).toEqual(['a', 'x', 'b', 'c', 'd']);
    expect(await untilCaughtUp(store, [])).toEqual([]);
    expect(await untilCaughtUp(store, ['test' as Category, at.notes.slice(0, -1) as Category])).toEqual([]);
  },

  'a subscription from a position begins after it': async (store, at) => {
    const stream = aStream(at.notes);
    const { position } = await store.append(stream, [noted('a')], NO_STREAM, metadata());
    await store.append(aStream(at.others), [noted('x')], NO_STREAM, metadata());
    await store.append(stream, [noted('b'), noted('c')], 0, metadata());
    expect(texts(await untilCaughtUp(store, [at.notes], position))).toEqual(['b', 'c']);
    expect(await untilCaughtUp(store, [at.notes], await store.head())).toEqual([]);
  },

  'a subscription goes on live after it has caught up': async (store, at) => {
    const stream = aStream(at.notes);
    await store.append(stream, [noted('a')], NO_STREAM, metadata());
    const stop = new AbortController();
    const seen: string[] = [];
    let next = 0;
    for await (const event of store.subscribe([at.notes], 'start', stop.signal)) {
      seen.push(event === 'caught-up' ? event : (event.data as { text: string }).text);
      if (event !== 'caught-up') continue;
      if (next === 3) stop.abort();
      // Another category's event wakes nobody for long: it must not show.
      else if (next === 1) await store.append(aStream(at.others), [noted('x')], NO_STREAM, metadata());
      if (next < 3) await store.append(stream, [noted(`live ${String(next)}`)], next, metadata());
      next += 1;
    }
    expect(seen).toEqual(['a', 'caught-up', 'live 0', 'caught-up', 'live 1', 'caught-up', 'live 2', 'caught-up']);
  },

  'abort ends a waiting subscription without an error': async (store, at) => {
    const stop = new AbortController();
    const waiting = (async () => {
      let seen = 0;
      for await (const _ of store.subscribe([at.notes], 'start', stop.signal)) {
        seen += 1;
        setImmediate(() => {
          stop.abort();
        });
      }
      return seen;
    })();
    expect(await waiting).toBe(1);
    const never = store.subscribe([at.notes], 'start', AbortSignal.abort())[Symbol.asyncIterator]();
    expect(await never.next()).toMatchObject({ done: true });
  },

  'abort ends a subscription in the midst of its events': async (store, at) => {
    await store.append(aStream(at.notes), ['a', 'b', 'c'].map(noted), NO_STREAM, metadata());
    const stop = new AbortController();
    const seen: unknown[] = [];
    for await (const event of store.subscribe([at.notes], 'start', stop.signal)) {
      seen.push(event);
      if (seen.length === 2) stop.abort();
    }
    expect(seen).toHaveLength(2);
  },

  'subscriptions that break off and come back see every event once': async (store, at) => {
    const total = 1_200;
    const writing = (async () => {
      for (let n = 0; n < total; n += 100) {
        const appends = Array.from({ length: 50 }, (_, k) =>
          store.append(aStream(at.notes), [noted(String(n + 2 * k)), noted(String(n + 2 * k + 1))], NO_STREAM, metadata()),
        );
        await Promise.all(appends);
      }
    })();
    const seen: unknown[] = [];
    let from: Position | 'start' = 'start';
    for (let connection = 0; seen.length < total; connection++) {
      let taken = 0;
      for await (const event of store.subscribe([at.notes], from, new AbortController().signal)) {
        if (event === 'caught-up') continue;
        seen.push(...texts([event]));
        from = event.position;
        if (++taken > 10 + 61 * (connection % 12) || seen.length === total) break;
      }
    }
    await writing;
    expect(seen).toEqual(Array.from({ length: total }, (_, n) => String(n)));
  },

  'a subscription of two categories begins after a position in both of them': async (store, at) => {
    await store.append(aStream(at.notes), [noted('a')], NO_STREAM, metadata());
    const { position } = await store.append(aStream(at.others), [noted('x'), noted('y')], NO_STREAM, metadata());
    await store.append(aStream(at.notes), [noted('b')], NO_STREAM, metadata());
    await store.append(aStream(at.others), [noted('z')], NO_STREAM, metadata());
    expect(texts(await untilCaughtUp(store, [at.notes, at.others], position))).toEqual(['b', 'z']);
    expect(texts(await untilCaughtUp(store, [at.others, at.notes], position))).toEqual(['b', 'z']);
  },

  'positions grow within an append, and each is one to go on from': async (store, at) => {
    const { events } = await store.append(aStream(at.notes), ['a', 'b', 'c', 'd'].map(noted), NO_STREAM, metadata());
    const seen = await untilCaughtUp(store, [at.notes]);
    expect(seen.map(({ position }) => position)).toEqual(events.map(({ position }) => position));
    for (const [index, { position }] of events.entries()) {
      expect(Number.isSafeInteger(position)).toBe(true);
      expect(texts(await untilCaughtUp(store, [at.notes], position))).toEqual(['a', 'b', 'c', 'd'].slice(index + 1));
    }
  },

  'a place that was passed leaves out nothing': async (store, at) => {
    await store.append(aStream(at.notes), [noted('a')], NO_STREAM, metadata());
    await store.append(aStream(at.others), [noted('x')], NO_STREAM, metadata());
    const stop = new AbortController();
    const [seen, passed]: [string[], Position[]] = [[], []];
    const took = (position: Position): number => passed.push(position);
    for await (const event of store.subscribe([at.notes], 'start', stop.signal, took)) {
      if (event !== 'caught-up') {
        seen.push(String(texts([event])[0]));
        for (const position of passed) expect(event.position).toBeGreaterThan(position);
      } else if (seen.length === 3) stop.abort();
      else await store.append(aStream(at.notes), [noted(`after ${String(seen.length)}`)], NO_STREAM, metadata());
    }
    expect(seen).toEqual(['a', 'after 1', 'after 2']);
  },

  'a large event, and many at once, survive': async (store, at) => {
    const [large, many] = [aStream(at.notes), aStream(at.notes)];
    await store.append(large, [noted('é'.repeat(500_000))], NO_STREAM, metadata());
    expect(texts((await store.read(large)).events)).toEqual(['é'.repeat(500_000)]);
    const numbers = Array.from({ length: 1_000 }, (_, n) => String(n));
    const appended = await store.append(many, numbers.map(noted), NO_STREAM, metadata());
    expect(appended.revision).toBe(999);
    const { events } = await store.read(many);
    expect(events).toEqual(appended.events);
    expect(texts(events)).toEqual(numbers);
    expect((await untilCaughtUp(store, [at.notes])).slice(1)).toEqual(events);
  },

  'very many appends at once are all there, each stream in its order': async (store, at) => {
    const streams = Array.from({ length: 50 }, () => aStream(at.notes));
    await Promise.all(
      streams.map(async (stream) => {
        for (let n = 0; n < 10; n++) await store.append(stream, [noted(String(n))], n - 1, metadata());
      }),
    );
    const seen = await untilCaughtUp(store, [at.notes]);
    expect(seen).toHaveLength(500);
    for (const stream of streams)
      expect(texts(seen.filter((event) => event.stream === stream))).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
  },
};

/** The promises of the port, for one adapter. */
export const eventStoreContract = (adapter: string, open: OpenStore): void => {
  describe(`the event store on ${adapter}`, () => {
    for (const [promise, check] of Object.entries(eventStoreChecks))
      it(promise, async () => {
        const { store, close, isEmpty = true } = await open();
        try {
          await check(store, freshPlaces(isEmpty));
        } finally {
          await close();
        }
      });

    it('has the log id of its log', async () => {
      const opened = [await open(), await open()];
      const [one, other] = opened.map(({ store, isEmpty = true }) => ({ logId: store.logId, isEmpty }));
      await Promise.all(opened.map(({ close }) => close()));
      expect(one?.logId).not.toBe('');
      expect(one?.logId === other?.logId).toBe(!one?.isEmpty);
    });
  });
};
