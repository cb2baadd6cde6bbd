import { setTimeout as sleep } from 'node:timers/promises';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { NO_STREAM } from '#libs/event-sourcing/event';
import { runService } from './running-service.ts';
import { type Replayed, timesOf } from './seen.ts';
import { type Steady } from './steady.ts';
import { metadataOf, streamOf, tenantEvent } from './tenant-log.ts';

/**
 * Our side of one round of `replay.ts`: `MESSAGING_URL READ_MODELS_URL SERVICE LOG TENANTS`, where LOG is published already; prints what
 * was seen as JSON.
 */

const PER_SECOND = 100;
const ALONE_MS = 8_000;

const [, , messagingUrl = '', readModelsUrl = '', name = '', log = '', tenants = ''] = process.argv;
const service = await runService(name, { messagingUrl, readModelsUrl, log });
const events = await service.store.head();
let next = Number(tenants);

const replayed = async (): Promise<Steady> => {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  await service.readModels.replay(tenantTree.name);
  const { user, system } = process.cpuUsage(cpu);
  return { events, milliseconds: performance.now() - start, cpuMilliseconds: (user + system) / 1_000 };
};

const append = async (due: number): Promise<number> => {
  const n = next++;
  await service.store.append(streamOf(n), [tenantEvent(n, 0)], NO_STREAM, metadataOf(n));
  return performance.now() - due;
};

/** Latencies of appends that arrive at a fixed rate, whatever becomes of those before them, until `over`. */
const appends = async (over: () => boolean): Promise<readonly number[]> => {
  const start = performance.now();
  const under: Promise<number>[] = [];
  while (!over()) {
    const due = start + (under.length * 1_000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    under.push(append(Math.max(due, start)));
  }
  return Promise.all(under);
};

const replay = await replayed();
const rows = await service.rows();
if (rows !== next) throw new Error(`The replay ended with ${String(rows)} rows instead of ${String(next)}.`);
const until = performance.now() + ALONE_MS;
const alone = await appends(() => performance.now() > until);
let isOver = false;
const replaying = replayed().finally(() => (isOver = true));
const beside = await appends(() => isOver);
await replaying;
const seen: Replayed = {
  replay,
  alone: timesOf(alone),
  beside: timesOf(beside),
  commands: beside.length,
};
process.stdout.write(JSON.stringify(seen));
await service.stop();
process.exit(0);
