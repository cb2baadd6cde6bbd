import { join } from 'node:path';
import { NO_STREAM } from '#libs/event-sourcing/event';
import { encode } from '#libs/wire/wire-message';
import { fdatasyncRate } from '../calibration.ts';
import { percentile } from '../goal.ts';
import { runService } from './running-service.ts';
import { type Times, timesOf, type Waits } from './seen.ts';
import { metadataOf, streamOf, tenantEvent } from './tenant-log.ts';
import { bareClient, serviceNamed } from './topic.ts';

/** One round of `token-wait.ts`: `MESSAGING_URL READ_MODELS_URL SERVICE BARE_SERVICE FOLDER`; prints what was seen as JSON. */

const WARM_UP = 100;
const TENANTS = WARM_UP;
/** Waits and their limits by turns. */
const TURNS = 5;
const A_TURN = 100;
const SYNCED_MS = 300;
const LONGEST_WAIT_MS = 30_000;

const [, , messagingUrl = '', readModelsUrl = '', name = '', bareName = '', folder = ''] = process.argv;
const service = await runService(name, { messagingUrl, readModelsUrl, log: join(folder, `${name}.db`) });
const producer = bareClient(messagingUrl).producer({ allowAutoTopicCreation: false });
await producer.connect();

let commands = 0;
/** Appends one event, after the first ones to streams that are there, and waits for the read model; the wait alone counts. */
const write = async (): Promise<number> => {
  const [n, revision] = [commands % TENANTS, Math.floor(commands / TENANTS)];
  const event = tenantEvent(n, revision);
  const { position } = await service.store.append(streamOf(n), [event], NO_STREAM + revision, metadataOf(commands));
  commands += 1;
  const before = performance.now();
  const isThere = await service.readModels.reached([service.written(streamOf(n), position)], { timeout: LONGEST_WAIT_MS });
  if (!isThere) throw new Error(`The read model has not reached position ${String(position)}.`);
  return performance.now() - before;
};

const send = async (): Promise<number> => {
  const { type, data } = tenantEvent(0, 0);
  const event = { type, data, stream: streamOf(0), revision: 0, position: 1, eventId: name, metadata: metadataOf(0) };
  const before = performance.now();
  await producer.send({ topic: serviceNamed(bareName).topic, acks: -1, messages: [encode(event, name)] });
  return performance.now() - before;
};

const times = async (count: number, work: () => Promise<number>): Promise<number[]> => {
  const samples: number[] = [];
  while (samples.length < count) samples.push(await work());
  return samples;
};

await times(WARM_UP, write);
await times(WARM_UP, send);
const [waited, sent]: [number[], number[]] = [[], []];
const synced: Times[] = [];
for (let turn = 0; turn < TURNS; turn += 1) {
  waited.push(...(await times(A_TURN, write)));
  sent.push(...(await times(A_TURN, send)));
  synced.push(fdatasyncRate(folder, SYNCED_MS));
}
const median = (of: 'p50' | 'p99'): number =>
  percentile(
    synced.map((one) => one[of]),
    0.5,
  );
const seen: Waits = { waited: timesOf(waited), sent: timesOf(sent), synced: { p50: median('p50'), p99: median('p99') } };
process.stdout.write(JSON.stringify(seen));
await producer.disconnect();
await service.stop();
process.exit(0);
