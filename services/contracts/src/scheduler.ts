import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { type CommandId } from '#libs/event-sourcing/event';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Background, type Platform } from '#libs/platform/service';
import { type TenantId } from '#libs/published/ids';
import { type Day, dayOf } from '#libs/time/time';
import { type Due, due, settle, tenantContracts } from './contract/contract.ts';
import { contractList } from './contract-list/contract-list.projection.ts';

const NAMESPACE = '0b0f9c1e-2f5b-5a53-8f0e-3c1d7a7e9d42';
const POLL_MS = 1_000;
/** Also without a new day: a list that lagged behind may have hidden a tenant from the day's first look. */
const LOOK_AGAIN_MS = 60_000;

type Ports = Pick<Platform, 'store' | 'readModels' | 'clock' | 'log'>;

/** Brings every contract level with the clock, however long the process was down. */
export const contractScheduler = (ports: Ports): Background => {
  let settled: Day | undefined;
  return {
    name: 'contract-scheduler',
    idle: () => settled === dayOf(ports.clock.now()),
    run: async (signal) => {
      for (let waited = 0; !signal.aborted; waited += POLL_MS) {
        const today = dayOf(ports.clock.now());
        if (settled !== today || waited >= LOOK_AGAIN_MS) {
          waited = 0;
          try {
            await settleAll(ports, today, signal);
            settled = today;
          } catch (error) {
            ports.log.error({ err: error }, 'contracts could not be brought level with the clock; trying again');
          }
        }
        await pause(POLL_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    },
  };
};

/**
 * Everything due by the end of `today`, tenant by tenant, each tenant's in the order in which it fell due. A tenant that fails holds
 * nobody else up. @throws AggregateError of those that failed
 */
export const settleAll = async (
  { store, readModels }: Pick<Ports, 'store' | 'readModels'>,
  today: Day,
  signal?: AbortSignal,
): Promise<void> => {
  const list = readModels.of(contractList);
  const waiting = [
    ...(await list.all({ status: 'scheduled', start: { lte: today } })),
    ...(await list.all({ status: 'active', end: { lt: today } })),
  ];
  const faults: unknown[] = [];
  for (const tenantId of new Set(waiting.map((contract) => contract.tenantId)))
    try {
      const { state } = await present(store, tenantContracts, tenantId);
      for (const owed of due(state, today)) {
        if (signal?.aborted) return;
        await handle(store, tenantContracts, tenantId, settle(owed), { command: commandOf(tenantId, owed) });
      }
    } catch (error) {
      faults.push(error);
    }
  if (faults.length > 0)
    throw new AggregateError(faults, `The contracts of ${String(faults.length)} tenant(s) could not be settled.`);
};

/** Derived from what is due, so that two schedulers, or one after a crash, append it once. */
const commandOf = (tenantId: TenantId, { at, event }: Due): Command => {
  const what = JSON.stringify(event);
  return {
    id: uuidv5(what, NAMESPACE) as CommandId,
    keyed: false,
    bodyHash: createHash('sha256').update(what).digest('hex'),
    principal: { id: 'contract-scheduler' },
    tenant: tenantId,
    time: at,
  };
};
