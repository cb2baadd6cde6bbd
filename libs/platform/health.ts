import { type Bus } from '#libs/messaging/bus';
import { type Quarantined, type ReadModelUpkeep } from '#libs/read-models/upkeep';

export type Health = Readonly<{
  status: 'ready' | 'not-ready';
  /** Why it is not ready. */
  reasons: readonly string[];
  /** What an operator should look at, although answers are right: they are refused where they would not be. */
  warnings: readonly string[];
}>;

/** What a process knows about itself beside its adapters. */
export type Process = Readonly<{ stopping: boolean; failedWork: readonly string[]; troubles?: readonly string[] }>;

/** So many events are named; `GET /operations/quarantine` lists all. */
const MOST_NAMED = 20;

/** One line an event that a read model cannot fold, however many of its rows wait for it. */
const poison = (quarantined: readonly Quarantined[]): readonly string[] => {
  const rows = new Map<string, number>();
  for (const { projection, stream, revision } of quarantined) {
    const event = `read model ${projection} cannot fold revision ${String(revision)} of ${stream}`;
    rows.set(event, (rows.get(event) ?? 0) + 1);
  }
  const named = [...rows].slice(0, MOST_NAMED).map(([event, waiting]) => `${event}: ${String(waiting)} part(s) in quarantine`);
  return rows.size > MOST_NAMED ? [...named, `${String(rows.size - MOST_NAMED)} more events are in quarantine`] : named;
};

export const healthOf = async (
  { upkeep, bus }: Readonly<{ upkeep: Pick<ReadModelUpkeep, 'status' | 'quarantined'>; bus: Pick<Bus, 'status'> }>,
  { stopping, failedWork, troubles = [] }: Process,
): Promise<Health> => {
  const states = await upkeep.status();
  const consumers = await bus.status();
  const behind = states.filter(({ state }) => state !== 'serving');
  const stopped = consumers.filter(({ state }) => state === 'stopped');
  const reasons = [
    ...(stopping ? ['the process is stopping'] : []),
    ...behind.map(({ projection, lag }) => `read model ${projection} is ${String(lag)} events behind`),
    ...stopped.map(({ consumer, failure }) => `reaction ${consumer} has stopped: ${failure?.message ?? ''}`),
    ...failedWork.map((name) => `background work ${name} has failed`),
  ];
  const warnings = [
    ...poison(await upkeep.quarantined()),
    ...consumers
      .filter(({ parked }) => parked > 0)
      .map(({ consumer, parked }) => `reaction ${consumer} has ${String(parked)} parked message(s)`),
    ...consumers
      .filter(({ state, failure }) => failure !== null && state !== 'stopped')
      .map(({ consumer, failure }) => `reaction ${consumer} is retrying: ${failure?.message ?? ''}`),
    ...troubles,
  ];
  return { status: reasons.length === 0 ? 'ready' : 'not-ready', reasons, warnings };
};
