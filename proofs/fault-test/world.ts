import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v5 as uuidv5 } from 'uuid';
import { type CommandId } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { systemClock } from '#libs/time/time';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { addUser } from '#services/access-control/src/user/add-user';
import { play } from '#services/standalone/src/demo/play';
import { type Scenario } from '#services/standalone/src/demo/scenario';
import { PlatformClient, Refused, Unreachable } from '#services/standalone/src/platform-client';
import { type Credentials, LoadClient } from '../platform-process.ts';
import { type Texts, timeless } from './comparison.ts';

const NAMESPACE = '6f1b9a52-5d0e-4c36-9b0c-8f7d0f6a8e11';
const PASSWORD = 'correct horse battery';
const CONNECTIONS = 8;
const PATIENCE_MS = 60_000;
/** An engine that was killed may take half a minute until everybody has found it again. */
const PERSISTENCE_MS = 180_000;
const KNOWN_MS = PERSISTENCE_MS;
const LOOK_MS = 200;

/** The ids of everything that this operator makes are made of its own: the same on every platform. */
const operator = (number: number): Credentials => ({
  email: `operator-${String(number)}@example.com`,
  password: PASSWORD,
});

/** Adds the operator of a world to the log of access-control. */
export const addOperator = async (store: EventStore, number: number): Promise<void> => {
  const { email, password } = operator(number);
  await addUser(
    store,
    { email, name: `Operator ${String(number)}`, password, tenantId: 'platform', role: 'operator' },
    {
      id: uuidv5(email, NAMESPACE) as CommandId,
      keyed: false,
      bodyHash: createHash('sha256').update(email).digest('hex'),
      principal: { id: 'fault-test' },
      tenant: null,
      time: systemClock.now(),
    },
  );
};

/**
 * What was written into the log behind the platform's back is on its way to every service: nobody was given a token to wait with. An
 * engine or the gateway may be away meanwhile, and logging in is not said again by itself.
 */
const onceKnown = async <T>(ask: () => Promise<T>): Promise<T> => {
  const until = performance.now() + KNOWN_MS;
  for (;;)
    try {
      return await ask();
    } catch (error) {
      const passes = error instanceof Unreachable || (error instanceof Refused && [401, 403, 502, 503].includes(error.status));
      if (!passes || performance.now() > until) throw error;
      await sleep(LOOK_MS);
    }
};

const signedIn = async (url: string, number: number, services: readonly string[]): Promise<PlatformClient> => {
  const client = new PlatformClient(url, PATIENCE_MS, PERSISTENCE_MS);
  const { email, password } = operator(number);
  await onceKnown(() => client.login(email, password));
  for (const service of services) await onceKnown(() => client.get(`/services/${service}/operations/read-models`));
  return client;
};

/** A scenario as one operator has played it: what the demo shows, and where everything else is to be asked. */
export type World = Readonly<{
  number: number;
  shown: Texts;
  /** Ids by name. */
  tenants: ReadonlyMap<string, string>;
  months: readonly string[];
  /** Of its operator: whoever asks again and again need not log in again and again. */
  accessToken: string;
}>;

/** What is played, and where its files are written meanwhile. */
export type Playing = Readonly<{ scenario: Scenario; duckDb: DuckDb; folder: string }>;

/** Plays the scenario once these services know the operator. Nothing that goes away meanwhile ends it, as long as it comes back. */
export const playWorld = async (
  { scenario, duckDb, folder }: Playing,
  url: string,
  number: number,
  services: readonly string[] = [],
): Promise<World> => {
  const client = await signedIn(url, number, services);
  const { body } = await client.post<{ accessToken: string }>('/auth/login', { ...operator(number) });
  const { accessToken } = body;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'play-'));
  try {
    const played = await play(scenario, client, duckDb, work, () => undefined);
    const text = (value: unknown): string => timeless(JSON.stringify(value));
    const shown = new Map([
      ['the bills of the demo', text(played.months)],
      ['the usage that the demo shows unpriced', text(played.unpriced)],
      ['the line that the demo explains', text(played.explained)],
      ['the imports of the demo', text(played.imports)],
    ]);
    return {
      number,
      shown,
      accessToken,
      tenants: new Map([...played.names].map(([id, name]) => [name, id])),
      months: played.months.map(({ month }) => month),
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

type Items = Readonly<{ items?: readonly Readonly<{ id: string }>[] }>;

/** Everything else that the platform answers about a world, as it is now. */
export const answersAbout = async ({ accessToken, shown, tenants, months }: World, url: string): Promise<Texts> => {
  const line = new LoadClient(url, CONNECTIONS);
  const answers = new Map<string, string>(shown);
  const see = async (path: string): Promise<Items> => {
    const { status, text, body } = await line.send<Items | undefined>({ method: 'GET', path: `/api/v1${path}` });
    // A fault's text names the trace.
    answers.set(path, status < 500 && body !== undefined ? `${String(status)} ${timeless(text)}` : String(status));
    return body ?? {};
  };
  const about = async (tenantId: string): Promise<void> => {
    const at = `/tenants/${tenantId}`;
    await Promise.all(
      ['', '/customers?scope=subtree', '/linked-accounts', '/auto-assignments', '/data-sources', '/users', '/source-health'].map(
        (path) => see(at + path),
      ),
    );
    for (const { id } of (await see(`${at}/imports`)).items ?? []) await see(`${at}/imports/${id}`);
    for (const { id } of (await see(`${at}/contracts?scope=own`)).items ?? []) {
      const contract = `${at}/contracts/${id}`;
      for (const path of ['', '/status-changes', '/versions/1']) await see(contract + path);
      const versions = (await see(`${contract}/versions`)).items?.length ?? 0;
      if (versions > 1) await see(`${contract}/comparison?left=1&right=${String(versions)}`);
    }
    for (const month of months) {
      await Promise.all(['unassigned', 'unbilled'].map((what) => see(`${at}/${what}?month=${month}`)));
      await see(`${at}/bills?month=${month}&scope=subtree`);
      const bill = `${at}/bills/${month}`;
      await see(bill);
      for (const { id } of (await see(`${bill}/lines?limit=500`)).items ?? []) {
        await see(`${bill}/lines/${id}/explanation`);
        await see(`${bill}/lines/${id}/source-lines`);
      }
    }
  };
  line.authorize(accessToken);
  try {
    await Promise.all([...tenants.values()].map(about));
    return answers;
  } finally {
    await line.close();
  }
};
