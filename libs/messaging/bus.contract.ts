import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Category, type DomainEvent, type Position, type Recorded } from '#libs/event-sourcing/event';
import { type Bus, type ConsumerStatus } from './bus.ts';
import { type Consumer } from './consumer.ts';

/** A bus beside its log, both of which survive `restart`. Waiting before a further delivery takes no time. */
export type BusSubject = Readonly<{
  bus: () => Bus;
  /** Resolves once the events are stored. */
  append: (stream: string, ...events: readonly DomainEvent[]) => Promise<Position>;
  /** How long the bus wanted to wait before each further delivery, in milliseconds. */
  waited: () => readonly number[];
  /** From now on such a wait lasts until the bus ends. */
  hold: () => void;
  /** As after the end of the process. */
  restart: () => Promise<void>;
  close: () => Promise<void>;
  /** What a status may say of a place in the log, or of a distance: buses count in units of their own. */
  counted: (positions: number) => unknown;
  /** How long an event may be on its way to a handler, in milliseconds. */
  underWay: number;
}>;

/** The delays that every adapter's subject is to be opened with. */
export const DELAYS = [10, 20, 30];
export const HANDLER_TIMEOUT = 40;

const order = (n: number): DomainEvent => ({ type: 'Ordered', data: { n } });
const numberOf = ({ stream, data }: Recorded): string => `${stream.slice(-1)}${String((data as { n: number }).n)}`;

/** What every adapter of the bus does. */
export const busContract = (open: () => Promise<BusSubject>): void => {
  let subject: BusSubject;
  let ending: AbortController;
  let running: Promise<void>;
  let handled: string[];
  /** What the consumer under test cannot handle now. */
  let failing: Set<string>;

  const consumer = (told: Partial<Consumer> = {}): Consumer => ({
    name: 'reaction',
    categories: ['test.order' as Category],
    onFailure: 'park',
    target: ({ stream }) => stream,
    handle: async (event) => {
      if (failing.has(numberOf(event))) throw new Error(`cannot handle ${numberOf(event)}`);
      handled.push(numberOf(event));
    },
    ...told,
  });
  const run = (...consumers: readonly Consumer[]): void => {
    ending = new AbortController();
    running = subject.bus().run(consumers, ending.signal);
  };
  const end = async (): Promise<void> => {
    ending.abort();
    await running;
  };
  const statusOf = async (name = 'reaction'): Promise<ConsumerStatus> => {
    const found = (await subject.bus().status()).find((one) => one.consumer === name);
    if (!found) throw new Error(`no status of ${name}`);
    return found;
  };
  const settled = (): Promise<void> => subject.bus().settled({ timeout: 15_000 });

  beforeEach(async () => {
    subject = await open();
    handled = [];
    failing = new Set();
    ending = new AbortController();
    running = Promise.resolve();
  });
  afterEach(async () => {
    await end();
    await subject.close();
  });

  describe('delivering events', () => {
    it('begins at the start of the log and keeps its order', async () => {
      await subject.append('test.order-a', order(1), order(2));
      await subject.append('test.order-b', order(1));
      run(consumer());
      await settled();
      await subject.append('test.order-a', order(3));
      await settled();
      expect(handled).toEqual(['a1', 'a2', 'b1', 'a3']);
    });

    it('delivers the categories that a consumer names, and no other', async () => {
      await subject.append('test.order-a', order(1));
      await subject.append('test.orders-b', order(1));
      await subject.append('test.other-c', order(1));
      run(consumer());
      await settled();
      expect(handled).toEqual(['a1']);
    });

    it('delivers the next event of a consumer only when the last is handled', async () => {
      let inside = 0;
      let most = 0;
      run(
        consumer({
          handle: async () => {
            most = Math.max(most, ++inside);
            await new Promise((resolve) => setTimeout(resolve, 1));
            inside -= 1;
          },
        }),
      );
      await Promise.all(Array.from({ length: 10 }, (_, n) => subject.append(`test.order-${String(n)}`, order(n))));
      await settled();
      expect(most).toBe(1);
    });

    it('settles only when what reactions cause is handled too', async () => {
      const names: string[] = [];
      run(
        consumer({
          name: 'first',
          handle: async (event) => {
            await subject.append(`test.bill-${numberOf(event)}`, order(1));
          },
        }),
        consumer({
          name: 'second',
          categories: ['test.bill' as Category],
          handle: async ({ stream }) => {
            await new Promise((resolve) => setTimeout(resolve, 5));
            names.push(stream);
          },
        }),
      );
      await subject.append('test.order-a', order(1), order(2));
      await settled();
      expect(names).toEqual(['test.bill-a1', 'test.bill-a2']);
    });

    it('says how far each consumer is', async () => {
      run(consumer());
      const position = await subject.append('test.order-a', order(1));
      await subject.bus().untilCaughtUp(position, { timeout: 15_000 });
      const last = await subject.append('test.other-a', order(1));
      await settled();
      expect(await statusOf()).toEqual({
        consumer: 'reaction',
        state: 'running',
        position: subject.counted(last),
        lag: 0,
        parked: 0,
        failure: null,
      });
    });

    it('gives up waiting at the timeout, naming who is behind', async () => {
      subject.hold();
      failing.add('a1');
      run(consumer());
      const position = await subject.append('test.order-a', order(1));
      await expect(subject.bus().untilCaughtUp(position, { timeout: subject.underWay })).rejects.toThrow(/ms.*reaction at 0/);
    });
  });

  describe('after a restart', () => {
    it('goes on behind what was handled', async () => {
      run(consumer());
      await subject.append('test.order-a', order(1), order(2));
      await settled();
      await end();
      await subject.restart();
      await subject.append('test.order-a', order(3));
      run(consumer());
      await settled();
      expect(handled).toEqual(['a1', 'a2', 'a3']);
    });

    it('delivers again what was not handled to its end', async () => {
      await subject.append('test.order-a', order(1), order(2));
      let reached = (): void => undefined;
      const inside = new Promise<void>((resolve) => (reached = resolve));
      run(
        consumer({
          handle: async (event, signal) => {
            handled.push(numberOf(event));
            if (numberOf(event) !== 'a2') return;
            reached();
            await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('shut down'))));
          },
        }),
      );
      await inside;
      await end();
      expect(await statusOf()).toMatchObject({ state: 'ended', parked: 0 });
      await subject.restart();
      run(consumer());
      await settled();
      expect(handled).toEqual(['a1', 'a2', 'a2']);
    });

    it('gives a new consumer the whole log, whatever the others have seen', async () => {
      run(consumer());
      await subject.append('test.order-a', order(1));
      await settled();
      await end();
      await subject.restart();
      run(consumer(), consumer({ name: 'new' }));
      await settled();
      expect(handled).toEqual(['a1', 'a1']);
    });
  });

  describe('an event that cannot be handled', () => {
    it('is delivered again after growing delays, and handled once it can be', async () => {
      let tries = 0;
      run(
        consumer({
          handle: async () => {
            if (++tries < 3) throw new Error('not yet');
          },
        }),
      );
      await subject.append('test.order-a', order(1));
      await settled();
      expect(tries).toBe(3);
      expect(subject.waited()).toEqual(DELAYS.slice(0, 2));
      expect(await statusOf()).toMatchObject({ state: 'running', parked: 0, failure: null });
    });

    it('is parked with its bytes and the reason, and the consumer goes on', async () => {
      failing.add('a1');
      run(consumer());
      const position = await subject.append('test.order-a', order(1));
      await subject.append('test.order-b', order(1));
      await settled();
      expect(handled).toEqual(['b1']);
      expect(subject.waited()).toEqual(DELAYS);
      const [parked, ...others] = await subject.bus().parked();
      expect(others).toEqual([]);
      expect(parked).toMatchObject({
        consumer: 'reaction',
        target: 'test.order-a',
        position,
        stream: 'test.order-a',
        revision: 0,
        reason: 'Error: cannot handle a1',
        behind: false,
      });
      expect(JSON.parse(parked?.bytes ?? '')).toMatchObject({
        type: 'Ordered',
        data: { n: 1 },
        stream: 'test.order-a',
        position,
      });
    });

    it.each<[string, Consumer['handle']]>([
      [
        'throws at once',
        () => {
          throw new SyntaxError('Unexpected token');
        },
      ],
      // Whatever a library may throw.
      ['rejects with no error', () => Promise.reject('a text' as unknown as Error)],
      ['never ends', () => new Promise(() => undefined)],
    ])('harms neither the process nor other consumers when its handler %s', async (_, handle) => {
      run(consumer({ name: 'broken', handle }), consumer());
      await subject.append('test.order-a', order(1), order(2));
      await settled();
      expect(handled).toEqual(['a1', 'a2']);
      expect((await subject.bus().parked('broken')).map(({ revision, behind }) => [revision, behind])).toEqual([
        [0, false],
        [1, true],
      ]);
    });

    it('tells a handler that takes too long', async () => {
      let told = 0;
      run(
        consumer({
          handle: (_, signal) => new Promise(() => signal.addEventListener('abort', () => told++)),
        }),
      );
      await subject.append('test.order-a', order(1));
      await settled();
      expect(told).toBe(DELAYS.length + 1);
      expect((await subject.bus().parked())[0]?.reason).toContain(`longer than ${String(HANDLER_TIMEOUT)} ms`);
    });

    it('is parked under its stream when not even its target can be told', async () => {
      failing.add('a1');
      run(
        consumer({
          target: () => {
            throw new Error('no target');
          },
        }),
      );
      await subject.append('test.order-a', order(1), order(2));
      await settled();
      expect((await subject.bus().parked()).map(({ target }) => target)).toEqual(['test.order-a', 'test.order-a']);
    });
  });

  describe('behind a parked event', () => {
    const parkedNow = async (): Promise<readonly string[]> =>
      (await subject.bus().parked('reaction')).map(({ bytes }) => numberOf(JSON.parse(bytes) as Recorded));

    beforeEach(async () => {
      failing.add('a1');
      run(consumer());
      await subject.append('test.order-a', order(1), order(2));
      await subject.append('test.order-b', order(1));
      await subject.append('test.order-a', order(3));
      await settled();
    });

    it('wait later ones of its target, also after a restart; others go on', async () => {
      expect(await parkedNow()).toEqual(['a1', 'a2', 'a3']);
      await end();
      await subject.restart();
      run(consumer());
      await subject.append('test.order-a', order(4));
      await subject.append('test.order-b', order(2));
      await settled();
      expect(handled).toEqual(['b1', 'b2']);
      expect(await parkedNow()).toEqual(['a1', 'a2', 'a3', 'a4']);
      expect(await statusOf()).toMatchObject({ parked: 4, lag: 0 });
    });

    it('they are retried in order, and the target is free again', async () => {
      failing.clear();
      expect(await subject.bus().retryParked('reaction')).toEqual({ handled: 3, remaining: 0 });
      await subject.append('test.order-a', order(4));
      await settled();
      expect(handled).toEqual(['b1', 'a1', 'a2', 'a3', 'a4']);
      expect(await parkedNow()).toEqual([]);
    });

    it('a retry stops at the one that fails again', async () => {
      failing = new Set(['a2']);
      expect(await subject.bus().retryParked('reaction', 'test.order-a')).toEqual({ handled: 1, remaining: 2 });
      expect(handled).toEqual(['b1', 'a1']);
      expect((await subject.bus().parked()).map(({ reason, behind }) => [reason, behind])).toEqual([
        ['Error: cannot handle a2', false],
        ['waits for an earlier message of its target', true],
      ]);
    });

    it('a retry leaves other targets alone when told one', async () => {
      failing.clear();
      expect(await subject.bus().retryParked('reaction', 'test.order-b')).toEqual({ handled: 0, remaining: 0 });
      expect(await parkedNow()).toEqual(['a1', 'a2', 'a3']);
    });

    it('what comes during a retry is handled after what waits', async () => {
      failing.clear();
      const retry = subject.bus().retryParked('reaction');
      const appended = Promise.all([4, 5, 6].map((n) => subject.append(`test.order-a`, order(n))));
      await Promise.all([retry, appended]);
      await settled();
      await subject.bus().retryParked('reaction');
      expect(handled.filter((one) => one.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    });

    it('one that is dropped is gone for good, and the next may be retried', async () => {
      const [first] = await subject.bus().parked();
      await subject.bus().dropParked('reaction', first?.eventId ?? '');
      expect(await parkedNow()).toEqual(['a2', 'a3']);
      await subject.bus().retryParked('reaction');
      expect(handled).toEqual(['b1', 'a2', 'a3']);
    });

    it('what is not there is neither dropped nor retried', async () => {
      await expect(subject.bus().dropParked('reaction', 'nothing')).rejects.toMatchObject({
        refusal: 'not-found',
        code: 'not-parked',
      });
      await expect(subject.bus().retryParked('nobody')).rejects.toMatchObject({ refusal: 'not-found', code: 'unknown-consumer' });
    });
  });

  describe('a consumer that stops', () => {
    it('stays at the event and says why; others go on', async () => {
      failing.add('a2');
      run(consumer({ onFailure: 'stop' }), consumer({ name: 'other', handle: async () => undefined }));
      const first = await subject.append('test.order-a', order(1));
      const second = await subject.append('test.order-a', order(2), order(3));
      await expect(settled()).rejects.toThrow('reaction has stopped: Error: cannot handle a2');
      expect(await statusOf()).toEqual({
        consumer: 'reaction',
        state: 'stopped',
        position: subject.counted(first),
        lag: subject.counted(second - first),
        parked: 0,
        failure: {
          event: { stream: 'test.order-a', revision: 1, position: first + 1 },
          message: 'Error: cannot handle a2',
          attempts: DELAYS.length + 1,
        },
      });
      expect(handled).toEqual(['a1']);
      while ((await statusOf('other')).lag > 0) await nextTurn();
      expect(await statusOf('other')).toMatchObject({ state: 'running', position: subject.counted(second) });
    });

    it('goes on with that event after a restart', async () => {
      failing.add('a2');
      run(consumer({ onFailure: 'stop' }));
      await subject.append('test.order-a', order(1), order(2), order(3));
      await expect(settled()).rejects.toThrow('stopped');
      await end();
      await subject.restart();
      failing.clear();
      run(consumer({ onFailure: 'stop' }));
      await settled();
      expect(handled).toEqual(['a1', 'a2', 'a3']);
    });
  });

  describe('ending', () => {
    it('waits for the handler that is at work, and delivers nothing more', async () => {
      let finish = (): void => undefined;
      let reached = (): void => undefined;
      const inside = new Promise<void>((resolve) => (reached = resolve));
      run(
        consumer({
          handle: async (event) => {
            reached();
            await new Promise<void>((resolve) => (finish = resolve));
            handled.push(numberOf(event));
          },
        }),
      );
      await subject.append('test.order-a', order(1), order(2));
      await inside;
      let ended = false;
      ending.abort();
      void running.then(() => (ended = true));
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(ended).toBe(false);
      finish();
      await running;
      expect(handled).toEqual(['a1']);
    });

    it('tells a retry that is at work, and begins no further', async () => {
      failing = new Set(['a1', 'a2']);
      run(
        consumer({
          handle: async (event, signal) => {
            if (failing.has(numberOf(event))) throw new Error('not now');
            handled.push(numberOf(event));
            ending.abort();
            expect(signal.aborted).toBe(true);
          },
        }),
      );
      await subject.append('test.order-a', order(1), order(2));
      await settled();
      failing.clear();
      expect(await subject.bus().retryParked('reaction')).toEqual({ handled: 1, remaining: 1 });
      await running;
      expect(handled).toEqual(['a1']);
    });

    it('is at once where nothing is at work', async () => {
      run(consumer());
      await settled();
      await end();
      expect(await statusOf()).toMatchObject({ state: 'ended' });
    });
  });

  it('takes two consumers of one name for a programming error', async () => {
    await expect(subject.bus().run([consumer(), consumer()], new AbortController().signal)).rejects.toThrow(TypeError);
  });
};
