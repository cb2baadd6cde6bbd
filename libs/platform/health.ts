import { type Bus } from '#libs/messaging/bus';
import { type ReadModelUpkeep } from '#libs/read-models/upkeep';

export type Health = Readonly<{
  status: 'ready' | 'not-ready';
  /** Why it is not ready. */
  reasons: readonly string[];
  /** What an operator should look at, although answers are right: they are refused where they would not be. */
  warnings: readonly string[];
}>;

/** What a process knows about itself beside its adapters. */
export type Process = Readonly<{ stopping: boolean; failedWork: readonly string[]; troubles?: readonly string[] }>;

export const healthOf = async (
  { upkeep, bus }: Readonly<{ upkeep: Pick<ReadModelUpkeep, 'status'>; bus: Pick<Bus, 'status'> }>,
  { stopping, failedWork, troubles = [] }: Process,
): Promise<Health> => {
  const states = await upkeep.status();
  const consumers = await bus.status();
  const behind = states.filter(({ state }) => state !== 'serving');
  const waiting = states.filter(({ quarantined }) => quarantined > 0);
  const stopped = consumers.filter(({ state }) => state === 'stopped');
  const reasons = [
    ...(stopping ? ['the process is stopping'] : []),
    ...behind.map(({ projection, lag }) => `read model ${projection} is ${String(lag)} events behind`),
    ...stopped.map(({ consumer, failure }) => `reaction ${consumer} has stopped: ${failure?.message ?? ''}`),
    ...failedWork.map((name) => `background work ${name} has failed`),
  ];
  const warnings = [
    ...waiting.map(({ projection, quarantined }) => `read model ${projection} has ${String(quarantined)} part(s) in quarantine`),
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
