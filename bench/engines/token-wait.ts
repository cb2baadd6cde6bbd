import { eraseReadModels } from '#libs/read-models/mongo/mongo-read-models';
import { ratioOf } from '../goal.ts';
import { resultOf } from '../process.ts';
import { type EngineBench } from './engines.ts';
import { type Waits } from './seen.ts';
import { forgetService, newService } from './topic.ts';

const PROCESS = 'dist/bench/engines/token-process.js';

const told = ({ waited, sent, synced }: Waits): string =>
  `p50 ${waited.p50.toFixed(1)} ms, p99 ${waited.p99.toFixed(1)} ms; ` +
  `send p50 ${sent.p50.toFixed(1)} ms, p99 ${sent.p99.toFixed(1)} ms; ` +
  `fdatasync p50 ${synced.p50.toFixed(2)} ms, p99 ${synced.p99.toFixed(2)} ms`;

/** P7, distributed: how long who has written waits until the read model has it: log, relay, broker, bus, read-model engine. */
export const tokenWait: EngineBench = {
  goals: ['P7'],
  run: async ({ rounds, folder, say, messagingUrl, readModelsUrl }) => {
    const seen: Waits[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const [own, bare] = [await newService(messagingUrl), await newService(messagingUrl)];
      const one = await resultOf<Waits>(PROCESS, messagingUrl, readModelsUrl, own.name, bare.name, folder);
      say(`  round ${String(round + 1)}: ${told(one)}`);
      seen.push(one);
      await Promise.all([own, bare].map((service) => forgetService(messagingUrl, service)));
      await eraseReadModels(readModelsUrl, own.name);
    }
    const of = (share: 'p50' | 'p99') => ({
      goal: share === 'p99' ? 'P7' : 'P7 p50',
      what: `${share} of the wait for a consistency token after a write, one after the other`,
      against: `${share} of fdatasync of 400 B and of one awaited send (acks=-1) by a bare kafkajs producer, added`,
      ratio: ratioOf(seen.map(({ waited, sent, synced }) => waited[share] / (sent[share] + synced[share]))),
      bound: { atMost: 3 },
      seen: seen[0] ? told(seen[0]) : '',
    });
    return [of('p99'), of('p50')];
  },
};
