import { type Storage } from './storage.ts';

export type Health = Readonly<{
  status: 'ready' | 'not-ready';
  /** Why it is not ready. */
  reasons: readonly string[];
  /** What an operator should look at, although answers are right: they are refused where they would not be. */
  warnings: readonly string[];
}>;

/** What a process knows about itself beside its adapters. */
export type Process = Readonly<{ stopping: boolean; failedWork: readonly string[] }>;

export const healthOf = (
  { projections, bus }: Pick<Storage, 'projections' | 'bus'>,
  { stopping, failedWork }: Process,
): Health => {
  const states = projections();
  const consumers = bus.status();
  const reasons = [
    ...(stopping ? ['the process is stopping'] : []),
    ...states
      .filter(({ level }) => !level)
      .map(({ name, position }) => `read model ${name} is behind, at position ${String(position)}`),
    ...consumers
      .filter(({ state }) => state === 'stopped')
      .map(({ consumer, failure }) => `reaction ${consumer} has stopped: ${failure?.message ?? ''}`),
    ...failedWork.map((name) => `background work ${name} has failed`),
  ];
  const warnings = [
    ...states
      .filter(({ quarantined }) => quarantined > 0)
      .map(({ name, quarantined }) => `read model ${name} has ${String(quarantined)} quarantined stream(s)`),
    ...consumers
      .filter(({ parked }) => parked > 0)
      .map(({ consumer, parked }) => `reaction ${consumer} has parked ${String(parked)} message(s)`),
    ...consumers
      .filter(({ state }) => state === 'retrying')
      .map(({ consumer, failure }) => `reaction ${consumer} is retrying: ${failure?.message ?? ''}`),
  ];
  return { status: reasons.length === 0 ? 'ready' : 'not-ready', reasons, warnings };
};
