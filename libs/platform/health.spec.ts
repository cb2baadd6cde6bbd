import { describe, expect, it } from '@jest/globals';
import { type StreamName } from '#libs/event-sourcing/event';
import { type ConsumerStatus } from '#libs/messaging/bus';
import { type ProjectionStatus, type Quarantined } from '#libs/read-models/upkeep';
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
  quarantined: readonly Quarantined[] = [],
) =>
  healthOf(
    {
      upkeep: { status: () => Promise.resolve([{ ...level, ...projection }]), quarantined: () => Promise.resolve(quarantined) },
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
    ['parked messages', health({}, { parked: 1 }), 'reaction rate has 1 parked message(s)'],
    ['a reaction that the store holds up', health({}, { failure }), 'reaction rate is retrying: no such thing'],
    ['a reaction that tries again', health({}, { state: 'retrying', failure }), 'reaction rate is retrying: no such thing'],
  ])('is given, with a warning, for %s', async (_what, asked, warning) => {
    expect(await asked).toEqual({ status: 'ready', reasons: [], warnings: [warning] });
  });

  const waiting = (row: string, stream: string, revision: number): Quarantined => {
    return { projection: 'tenant-tree', document: row, part: 'own', stream: stream as StreamName, revision, error: 'no' };
  };

  it('is given, with a warning that names stream and revision, for an event that cannot be folded', async () => {
    const quarantined = [
      waiting('a', 'tenants.tenant-a', 3),
      waiting('b', 'tenants.tenant-a', 3),
      waiting('c', 'tenants.tenant-c', 1),
    ];
    expect(await health({ quarantined: 3 }, {}, false, [], quarantined)).toEqual({
      status: 'ready',
      reasons: [],
      warnings: [
        'read model tenant-tree cannot fold revision 3 of tenants.tenant-a: 2 part(s) in quarantine',
        'read model tenant-tree cannot fold revision 1 of tenants.tenant-c: 1 part(s) in quarantine',
      ],
    });
  });

  it('names some of very many such events, and says how many there are beside them', async () => {
    const quarantined = Array.from({ length: 25 }, (_, number) => waiting('a', `tenants.tenant-${String(number)}`, 1));
    const { warnings } = await health({ quarantined: 25 }, {}, false, [], quarantined);
    expect([warnings.length, warnings.at(-1)]).toEqual([21, '5 more events are in quarantine']);
  });
});
