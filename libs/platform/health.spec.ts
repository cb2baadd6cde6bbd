import { describe, expect, it } from '@jest/globals';
import { type ConsumerStatus } from '#libs/messaging/bus';
import { type ProjectionStatus } from '#libs/read-models/upkeep';
import { healthOf } from './health.ts';

const level: ProjectionStatus = {
  projection: 'tenant-tree',
  version: 1,
  state: 'serving',
  position: 7,
  lag: 0,
  quarantined: 0,
  error: null,
  generation: 1,
  progress: null,
};
const running: ConsumerStatus = { consumer: 'rate', state: 'running', position: 7, lag: 0, parked: 0, failure: null };
const failure: ConsumerStatus['failure'] = { event: null, message: 'no such thing', attempts: 5 };

const health = (
  projection: Partial<ProjectionStatus>,
  consumer: Partial<ConsumerStatus>,
  stopping = false,
  failedWork: string[] = [],
) =>
  healthOf(
    {
      upkeep: { status: () => Promise.resolve([{ ...level, ...projection }]) },
      bus: { status: () => Promise.resolve([{ ...running, ...consumer }]) },
    },
    { stopping, failedWork },
  );

describe('readiness', () => {
  it('is given when everything is level', async () => {
    expect(await health({}, {})).toEqual({ status: 'ready', reasons: [], warnings: [] });
  });

  it.each([
    ['a read model is behind', health({ state: 'behind', lag: 4 }, {}), 'read model tenant-tree is 4 events behind'],
    ['a reaction has stopped', health({}, { state: 'stopped', failure }), 'reaction rate has stopped: no such thing'],
    ['background work has failed', health({}, {}, false, ['scheduler']), 'background work scheduler has failed'],
    ['the process is stopping', health({}, {}, true), 'the process is stopping'],
  ])('is not given when %s', async (_what, asked, reason) => {
    expect(await asked).toEqual({ status: 'not-ready', reasons: [reason], warnings: [] });
  });

  it.each([
    ['quarantined parts', health({ quarantined: 2 }, {}), 'read model tenant-tree has 2 part(s) in quarantine'],
    ['parked messages', health({}, { parked: 1 }), 'reaction rate has 1 parked message(s)'],
    ['a reaction that the store holds up', health({}, { failure }), 'reaction rate is retrying: no such thing'],
    ['a reaction that tries again', health({}, { state: 'retrying', failure }), 'reaction rate is retrying: no such thing'],
  ])('is given, with a warning, for %s', async (_what, asked, warning) => {
    expect(await asked).toEqual({ status: 'ready', reasons: [], warnings: [warning] });
  });
});
