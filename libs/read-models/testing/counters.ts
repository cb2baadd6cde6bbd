import { type DomainEvent } from '#libs/event-sourcing/event';
import { part, projection } from '../projection.ts';

export type Counted = DomainEvent<'Counted', { counter: string; by: number; text?: string }>;

export type Faults = Readonly<{ evolve?: string; row?: string; document?: string }>;

/** Counts per counter; the faults are texts that the program cannot take yet. */
export const counters = (version = 1, faults: Faults = {}) =>
  projection({
    name: 'counters',
    version,
    parts: {
      own: part<Counted, { sum: number; text: string }>('test.counter', {
        document: ({ data }) => {
          if (data.text !== undefined && data.text === faults.document) throw new Error('whose is it?');
          return data.counter;
        },
        evolve: (state, { data }) => {
          if (data.text !== undefined && data.text === faults.evolve) throw new Error('cannot count');
          return { sum: (state?.sum ?? 0) + data.by, text: data.text ?? '' };
        },
      }),
    },
    row: ({ own }, id) => {
      if (own && own.text === faults.row) throw new Error('cannot show');
      return { id, sum: own?.sum ?? 0, version };
    },
    indexes: [['sum']],
  });

/** How many events a counter has. */
export const others = projection({
  name: 'others',
  version: 1,
  parts: { own: part<Counted, number>('test.counter', { document: ({ data }) => data.counter, evolve: (n = 0) => n + 1 }) },
  row: ({ own }, id) => ({ id, kinds: own ?? 0 }),
  indexes: [],
});
