import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Projection } from './projection.ts';
import { type ReadModels } from './read-model.ts';
import { type Counted, counters, type Faults, others } from './testing/counters.ts';
import { type ProjectionStatus, type ReadModelUpkeep } from './upkeep.ts';

/** Read models over a log, and the ways into them. */
export type UpkeepSubject = Readonly<{
  readModels: ReadModels & ReadModelUpkeep;
  /** Resolves once queries see the events, or they wait in quarantine. */
  append: (stream: string, ...events: readonly DomainEvent[]) => Promise<void>;
  /** Of every document that serves, in the order of their ids. */
  bytes: (projection: string) => Promise<readonly string[]>;
  /** The same log and what is stored, in the hands of a process of another program. */
  restarted: (projections: readonly Projection[]) => Promise<UpkeepSubject>;
  close: () => Promise<void>;
}>;

/** What every adapter lets an operator do, and tells. */
export const upkeepContract = (open: (projections: readonly Projection[]) => Promise<UpkeepSubject>): void => {
  let subject: UpkeepSubject;
  const started = async (...projections: readonly Projection[]): Promise<void> => {
    subject = await open(projections);
  };
  const restarted = async (...projections: readonly Projection[]): Promise<void> => {
    subject = await subject.restarted(projections);
  };
  const count = (counter: string, by: number, text?: string): Promise<void> =>
    subject.append(`test.counter-${counter}`, {
      type: 'Counted',
      data: { counter, by, ...(text === undefined ? {} : { text }) },
    } satisfies Counted);
  const countMany = async (counterCount: number, times: number): Promise<void> => {
    for (let round = 0; round < times; round++)
      await Promise.all(Array.from({ length: counterCount }, (_, index) => count(`c${String(index)}`, round + index)));
  };
  const statusOf = async (name: string): Promise<ProjectionStatus> => {
    const found = (await subject.readModels.status()).find((one) => one.projection === name);
    if (!found) throw new Error(`no status of ${name}`);
    return found;
  };

  afterEach(() => subject.close());

  describe.each<[string, Faults, number]>([
    ['its part', { evolve: 'poison' }, 1],
    ['its row', { row: 'poison' }, 0],
  ])('an event that %s cannot take', (_, faults, remaining) => {
    beforeEach(async () => {
      await started(counters(1, faults), others);
      await count('a', 1);
      await count('b', 1);
      await count('a', 2, 'poison');
      // Folded together with the event behind it, the row would never have been computed.
      expect(await subject.readModels.quarantined()).toHaveLength(1);
      await count('a', 4);
      await count('b', 2);
    });

    it('is listed, and everything else goes on', async () => {
      expect(await subject.readModels.quarantined()).toEqual([
        {
          projection: 'counters',
          document: 'a',
          part: 'own',
          stream: 'test.counter-a',
          revision: 1,
          error: expect.stringContaining('cannot'),
        },
      ]);
      expect((await statusOf('counters')).quarantined).toBe(1);
      expect(await subject.readModels.of(counters()).get('b')).toMatchObject({ sum: 3 });
      expect(await subject.readModels.of(others).get('a')).toMatchObject({ kinds: 3 });
    });

    it('waits on while it cannot be folded', async () => {
      expect(await subject.readModels.retry()).toEqual({ retried: 1, remaining });
      expect(await subject.readModels.quarantined()).toHaveLength(remaining);
    });

    it('is folded by a retry after the fix, as if it had never failed', async () => {
      await restarted(counters(), others);
      await expect(subject.readModels.of(counters()).get('a')).rejects.toMatchObject({ code: 'row-quarantined' });
      expect(await subject.readModels.retry('counters')).toEqual({ retried: 1, remaining: 0 });
      expect(await subject.readModels.of(counters()).get('a')).toMatchObject({ sum: 7 });
      const retried = await subject.bytes('counters');
      await subject.readModels.replay('counters');
      expect(await subject.bytes('counters')).toEqual(retried);
      expect(await subject.readModels.quarantined()).toEqual([]);
    });

    it('does not keep the others from being rebuilt', async () => {
      await count('c', 1, 'poison');
      await subject.readModels.replay('counters');
      expect((await subject.readModels.quarantined()).map(({ document }) => document)).toContain('c');
      expect(await subject.readModels.of(counters()).get('b')).toMatchObject({ sum: 3 });
    });
  });

  describe('an event whose document cannot be told', () => {
    it('stops its stream with an alarm, until a retry after the fix', async () => {
      await started(counters(1, { document: 'poison' }));
      await count('a', 1);
      await count('a', 2, 'poison');
      await count('a', 4);
      await count('b', 1);
      const alarm = { projection: 'counters', document: null, part: null, stream: 'test.counter-a', revision: 1 };
      expect(await subject.readModels.quarantined()).toMatchObject([alarm]);
      expect(await subject.readModels.of(counters()).get('a')).toMatchObject({ sum: 1 });
      expect(await subject.readModels.of(counters()).get('b')).toMatchObject({ sum: 1 });
      expect(await subject.readModels.retry()).toEqual({ retried: 1, remaining: 1 });

      await restarted(counters());
      await count('a', 8);
      expect(await subject.readModels.quarantined()).toMatchObject([alarm]);
      expect(await subject.readModels.retry()).toEqual({ retried: 1, remaining: 0 });
      expect(await subject.readModels.of(counters()).get('a')).toMatchObject({ sum: 15 });
      await count('a', 16);
      expect(await subject.readModels.of(counters()).get('a')).toMatchObject({ sum: 31 });
      expect(await subject.readModels.quarantined()).toEqual([]);
    });
  });

  describe('replaying', () => {
    beforeEach(() => started(counters(), others));

    it('ends in the same bytes in a new generation', async () => {
      await countMany(40, 5);
      const before = await subject.bytes('counters');
      const { generation } = await statusOf('counters');
      await subject.readModels.replay('counters');
      expect(await subject.bytes('counters')).toEqual(before);
      const after = await statusOf('counters');
      expect(after).toMatchObject({ state: 'serving', progress: null, error: null });
      expect(after.generation).toBeGreaterThan(generation ?? 0);
    });

    it('leaves the serving rows complete and current all the while', async () => {
      await countMany(100, 3);
      let running = true;
      const replay = subject.readModels.replay('counters').finally(() => (running = false));
      let asked = 0;
      while (running) {
        asked += 1;
        await count('c7', 1_000);
        const shown = subject.readModels.of(counters());
        expect((await shown.find({ limit: 1 })).total).toBe(100);
        expect(await shown.get('c7')).toMatchObject({ sum: 24 + asked * 1_000 });
      }
      await replay;
      expect(asked).toBeGreaterThan(0);
      await count('c7', 1);
      expect(await subject.readModels.of(counters()).get('c7')).toMatchObject({ sum: 25 + asked * 1_000 });
    });

    it('runs once per name at a time, and of names that are there', async () => {
      await countMany(10, 1);
      const replay = subject.readModels.replay('counters');
      const second = subject.readModels.replay('counters');
      const outcomes = await Promise.allSettled([replay, second]);
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      expect(refused).toMatchObject([{ reason: { refusal: 'conflict', code: 'replay-running' } }]);
      await subject.readModels.replay('counters');
      await expect(subject.readModels.replay('customers')).rejects.toMatchObject({ refusal: 'not-found' });
      await expect(subject.readModels.cancelReplay('counters')).rejects.toMatchObject({ code: 'replay-not-running' });
      await expect(subject.readModels.retry('customers')).rejects.toMatchObject({ refusal: 'not-found' });
    });

    it('is given up when aborted', async () => {
      await countMany(100, 3);
      const { generation } = await statusOf('counters');
      await expect(subject.readModels.replay('counters', AbortSignal.abort(new Error('never mind')))).rejects.toThrow(
        'never mind',
      );
      expect(await statusOf('counters')).toMatchObject({ generation, state: 'serving', progress: null });
      await subject.readModels.replay('counters');
      expect(await subject.readModels.of(counters()).get('c7')).toMatchObject({ sum: 24 });
    });
  });

  describe('a raised version', () => {
    it('is built from the beginning', async () => {
      await started(counters());
      await countMany(4, 3);
      await restarted(counters(2));
      expect(await subject.readModels.of(counters(2)).get('c3')).toMatchObject({ sum: 12, version: 2 });
      expect(() => subject.readModels.of(counters())).toThrow(TypeError);
    });
  });
};
