import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CommandId, type DomainEvent, type Metadata, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { distinctProjections } from '#libs/platform/bootstrap';
import { type Health } from '#libs/platform/health';
import { type ServiceDefinition } from '#libs/platform/service';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type ContractsEvent } from '#libs/published/contracts';
import { type Terms } from '#libs/published/contract-terms';
import { type TenantId } from '#libs/published/ids';
import { type TenantEvent } from '#libs/published/tenants';
import { type Part, type Projection } from '#libs/read-models/projection';
import { SqliteReadModels } from '#libs/read-models/sqlite/sqlite-read-models';
import { type Clock, type Instant, systemClock } from '#libs/time/time';
import { SERVICES } from './services.ts';
import { playThreeTiers } from './testing/three-tiers.ts';

type Item = Readonly<{ id: string; name: string; quarantined?: true }>;
type List = Readonly<{ items: readonly Item[]; total: number }>;
type Problem = Readonly<{ code: string; detail: string }>;
type Registered = Extract<TenantEvent, { type: 'TenantRegistered' }>['data'];
type Drafted = Extract<ContractsEvent, { type: 'ContractDrafted' }>['data'];
/** As a faulty program wrote it: the terms under another name. */
type Misspelt = DomainEvent<'ContractDrafted', Omit<Drafted, 'terms'> & Readonly<{ conditions: Terms }>>;

const PASSWORD = 'correct horse battery';
const CONCERNED = ['contract-list', 'contract-version-history', 'invoicing-contract-inputs'];

const CURRENT = '"state":"current","trouble":null';

const understood = (event: Recorded): Recorded => {
  const data = event.data as Partial<Misspelt['data']>;
  return event.type === 'ContractDrafted' && data.conditions ? { ...event, data: { ...data, terms: data.conditions } } : event;
};
const coping = (part: Part<unknown>): Part<unknown> => ({
  ...part,
  evolve: (state, event) => part.evolve(state, understood(event)),
});
const mendedProjections = new Map<Projection, Projection>(
  distinctProjections(SERVICES)
    .filter(({ name }) => CONCERNED.includes(name))
    .map((projection) => {
      const parts = Object.fromEntries(Object.entries(projection.parts).map(([name, part]) => [name, coping(part)]));
      return [projection, { ...projection, parts }];
    }),
);
/** The next version of the program: its projections know what to make of the event. */
const MENDED: readonly ServiceDefinition[] = SERVICES.map((service) => ({
  ...service,
  projections: service.projections.map((projection) => mendedProjections.get(projection) ?? projection),
}));
/**
 * The same, and nothing is rated: as where the poison is. A rating between the changes would be one more, and documents say how many
 * there were.
 */
const MENDED_UNRATED: readonly ServiceDefinition[] = MENDED.map((service) =>
  service.name === 'invoicing' ? { ...service, background: () => [] } : service,
);

/** On every platform the same, as the time is: read models hold both. */
const SPOILING = '6c3f2c5e-0d1b-4f0e-9a55-2b7f3e1d8c40' as CommandId;

describe('a poison event in the log of a played world', () => {
  const now = systemClock.now();
  const clock: Clock = { now: () => now };
  let folder: string;
  let played: string;
  /** Of every tenant, by name. */
  let ids: ReadonlyMap<string, string>;
  let contractId: string;
  let stream: StreamName;
  let month: string;
  let poisoned: TestPlatform;

  const idOf = (name: string): string => {
    const id = ids.get(name);
    if (id === undefined) throw new Error(`the scenario has no tenant ${name}`);
    return id;
  };
  const admin = (platform: TestPlatform): Promise<HttpClient> => platform.as('admin@example.com', PASSWORD);
  const healthOf = async (platform: TestPlatform): Promise<Health> => (await platform.http.get<Health>('/health/ready')).body;

  /** What everybody can be told of a tenant. */
  const answersOn = async (http: HttpClient, name: string): Promise<readonly string[]> => {
    const answers: string[] = [];
    const at = `/tenants/${idOf(name)}`;
    const see = async (path: string): Promise<unknown> => {
      const { status, body } = await http.get(path);
      answers.push(`${path} ${String(status)} ${JSON.stringify(body)}`);
      return body;
    };
    for (const path of ['', '/customers', '/linked-accounts', '/data-sources', '/imports', '/users']) await see(at + path);
    const contracts = (await see(`${at}/contracts`)) as List;
    for (const { id } of contracts.items)
      for (const path of ['', '/versions', '/versions/1']) await see(`${at}/contracts/${id}${path}`);
    await see(`${at}/bills/${month}`);
    await see(`${at}/bills/${month}/lines?limit=500`);
    return answers;
  };

  /** The same again for the contract, in a shape that nobody understands, and a change elsewhere after it. */
  const spoil = async (platform: TestPlatform): Promise<void> => {
    const { store } = platform.running.platform;
    const tenant = `tenants.tenant-${idOf('C3')}` as StreamName;
    const { events, revision } = await store.read(stream);
    const { terms, ...drafted } = events[0]?.data as Drafted;
    const event: Misspelt = { type: 'ContractDrafted', data: { ...drafted, conditions: { ...terms, name: 'Written again' } } };
    const { path, name, customerCode } = (await store.read(tenant)).events[0]?.data as Registered;
    const moved: TenantEvent = {
      type: 'TenantProfileChanged',
      data: { tenantId: idOf('C3') as TenantId, path, name, customerCode, primaryDomain: 'c3.example' },
    };
    const metadata: Metadata = {
      commandId: SPOILING,
      bodyHash: '',
      principal: { id: 'test' },
      tenant: null,
      time: '2026-02-01T00:00:00.000Z' as Instant,
    };
    await store.append(stream, [event], revision, metadata);
    const http = await admin(platform);
    // In the very first answer after it: the bill lacks what the event says.
    expect((await http.get(`/tenants/${idOf('C1')}/bills/${month}`)).body).toMatchObject({ state: 'applying' });
    await store.append(tenant, [moved], 0, metadata);
    const user = { email: 'sales@example.com', name: 'Sales', password: PASSWORD, role: 'sales' };
    expect((await http.post(`/tenants/${idOf('C3')}/users`, user, { 'idempotency-key': 'sales' })).status).toBe(201);
  };

  /** Until the rating has met the event. */
  const tried = async (platform: TestPlatform): Promise<void> => {
    while (!(await healthOf(platform)).warnings.some((warning) => warning.startsWith('rating')))
      await new Promise((resume) => setTimeout(resume, 20));
  };

  const documentsOf = ({ running: { storage } }: TestPlatform): readonly (readonly [string, readonly string[]])[] => {
    const { readModels } = storage;
    if (!(readModels instanceof SqliteReadModels)) throw new Error('these are other read models');
    return distinctProjections(SERVICES).map(({ name }) => [name, readModels.documents(name).bytes()]);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'poison-'));
    played = join(folder, 'played');
    const platform = await startPlatform(SERVICES, { dataDir: played, environment: { IMPORT_FOLDERS: folder } });
    month = await playThreeTiers(platform, folder, 'admin@example.com', PASSWORD);
    const http = await admin(platform);
    const { body } = await http.get<List>('/tenants?limit=500');
    ids = new Map(body.items.map(({ name, id }) => [name, id]));
    contractId = (await http.get<List>(`/tenants/${idOf('C1')}/contracts`)).body.items[0]?.id ?? '';
    stream = `contracts.tenantContracts-${idOf('C1')}` as StreamName;
    await platform.settled();
    await platform.close();
    await cp(played, join(folder, 'healthy'), { recursive: true });
    poisoned = await startPlatform(SERVICES, { dataDir: played, clock });
  }, 120_000);

  afterAll(async () => {
    await poisoned.close();
    await rm(folder, { recursive: true });
  });

  it('makes what needs it unavailable, named by stream and revision, and nothing else', async () => {
    const http = await admin(poisoned);
    const { body: bill } = await http.get<object>(`/tenants/${idOf('C1')}/bills/${month}`);
    const before: (readonly [string, readonly string[]])[] = [];
    for (const name of ['D1', 'C2']) before.push([name, await answersOn(http, name)]);
    expect(before.flatMap(([, answers]) => answers.filter((answer) => answer.includes(CURRENT))).length).toBe(before.length);
    await spoil(poisoned);
    const { store } = poisoned.running.platform;
    const named = `revision ${String((await store.read(stream)).revision)} of ${stream}`;
    const at = `/tenants/${idOf('C1')}`;
    for (const path of [`/contracts/${contractId}`, `/contracts/${contractId}/versions`]) {
      const { status, body } = await http.get<Problem>(at + path);
      expect([path, status, body.code]).toEqual([path, 503, 'row-quarantined']);
      expect(body.detail).toContain(named);
    }
    // The bill is made of what can be read no more: the one there is stands, and says so.
    await tried(poisoned);
    expect((await http.get(`${at}/bills/${month}`)).body).toEqual({ ...bill, state: 'applying', trouble: expect.any(String) });

    const { body: contracts } = await http.get<List>(`/tenants/${idOf('D1')}/contracts?scope=subtree`);
    const flags = contracts.items.map(({ id, quarantined = false }) => [id === contractId, quarantined]);
    expect(flags.filter(([poison]) => poison)).toEqual([[true, true]]);
    expect(flags.filter(([poison]) => !poison).map(([, flag]) => flag)).toEqual(flags.slice(1).map(() => false));

    expect((await http.get<List>(`/tenants/${idOf('C3')}/users`)).body.items).toMatchObject([{ name: 'Sales' }]);
    expect((await http.get(`/tenants/${idOf('C3')}`)).body).toMatchObject({ primaryDomain: 'c3.example' });
    const applying = (answer: string): string => answer.replace(/"state":"applying","trouble":"[^"]*"/, CURRENT);
    for (const [name, answers] of before) expect((await answersOn(http, name)).map(applying)).toEqual(answers);

    const health = await poisoned.http.get<Health>('/health/ready');
    expect([health.status, health.body.reasons]).toEqual([200, []]);
    for (const model of CONCERNED)
      expect(health.body.warnings).toContain(`read model ${model} cannot fold ${named}: 1 part(s) in quarantine`);
  });

  it('leaves no trace once a program that understands it has retried', async () => {
    await poisoned.close();
    poisoned = await startPlatform(MENDED, { dataDir: played, clock });
    const http = await admin(poisoned);
    const contract = `/tenants/${idOf('C1')}/contracts/${contractId}`;
    expect((await http.get(contract)).status).toBe(503);
    const retried = await http.put('/operations/quarantine/retry', {});
    expect([retried.status, retried.body]).toEqual([200, { retried: CONCERNED.length, remaining: 0 }]);
    expect((await http.get<Item>(contract)).status).toBe(200);
    await poisoned.settled();
    expect(await healthOf(poisoned)).toEqual({ status: 'ready', reasons: [], warnings: [] });

    let healthy = await startPlatform(MENDED_UNRATED, { dataDir: join(folder, 'healthy'), clock });
    try {
      await spoil(healthy);
      await healthy.close();
      healthy = await startPlatform(MENDED, { dataDir: join(folder, 'healthy'), clock });
      await healthy.settled();
      expect(await healthOf(healthy)).toEqual({ status: 'ready', reasons: [], warnings: [] });
      for (const [index, [name, documents]] of documentsOf(healthy).entries())
        expect([name, documentsOf(poisoned)[index]]).toEqual([name, [name, documents]]);
      const there = await admin(healthy);
      for (const name of ids.keys()) expect(await answersOn(http, name)).toEqual(await answersOn(there, name));
    } finally {
      await healthy.close();
    }
  }, 60_000);
});
