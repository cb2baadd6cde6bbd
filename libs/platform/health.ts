import { type Storage } from './storage.ts';

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
  { projections, bus }: Pick<Storage, 'projections' | 'bus'>,
  { stopping, failedWork, troubles = [] }: Process,
): Promise<Health> => {
  const states = await projections();
  const consumers = await bus.status();
  const behind = states.filter(({ state }) => state !== 'serving');
  const waiting = states.filter(({ quarantined }) => quarantined > 0);
  const inState = (wanted: string) => consumers.filter(({ state }) => state === wanted);
  const reasons = [
    ...(stopping ? ['the process is stopping'] : []),
    ...behind.map(({ projection, lag }) => `read model ${projection} is ${String(lag)} events behind`),
    ...inState('stopped').map(({ consumer, failure }) => `reaction ${consumer} has stopped: ${failure?.message ?? ''}`),
    ...failedWork.map((name) => `background work ${name} has failed`),
  ];
  const warnings = [
    ...waiting.map(({ projection, quarantined }) => `read model ${projection} has ${String(quarantined)} part(s) in quarantine`),
    ...consumers
      .filter(({ parked }) => parked > 0)
      .map(({ consumer, parked }) => `reaction ${consumer} has ${String(parked)} parked message(s)`),
    ...inState('retrying').map(({ consumer, failure }) => `reaction ${consumer} is retrying: ${failure?.message ?? ''}`),
    ...troubles,
  ];
  return { status: reasons.length === 0 ? 'ready' : 'not-ready', reasons, warnings };
};
