import { beforeAll, describe, expect, it } from '@jest/globals';
import { categoryOf, type Recorded } from '#libs/event-sourcing/event';
import { distinctProjections } from '#libs/platform/bootstrap';
import { holdsForTwins } from '#libs/read-models/projection-twins.contract';
import { SERVICES } from './services.ts';
import { playedLog } from './testing/played-log.ts';

const RUNS = 15;
const projections = distinctProjections(SERVICES);

let log: readonly Recorded[];

beforeAll(async () => {
  log = await playedLog();
}, 120_000);

// Every projection there is: one that this log says nothing to fails, until something here makes its events.
describe.each(projections.map((projection) => [projection.name, projection] as const))('the projection %s', (_, projection) => {
  const categories = new Set(Object.values(projection.parts).map(({ category }) => category));
  holdsForTwins(projection, () => log.filter(({ stream }) => categories.has(categoryOf(stream))), RUNS);
});

describe('the events of a played log', () => {
  let seen: ReadonlySet<string>;
  beforeAll(() => {
    seen = new Set(log.map(({ stream }) => categoryOf(stream)));
  });

  it.each(projections.map((projection) => [projection.name, projection] as const))('feed every part of %s', (_, { parts }) => {
    expect(Object.values(parts).filter(({ category }) => !seen.has(category))).toEqual([]);
  });
});
