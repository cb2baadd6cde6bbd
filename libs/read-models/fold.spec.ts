import { describe, expect, it } from '@jest/globals';
import { type DomainEvent, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Document, foldWaiting, planOf, project, type Projected } from './fold.ts';
import { part, projection } from './projection.ts';
import { projectionTwins } from './projection-twins.contract.ts';
import { type History, history, recorded, rowsOf } from './testing/rows.ts';

type Owner =
  | DomainEvent<'Opened', { account: string; name: string }>
  | DomainEvent<'Renamed', { account: string; name: string }>
  | DomainEvent<'Closed', { account: string }>;
type Move = DomainEvent<'Moved', { from: string; to: string; amount: number }>;

/** `fixed` stands for the same program after its fault has been repaired. */
const accounts = ({ fixed = true }: { fixed?: boolean } = {}) =>
  projection({
    name: 'accounts',
    version: 1,
    parts: {
      owner: part<Owner, { name: string; closed: boolean }>('bank.account', {
        document: ({ data }) => data.account,
        evolve: (state, { type, data }) => {
          switch (type) {
            case 'Opened':
            case 'Renamed':
              if (!fixed && data.name === 'poison') throw new Error('cannot fold this name');
              return { name: data.name, closed: false };
            case 'Closed':
              return { name: state?.name ?? '', closed: true };
          }
        },
      }),
      moves: part<Move, number>('bank.moves', {
        document: ({ data }) => (data.from === '' ? [data.to] : [data.from, data.to]),
        evolve: (sum = 0, { data }) => sum + data.amount,
      }),
    },
    row: ({ owner, moves }, id) => {
      if (!fixed && owner?.name === 'unprintable') throw new Error('cannot print this name');
      return owner && !owner.closed ? { id, name: owner.name, moved: moves ?? 0 } : undefined;
    },
    indexes: [['name']],
  });

const opened = (account: string, name: string): Owner => ({ type: 'Opened', data: { account, name } });
const renamed = (account: string, name: string): Owner => ({ type: 'Renamed', data: { account, name } });
const closed = (account: string): Owner => ({ type: 'Closed', data: { account } });
const moved = (from: string, to: string, amount: number): Move => ({ type: 'Moved', data: { from, to, amount } });

const account = (id: string, ...events: readonly Owner[]): History => history<Owner>(`bank.account-${id}`, ...events);
const moves = (...events: readonly Move[]): History => history<Move>('bank.moves-2025', ...events);

/** Folds batches one after the other as a store would, keeping documents and heads. */
const folding = (of = accounts()) => {
  let documents = new Map<string, Document>();
  let heads = new Map();
  return {
    take: (events: readonly Recorded[], by = of): Projected => {
      const projected = project(by, events, { documents, heads });
      documents = new Map([
        ...documents,
        ...projected.documents.map((one) => [one.id, { ...one, version: one.version + 1 }] as const),
      ]);
      heads = new Map([...heads, ...projected.heads]);
      return projected;
    },
    document: (id: string): Document => {
      const found = documents.get(id);
      if (!found) throw new Error(`no document ${id}`);
      return found;
    },
    row: (id: string): unknown => JSON.parse(documents.get(id)?.row ?? 'null'),
    head: (stream: string): unknown => heads.get(stream),
  };
};

const PAST = [account('a', opened('a', 'Ann')), account('b', opened('b', 'Ben')), moves(moved('a', 'b', 5), moved('', 'a', 7))];

projectionTwins(accounts(), [
  ...PAST,
  account('a', renamed('a', 'Anna')),
  moves(moved('b', 'a', 1)),
  account('b', closed('b')),
  moves(moved('a', 'b', 2), moved('c', 'a', 3)),
]);

describe('folding a batch into documents', () => {
  it('makes the row of the parts that its streams have told', () => {
    expect(rowsOf(accounts(), PAST)).toEqual([
      { id: 'a', name: 'Ann', moved: 12 },
      { id: 'b', name: 'Ben', moved: 5 },
    ]);
  });

  it('shows a row only once its own part is there', () => {
    expect(rowsOf(accounts(), [moves(moved('', 'a', 7))])).toEqual([]);
    expect(rowsOf(accounts(), [moves(moved('', 'a', 7)), account('a', opened('a', 'Ann'))])).toEqual([
      { id: 'a', name: 'Ann', moved: 7 },
    ]);
  });

  it('keeps the document of a removed row, so that a late event cannot bring it back', () => {
    expect(rowsOf(accounts(), [account('a', opened('a', 'Ann'), closed('a')), moves(moved('', 'a', 7))])).toEqual([]);
  });

  it('skips events that a part has folded already', () => {
    const twice = folding();
    const events = recorded([account('a', opened('a', 'Ann')), moves(moved('', 'a', 7), moved('', 'a', 1))]);
    twice.take(events);
    expect(twice.take(events).documents).toEqual([]);
    expect(twice.row('a')).toEqual({ id: 'a', name: 'Ann', moved: 8 });
  });

  it('asks no projection about the facts that any stream may hold', () => {
    const accepted: DomainEvent = { type: 'CommandAccepted', data: {} };
    expect(
      rowsOf(accounts(), [{ stream: 'bank.account-a', events: [opened('a', 'Ann'), accepted, renamed('a', 'Anna')] }]),
    ).toEqual([{ id: 'a', name: 'Anna', moved: 0 }]);
  });
});

describe('a gap in a stream', () => {
  const [first, second, third] = recorded([moves(moved('', 'a', 1), moved('', 'b', 2), moved('', 'a', 4))]);
  if (!first || !second || !third) throw new Error('three events expected');

  it('is seen also where the missing event concerned another document, and stops the stream', () => {
    const gap = folding();
    gap.take([first]);
    const { alarms, documents } = gap.take([third, ...recorded([account('a', opened('a', 'Ann'))])]);
    expect(alarms).toEqual([{ stream: 'bank.moves-2025', revision: 2, kind: 'gap', reason: 'revision 2 follows revision 0' }]);
    expect(documents.map(({ id }) => id)).toEqual(['a']);
    expect(gap.row('a')).toEqual({ id: 'a', name: 'Ann', moved: 1 });
    expect(gap.head('bank.moves-2025')).toBe(0);
  });

  it('ends once the missing event has come', () => {
    const gap = folding();
    gap.take([first]);
    gap.take([third]);
    expect(gap.take([second, third]).alarms).toEqual([]);
    expect(gap.head('bank.moves-2025')).toBe(2);
  });

  it('is a stream that does not begin at revision 0', () => {
    expect(folding().take([second]).alarms).toMatchObject([
      { revision: 1, reason: 'the stream begins at revision 1 instead of 0' },
    ]);
  });
});

describe('an event whose documents cannot be told', () => {
  it('stops its stream with an alarm, and no other', () => {
    const broken = projection({
      ...accounts(),
      parts: {
        owner: part<Owner, string>('bank.account', {
          document: ({ data }) => {
            if (data.account === 'b') throw new Error('no such account');
            return data.account;
          },
          evolve: (_, { type }) => type,
        }),
      },
      row: ({ owner }, id) => ({ id, owner }),
    });
    const { alarms, documents } = project(broken, recorded([account('b', opened('b', 'B')), account('a', opened('a', 'A'))]), {
      documents: new Map(),
      heads: new Map(),
    });
    expect(alarms).toMatchObject([{ stream: 'bank.account-b', revision: 0, kind: 'unreadable' }]);
    expect(documents.map(({ id }) => id)).toEqual(['a']);
  });
});

describe.each(['poison', 'unprintable'])('an event that cannot be folded (%s)', (name) => {
  const broken = accounts({ fixed: false });
  const events = recorded([
    account('a', opened('a', 'Ann'), renamed('a', name)),
    account('b', opened('b', 'Ben')),
    moves(moved('', 'a', 7), moved('a', 'b', 1)),
    account('a', renamed('a', 'Anna')),
  ]);
  const failing = events.slice(0, 5);

  it('waits in its part with those behind it, and everything else goes on', () => {
    const waiting = folding(broken);
    const [flagged, other] = waiting.take(failing).documents;
    waiting.take(events.slice(5));
    expect(flagged).toMatchObject({ id: 'a', flagged: true });
    expect(other).toMatchObject({ id: 'b', flagged: false });
    expect(waiting.row('a')).toEqual({ id: 'a', name: 'Ann', moved: 8 });
    expect(waiting.row('b')).toEqual({ id: 'b', name: 'Ben', moved: 1 });
    const { owner } = waiting.document('a').parts;
    expect(owner).toMatchObject({ revision: 0, error: expect.stringContaining('cannot') });
    expect(owner?.waiting?.map(({ revision }) => revision)).toEqual([1, 2]);
  });

  it('waits for events of later batches too, each once', () => {
    const waiting = folding(broken);
    waiting.take(events.slice(0, 2));
    waiting.take(events.slice(1, 3));
    waiting.take(events.slice(3));
    waiting.take(events.slice(1));
    expect(waiting.document('a').parts['owner']?.waiting?.map(({ revision }) => revision)).toEqual([1, 2]);
  });

  it('ends, after the fix, in the same bytes as if it had never failed', () => {
    const waiting = folding(broken);
    waiting.take(failing);
    waiting.take(events.slice(5));
    const whole = folding();
    const unharmed = whole.take(events).documents.find(({ id }) => id === 'a');
    const retried = foldWaiting(planOf(accounts()), waiting.document('a'));
    expect([retried.partsText, retried.row, retried.flagged]).toEqual([unharmed?.partsText, unharmed?.row, false]);
  });

  it('waits on while the fault is there', () => {
    const waiting = folding(broken);
    waiting.take(failing);
    const again = foldWaiting(planOf(broken), waiting.document('a'));
    expect(again.flagged).toBe(true);
    expect(again.parts['owner']?.waiting?.map(({ revision }) => revision)).toEqual([1]);
    expect(again.row).toBe(waiting.document('a').row);
  });
});

describe('a part of one document', () => {
  it('takes a second stream for a fault: which of both came first would tell', () => {
    const two = folding();
    const { documents } = two.take(
      recorded([account('a', opened('a', 'Ann')), { stream: 'bank.account-b', events: [renamed('a', 'Eve')] }]),
    );
    expect(documents).toMatchObject([{ id: 'a', flagged: true }]);
    expect(two.row('a')).toEqual({ id: 'a', name: 'Ann', moved: 0 });
    const stream = 'bank.account-a' as StreamName;
    expect(two.document('a').parts['owner']).toMatchObject({ stream, state: { name: 'Ann' } });
  });
});
