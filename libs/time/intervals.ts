import { type Day } from './time.ts';

/** Days [from, to): `from` inclusive, null: since the beginning; `to` exclusive, null: without end. */
export type Interval = Readonly<{ from: Day | null; to: Day | null }>;

/** Who or what holds a thing over an interval. */
export type Holding<Holder> = Interval & Readonly<{ holder: Holder }>;

/** Holdings of one thing: ascending, never two on one day, and no two that touch have equal holders. */
export type Holdings<Holder> = readonly Holding<Holder>[];

// As text, '' sorts before and '~' behind every day: bounds compare without a special case for null.
const start = ({ from }: Interval): string => from ?? '';
const end = ({ to }: Interval): string => to ?? '~';

export const isEmpty = (interval: Interval): boolean => start(interval) >= end(interval);

export const covers = (interval: Interval, day: Day): boolean => start(interval) <= day && day < end(interval);

/** The days of both; undefined when there is none. */
export const intersection = (a: Interval, b: Interval): Interval | undefined => {
  const common = { from: start(a) >= start(b) ? a.from : b.from, to: end(a) <= end(b) ? a.to : b.to };
  return isEmpty(common) ? undefined : common;
};

/** The days of `interval` that are in none of `taken`, ascending. */
export const without = (interval: Interval, taken: readonly Interval[]): readonly Interval[] =>
  taken.reduce<readonly Interval[]>(
    (left, cut) => left.flatMap((rest) => subtract(rest, cut)),
    isEmpty(interval) ? [] : [interval],
  );

const subtract = (interval: Interval, cut: Interval): readonly Interval[] => {
  if (!intersection(interval, cut)) return [interval];
  return [
    ...(start(interval) < start(cut) ? [{ from: interval.from, to: cut.from }] : []),
    ...(end(cut) < end(interval) ? [{ from: cut.to, to: interval.to }] : []),
  ];
};

/** Exactly the days of `interval` are `holder`'s afterwards; other days stay as they were. */
export const assign = <Holder>(
  holdings: Holdings<Holder>,
  interval: Interval,
  holder: Holder,
  same: (a: Holder, b: Holder) => boolean = Object.is,
): Holdings<Holder> =>
  isEmpty(interval) ? holdings : joined([...release(holdings, interval), { from: interval.from, to: interval.to, holder }], same);

/** Nobody holds a day of `interval` afterwards, or nobody of whom `whose` is true; other days stay as they were. */
export const release = <Holder>(
  holdings: Holdings<Holder>,
  interval: Interval,
  whose: (holder: Holder) => boolean = () => true,
): Holdings<Holder> =>
  holdings.flatMap((held) =>
    whose(held.holder) ? without(held, [interval]).map(({ from, to }) => ({ from, to, holder: held.holder })) : [held],
  );

const joined = <Holder>(holdings: Holdings<Holder>, same: (a: Holder, b: Holder) => boolean): Holdings<Holder> =>
  holdings
    .toSorted((a, b) => (start(a) < start(b) ? -1 : 1))
    .reduce<Holding<Holder>[]>((done, next) => {
      const last = done.at(-1);
      return last && last.to !== null && last.to === next.from && same(last.holder, next.holder)
        ? [...done.slice(0, -1), { ...last, to: next.to }]
        : [...done, next];
    }, []);
