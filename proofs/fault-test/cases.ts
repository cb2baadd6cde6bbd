import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandId, type Metadata, type StreamName } from '#libs/event-sourcing/event';
import { type ContractsEvent } from '#libs/published/contracts';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type Day, type Instant } from '#libs/time/time';
import { LoadClient } from '../platform-process.ts';
import { differencesOf, type Texts } from './comparison.ts';
import { SERVICES, type Service } from './own-platform.ts';
import { keptIn, makeSecrets } from './secrets.ts';
import { eventually, type Outcome, type Site } from './site.ts';
import { writingTo } from './stored.ts';
import { Doubler } from './topic-reader.ts';
import { answersAbout, type World } from './world.ts';

export type Case = Readonly<{ name: string; what: string; run: (site: Site) => Promise<Outcome> }>;

const BROKER_AWAY_MS = 3_000;
const READ_MODELS_AWAY_MS = 1_000;
const PAUSED_AT_MOST_MS = 60_000;
const POISON_MS = 60_000;
/** Of each service. */
const REPLAYS = 3;

/** One play beside a disturbance, and then everything that is stored. */
const disturbed = async (
  site: Site,
  beside: (play: Promise<unknown>) => Promise<void>,
  urls?: readonly string[],
): Promise<Outcome> => {
  const faults = await site.play(beside, urls);
  const whole = await site.whole();
  return { seen: whole.seen, faults: [...faults, ...whole.faults] };
};

const undisturbed: Case = {
  name: 'undisturbed',
  what: 'nothing happens, and no secret is on a topic',
  run: async (site) => {
    const faults = await site.play();
    site.typicalMs = site.lastMs;
    const [world] = site.worlds;
    const made = world ? await makeSecrets(site.platform.url, world.accessToken, site.dataDir) : [];
    for (const [what, secret] of made) site.secrets.set(what, secret);
    const whole = await site.whole();
    const kept = keptIn(whole.stored?.logs ?? []).size;
    return {
      seen:
        `a play takes ${(site.lastMs / 1_000).toFixed(1)} s; ${whole.seen}; looked for ${String(site.secrets.size)} secrets and ` +
        `${String(kept)} hashes of some`,
      faults: [...faults, ...whole.faults, ...(kept === 0 ? ['there are no hashes to look for'] : [])],
    };
  },
};

const twins: Case = {
  name: 'twins',
  what: 'every command is said to both instances at the same time',
  run: async (site) => {
    const gateways = [];
    for (const instance of [1, 2]) gateways.push(await site.platform.gatewayTo(() => [instance]));
    return disturbed(site, () => Promise.resolve(), gateways);
  },
};

/** Of a service, or of the gateway, which has one process. */
const VICTIMS = [...SERVICES, 'gateway'] as const;

const kills: Case = {
  name: 'kills',
  what: 'SIGKILL at random times',
  run: async (site) => {
    const { platform, random } = site;
    const faults: string[] = [];
    let killed = 0;
    const shift = random.int(0, VICTIMS.length - 1);
    for (let run = 0; run < site.runs; run++) {
      const victim = VICTIMS[(run + shift) % VICTIMS.length] ?? 'gateway';
      const instances = victim === 'gateway' ? [1] : random.pick([[1], [2], [1, 2]]);
      const begun = performance.now();
      const found = await site.play(async () => {
        await site.moment();
        const pids = await Promise.all(instances.map((instance) => platform.pidOf(victim, instance)));
        for (const pid of pids) process.kill(pid, 'SIGKILL');
        killed += pids.length;
      });
      faults.push(...found, ...(await site.untilReady()));
      const took = ((performance.now() - begun) / 1_000).toFixed(0);
      const who = instances.map((instance) => `${victim}.${String(instance)}`).join(' and ');
      site.progress(
        `${String(run + 1)} of ${String(site.runs)}: ${who}, ${took} s${found[0] === undefined ? '' : `: DIFFERENT: ${found[0]}`}`,
      );
    }
    const whole = await site.whole();
    return {
      seen: `${String(site.runs)} plays, ${String(killed)} processes killed; ${whole.seen}`,
      faults: [...faults, ...whole.faults],
    };
  },
};

const broker: Case = {
  name: 'broker',
  what: 'the broker is killed and comes back',
  run: (site) =>
    disturbed(site, async () => {
      await site.moment(0.7);
      await site.engines.kill('kafka');
      await sleep(BROKER_AWAY_MS);
      await site.engines.start('kafka');
    }),
};

const readModels: Case = {
  name: 'read-models',
  what: 'the read-model engine is killed, and comes back empty',
  run: (site) =>
    disturbed(site, async () => {
      await site.moment(0.7);
      await site.engines.kill('mongo');
      await sleep(READ_MODELS_AWAY_MS);
      await site.engines.start('mongo');
    }),
};

const rebalance: Case = {
  name: 'rebalance',
  what: 'a process stops in the middle of its batches until the play has ended without it',
  run: async (site) => {
    const { platform, random } = site;
    const service: Service = random.pick(['invoicing', 'ingestion', 'tenants', 'contracts']);
    const instance = random.pick([1, 2]);
    const gateway = await platform.gatewayTo((of) => (of === service ? [3 - instance] : [1, 2]));
    const outcome = await disturbed(
      site,
      async (play) => {
        await site.moment(0.5);
        const pid = await platform.pidOf(service, instance);
        process.kill(pid, 'SIGSTOP');
        await Promise.race([play, sleep(PAUSED_AT_MOST_MS, undefined, { ref: false })]);
        process.kill(pid, 'SIGCONT');
      },
      [gateway],
    );
    return { ...outcome, seen: `${service}.${String(instance)} was away; ${outcome.seen}` };
  },
};

const doubled: Case = {
  name: 'doubled',
  what: 'every message is delivered twice',
  run: async (site) => {
    const doubler = await Doubler.start(site.engines.addresses.MESSAGING_URL);
    try {
      const before = (await site.whole()).stored?.published;
      const outcome = await disturbed(site, () => Promise.resolve());
      const published = (await site.stored()).published;
      const [events, repeats] = [published.events - (before?.events ?? 0), published.repeats - (before?.repeats ?? 0)];
      const few = repeats < events ? [`${String(events)} events were published, and only ${String(repeats)} doubled`] : [];
      return { seen: `${String(doubler.doubled)} messages doubled; ${outcome.seen}`, faults: [...outcome.faults, ...few] };
    } finally {
      await doubler.end();
    }
  },
};

const commanded = async (site: Site, method: string, path: string): Promise<Readonly<{ status: number; text: string }>> => {
  const line = new LoadClient(site.platform.url, 1);
  try {
    line.authorize(site.worlds.at(-1)?.accessToken ?? '');
    const answer = await line.send({ method, path: `/api/v1${path}`, ...(method === 'GET' ? {} : { body: {} }) });
    return { status: answer.status, text: answer.text };
  } finally {
    await line.close();
  }
};

const republished: Case = {
  name: 'republished',
  what: 'every service publishes all of it again',
  run: async (site) => {
    const before = await site.whole();
    const faults: string[] = [];
    for (const service of SERVICES) {
      const { status, text } = await commanded(site, 'PUT', `/services/${service}/operations/republish`);
      if (status !== 202) faults.push(`${service} does not publish again: ${String(status)} ${text}`);
    }
    const events = before.stored?.published.events ?? 0;
    const told = (before.stored?.messages.length ?? 0) + events;
    faults.push(
      ...(await eventually(async () => {
        const { messages } = await site.stored();
        return messages.length < told ? [`${String(messages.length)} messages are there, not ${String(told)}`] : [];
      })),
    );
    const whole = await site.whole();
    const changed = differencesOf(before.stored?.documents ?? new Map<string, string>(), whole.stored?.documents ?? new Map());
    for (const world of site.worlds.slice(-3)) faults.push(...(await site.differences(world)));
    return {
      seen: `${String(events)} events again; ${whole.seen}`,
      faults: [...before.faults, ...faults, ...whole.faults, ...changed.map((difference) => `changed: ${difference}`)],
    };
  },
};

type Statuses = Readonly<{ items: readonly Readonly<{ projection: string; generation: number | null; progress: unknown }>[] }>;

const replays: Case = {
  name: 'replays',
  what: 'read models of every service are built anew meanwhile',
  run: async (site) => {
    const statusesOf = async (service: Service): Promise<Statuses['items']> => {
      const { text } = await commanded(site, 'GET', `/services/${service}/operations/read-models?limit=500`);
      return (JSON.parse(text) as Statuses).items;
    };
    let replayed = 0;
    const outcome = await disturbed(site, async () => {
      for (const service of SERVICES) {
        const before = await statusesOf(service);
        for (let count = 0; count < REPLAYS; count++) {
          const { projection } = site.random.pick(before);
          const was = (await statusesOf(service)).find((one) => one.projection === projection)?.generation ?? 0;
          const path = `/services/${service}/operations/read-models/${projection}/replay`;
          const { status, text } = await commanded(site, 'PUT', path);
          if (status !== 202) throw new Error(`${service} does not replay ${projection}: ${String(status)} ${text}`);
          const left = await eventually(async () => {
            const now = (await statusesOf(service)).find((one) => one.projection === projection);
            return now?.progress === null && (now.generation ?? 0) > was ? [] : [`${projection}: ${JSON.stringify(now)}`];
          });
          if (left.length > 0) throw new Error(`${service} does not get on with a replay: ${left.join()}`);
          replayed++;
        }
      }
    });
    return { ...outcome, seen: `${String(replayed)} replays; ${outcome.seen}` };
  },
};

const pausedRelay: Case = {
  name: 'paused-relay',
  what: 'the process that publishes stops, another takes over, and it goes on',
  run: async (site) => {
    const { platform, random } = site;
    const service: Service = random.pick(['tenants', 'contracts']);
    const instance = platform.relaying(service);
    const gateway = await platform.gatewayTo((of) => (of === service ? [3 - instance] : [1, 2]));
    const stoodBy = platform.stoodBy(service, instance);
    const outcome = await disturbed(site, async () => {
      const published = await site.publishedBy(service);
      const pid = await platform.pidOf(service, instance);
      process.kill(pid, 'SIGSTOP');
      try {
        const faults = await eventually(
          async () => ((await site.publishedBy(service)) > published ? [] : [`nobody publishes for ${service} meanwhile`]),
          PAUSED_AT_MOST_MS,
        );
        if (faults.length > 0) throw new Error(faults.join());
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    }, [gateway]);
    const fenced = await eventually(() =>
      Promise.resolve(
        platform.stoodBy(service, instance) > stoodBy ? [] : [`${service}.${String(instance)} was not fenced when it woke`],
      ),
    );
    return {
      seen: `${service}.${String(instance)} was paused and fenced; ${outcome.seen}`,
      faults: [...outcome.faults, ...fenced],
    };
  },
};

/** A change of a contract in another tenant's stream, as no program writes it: no read model can fold it. */
const spoil = async (site: Site, { tenants }: World, contractId: string): Promise<StreamName> => {
  const idOf = (name: string): TenantId => tenants.get(name) as TenantId;
  const stream = `contracts.tenantContracts-${idOf('C3')}` as StreamName;
  const time = new Date().toISOString() as Instant;
  const event: ContractsEvent = {
    type: 'ContractStatusChanged',
    data: {
      tenantId: idOf('C1'),
      rootId: idOf('D1'),
      contractId: contractId as ContractId,
      from: 'active',
      to: 'cancelled',
      effectiveFrom: '2026-01-01' as Day,
      reason: 'Written into the wrong stream',
      changedAt: time,
    },
  };
  const metadata: Metadata = {
    commandId: randomUUID() as CommandId,
    bodyHash: '',
    principal: { id: 'fault-test' },
    tenant: null,
    time,
  };
  await writingTo(site.dataDir, 'contracts', async (store) => store.append(stream, [event], -1, metadata));
  return stream;
};

/** The month's bills stand as they were and say that they lack something. */
const standing = (texts: Texts): Texts =>
  new Map(
    [...texts].map(([path, text]) => [
      path,
      text.replaceAll(/"state":"applying"(,"trouble":(null|"[^"]*"))?/g, (_, trouble?: string) =>
        trouble === undefined ? '"state":"current"' : '"state":"current","trouble":null',
      ),
    ]),
  );

const poison: Case = {
  name: 'poison',
  what: 'an event that cannot be folded',
  run: async (site) => {
    const played = await site.play();
    const world = site.worlds.at(-1);
    if (!world || played.length > 0) return { seen: '', faults: played };
    const tenantId = world.tenants.get('C1') ?? '';
    const reference = await site.reference.of(world.number);
    const listed = reference.get(`/tenants/${tenantId}/contracts?scope=own`) ?? '';
    const contractId = /"id":"([^"]+)"/.exec(listed)?.[1] ?? '';
    const contract = `/tenants/${tenantId}/contracts/${contractId}`;
    const stream = await spoil(site, world, contractId);
    const named = `revision 0 of ${stream}`;
    const seen: string[] = [];
    const faults = await eventually(async () => {
      const wrong: string[] = [];
      const list = await commanded(site, 'GET', `/services/contracts/operations/quarantine?limit=500`);
      const inputs = await commanded(site, 'GET', `/services/invoicing/operations/quarantine?limit=500`);
      for (const [service, { text }] of [
        ['contracts', list],
        ['invoicing', inputs],
      ] as const)
        if (!text.includes(stream)) wrong.push(`${service} does not show ${stream} in quarantine: ${text.slice(0, 300)}`);
      for (const path of [contract, `${contract}/versions`]) {
        const { status, text } = await commanded(site, 'GET', path);
        if (status !== 503 || !text.includes('row-quarantined') || !text.includes(named))
          wrong.push(`${path} answers ${String(status)} ${text.slice(0, 300)}, not 503 with ${named}`);
      }
      const bill = await commanded(site, 'GET', `/tenants/${tenantId}/bills/${world.months[0] ?? ''}`);
      if (!(bill.status === 503 || bill.text.includes('"state":"applying"')))
        wrong.push(`the bill does not say that it lacks something: ${bill.text.slice(0, 300)}`);
      const others = await answersAbout(world, site.platform.url);
      const different = differencesOf(standing(reference), standing(others)).filter(
        (difference) =>
          !difference.startsWith(contract) &&
          !difference.startsWith(`/tenants/${tenantId}/contracts?`) &&
          // The row of the customer counts its contracts.
          !/^\/tenants\/[^/]+(\/customers\?scope=subtree)?: /.test(difference),
      );
      seen.splice(
        0,
        Infinity,
        `${String(others.size)} answers, ${String(different.length)} others than those of the contract differ`,
      );
      return [...wrong, ...different];
    }, POISON_MS);
    const goesOn = await site.play();
    const retried = await commanded(site, 'PUT', '/services/contracts/operations/quarantine/retry');
    const still = await eventually(async () => {
      const { text } = await commanded(site, 'GET', `/services/contracts/operations/quarantine?limit=500`);
      return text.includes(stream) ? [] : ['a retry by the same program has lost what waits in quarantine'];
    });
    const whole = await site.whole();
    return {
      seen: `${named} is in quarantine; ${seen.join()}; another world is played beside it; retried: ${retried.text}; ${whole.seen}`,
      faults: [...faults, ...goesOn, ...still, ...whole.faults],
    };
  },
};

/** In this order: what cannot be undone comes last. */
export const CASES: readonly Case[] = [
  undisturbed,
  twins,
  kills,
  pausedRelay,
  rebalance,
  broker,
  readModels,
  doubled,
  republished,
  replays,
  poison,
];
