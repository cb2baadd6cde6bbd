import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type LoadClient, StartFailed } from '../platform-process.ts';
import { Random } from '../random.ts';
import { BilledMonth, type BilledTree } from './billing-load.ts';
import { atOnce, Contradiction, Desk, differenceOfRepeat, LoadEnded, type Witness } from './desk.ts';
import { Office } from './directory-load.ts';
import { headOf, readModelsOf, type ReadModelStatus, type Running, Site, troubles, untilAtRest } from './site.ts';
import { buildingIn, deleteReadModels, differencesOf, type Stored, storedDocuments } from './stored-documents.ts';
import { Planting } from './trees.ts';

const OFFICES = 6;
/** Customers of each office before the first kill, so that replays take a while. */
const CUSTOMERS_AT_FIRST = 150;
const BILLED_TREES = 2;
/** Longest life under load, and the share of starts that are killed before they have come to anything. */
const LONGEST_LIFE_MS = 2_000;
const DEATHS_AT_START = 0.15;
const START_MS = 1_200;
/** Share of deaths soon after replays of the largest read models were asked for, and how soon. */
const DEATHS_IN_REPLAY = 0.4;
const REPLAY_MS = 40;
const LARGEST = ['customer-list', 'tenant-tree', 'invoicing-tenant-inputs', 'contract-version-history'];
/** Of each life: the last commands, which a crash would take, and a few of all. */
const LAST_REPEATED = 150;
const OTHERS_REPEATED = 50;
const STOCK_EVERY = 10;
const AT_ONCE = 12;
const SHOWN = 20;
const FOLDED_AFTER_MS = 1_000;
const FIRST_ANSWER_LIMIT_MS = 1_000;

export type Settings = Readonly<{ kills: number; seed: number; say: (text: string) => void }>;

/** One run: a platform on `folder`, its load, its deaths, and what is compared after each of them. */
export class CrashTest {
  readonly #desk: Desk;
  readonly #random: Random;
  readonly #faults: string[] = [];
  readonly #firstAnswers: number[] = [];
  readonly #firstAnswerCpu: number[] = [];
  readonly #compared: string[] = [];
  #site: Site | undefined;
  #running: Running | undefined;
  #offices: readonly Office[] = [];
  #months: readonly BilledMonth[] = [];
  #trees: readonly BilledTree[] = [];
  #replays = 0;
  #judged = 0;
  #repeats = 0;
  #deathsAtStart = 0;
  #deathsInReplay = 0;
  #emptyStart = 0;

  constructor(
    private readonly folder: string,
    private readonly settings: Settings,
  ) {
    this.#desk = new Desk(`crash-${String(settings.seed)}`);
    this.#random = new Random(settings.seed);
  }

  /** Whether nothing was found. */
  async run(): Promise<boolean> {
    const { kills, seed, say } = this.settings;
    const began = performance.now();
    say(`Crash test: ${String(kills)} kills, seed ${String(seed)}`);
    this.#site = await Site.at(join(this.folder, 'data'));
    await this.#start();
    this.#emptyStart = this.#running?.firstAnswerMs ?? 0;
    this.#connect();
    await this.#plant();
    const load = this.#load();
    let killed = 0;
    while (killed < kills && this.#faults.length === 0) {
      killed += 1;
      await this.#dieAndReturn(killed);
      if (killed % STOCK_EVERY === 0 && killed < kills && this.#faults.length === 0) await this.#takeStock(killed);
    }
    if (this.#faults.length === 0) await this.#finish();
    this.#desk.end();
    await this.#running?.process.kill();
    await this.#running?.line.close();
    void load;
    this.#summarise(killed, (performance.now() - began) / 1_000);
    return this.#faults.length === 0;
  }

  get #ground(): Site {
    if (!this.#site) throw new Error('there is no folder of data yet');
    return this.#site;
  }

  get #line(): LoadClient {
    if (!this.#running) throw new Error('there is no platform');
    return this.#running.line;
  }

  async #start(): Promise<void> {
    this.#running = await this.#ground.start();
  }

  #connect(): void {
    this.#desk.connect(this.#line);
  }

  async #plant(): Promise<void> {
    const planting = new Planting(this.#desk);
    const { dataSourceId, resellerIds } = await planting.directory(OFFICES);
    this.#offices = resellerIds.map((id, n) => new Office(this.#desk, this.#random.fork(), id, dataSourceId, `R${String(n)}`));
    const trees: BilledTree[] = [];
    for (let n = 0; n < BILLED_TREES; n++) trees.push(await planting.billedTree(`Tree-${String(n)}`));
    this.#trees = trees;
    this.#months = trees.map((tree) => new BilledMonth(this.#desk, this.#random.fork(), tree));
    for (const month of this.#months) await month.deliver();
    const firsts = this.#offices.flatMap((office) => Array.from({ length: CUSTOMERS_AT_FIRST }, () => office));
    await atOnce(firsts, AT_ONCE, (office) => office.register());
    await untilAtRest(this.#line, this.#roots);
    this.#desk.touched.clear();
  }

  get #roots(): readonly string[] {
    return this.#trees.map(({ tenants }) => tenants.distributor);
  }

  /** All actors, each with one command at a time. They go on through deaths. */
  #load(): Promise<unknown> {
    const pauses = this.#random.fork();
    const after = (longest: number): Promise<void> => pause(pauses.int(1, longest));
    const actors = [
      ...this.#offices.map((office) => this.#act(() => office.step())),
      ...this.#months.flatMap((month) => [
        this.#act(() => month.deliver()),
        this.#act(async () => {
          await month.reprice();
          await after(150);
        }),
        this.#act(async () => {
          await month.move();
          await after(300);
        }),
        this.#act(() => month.watch()),
      ]),
      this.#act(() => this.#replay()),
    ];
    return Promise.all(actors);
  }

  async #act(step: () => Promise<void>): Promise<void> {
    try {
      while (!this.#desk.ended) await step();
    } catch (error) {
      if (error instanceof LoadEnded || this.#desk.ended) return;
      this.#faults.push(error instanceof Contradiction ? error.message : `the load failed: ${String(error)}`);
    }
  }

  /** Replays all read models at once, again and again. */
  async #replay(): Promise<void> {
    const { body } = await this.#desk.ask<{ items: readonly { projection: string }[] }>('/operations/read-models?limit=500');
    for (const { projection } of body.items) {
      const request = { method: 'PUT', path: `/api/v1/operations/read-models/${projection}/replay` };
      // 409: a crash interrupted it, and it goes on by itself.
      await this.#desk.command([], { request, accepts: [202, 409], momentary: true });
      this.#replays += 1;
    }
    for (;;) {
      const { body: now } = await this.#desk.ask<{ items: readonly ReadModelStatus[] }>('/operations/read-models?limit=500');
      if (now.items.every(({ progress }) => progress === null)) return;
      await pause(10);
    }
  }

  async #dieAndReturn(number: number): Promise<void> {
    const before = this.#desk.acknowledged.length;
    const life = this.#random.int(50, LONGEST_LIFE_MS);
    await pause(life);
    if (this.#random.next() < DEATHS_IN_REPLAY) await this.#beginReplays();
    await this.#die();
    const resumed = await buildingIn(this.#ground.dataDir, join(this.folder, 'look'));
    if (resumed > 0) this.#deathsInReplay += 1;
    while (this.#random.next() < DEATHS_AT_START) await this.#dieAtStart();
    await this.#start();
    this.#firstAnswers.push(this.#running?.firstAnswerMs ?? 0);
    this.#firstAnswerCpu.push(this.#running?.firstAnswerCpuMs ?? NaN);
    const touched = this.#desk.touched.size;
    await this.#look(before);
    this.#connect();
    const acknowledged = this.#desk.acknowledged.length - before;
    this.settings.say(
      `kill ${String(number)} after ${String(life)} ms: ${String(acknowledged)} commands acknowledged, ${String(touched)} things ` +
        `looked at, first answer ${(this.#running?.firstAnswerMs ?? 0).toFixed(0)} ms after the start` +
        `${resumed === 0 ? '' : `, ${String(resumed)} replays interrupted`}: ${this.#verdict()}`,
    );
  }

  async #beginReplays(): Promise<void> {
    for (const name of LARGEST)
      this.#line
        .send({ method: 'PUT', path: `/api/v1/operations/read-models/${name}/replay` })
        .catch(() => 'killed before it was answered');
    await pause(this.#random.int(1, REPLAY_MS));
  }

  #verdict(): string {
    return this.#faults.length === 0 ? 'nothing lost, nothing doubled' : `${String(this.#faults.length)} FAULTS`;
  }

  async #die(): Promise<void> {
    this.#desk.hangUp();
    await this.#running?.process.kill();
    await this.#running?.line.close();
  }

  async #dieAtStart(): Promise<void> {
    const timers: NodeJS.Timeout[] = [];
    const moment = this.#random.int(1, START_MS);
    try {
      const alive = await this.#ground.start({ spawned: (kill) => timers.push(setTimeout(kill, moment)) });
      await alive.process.kill();
      await alive.line.close();
    } catch (error) {
      if (!(error instanceof StartFailed) && !isConnectionLost(error)) throw error;
      if (!String(error).includes('SIGKILL') && error instanceof StartFailed) throw error;
    }
    for (const timer of timers) clearTimeout(timer);
    this.#deathsAtStart += 1;
  }

  /** Before anything is sent again: what was acknowledged in the life that ended is there, and repeating it changes nothing. */
  async #look(before: number): Promise<void> {
    const touched = [...this.#desk.touched];
    this.#desk.touched.clear();
    await this.#witness(touched);
    const life = this.#desk.acknowledged.slice(before);
    const others = Array.from({ length: Math.min(OTHERS_REPEATED, before) }, () => this.#random.int(0, before - 1));
    await this.#repeat([...life.slice(-LAST_REPEATED), ...others.flatMap((at) => this.#desk.acknowledged[at] ?? [])]);
    for (const month of this.#months) this.#faults.push(...month.judge());
  }

  async #witness(all: Iterable<Witness>): Promise<void> {
    await atOnce(all, AT_ONCE, async (one) => {
      this.#faults.push(...(await one.faults(this.#line)));
    });
  }

  async #repeat(all: readonly Desk['acknowledged'][number][]): Promise<void> {
    await atOnce(all, AT_ONCE, async (one) => {
      const difference = await differenceOfRepeat(this.#line, one);
      this.#repeats += 1;
      if (difference !== undefined) this.#faults.push(difference);
    });
  }

  /** With nothing under way: the bills are exactly the last ones, nobody waits for an operator, repeats append nothing. */
  async #takeStock(number: number): Promise<void> {
    await this.#desk.pause();
    await untilAtRest(this.#line, this.#roots);
    await this.#rest();
    const count = this.#offices.reduce((sum, { customers }) => sum + customers.length, 0);
    this.settings.say(
      `stock after ${String(number)}: ${String(count)} customers, ${String(this.#deliveries)} deliveries, log of ${String(await headOf(this.#line))} events: ${this.#verdict()}`,
    );
    this.#desk.proceed();
  }

  get #deliveries(): number {
    return this.#months.reduce((sum, { deliveries }) => sum + deliveries, 0);
  }

  async #rest(): Promise<void> {
    await this.#witness([...this.#offices, ...this.#months]);
    for (const month of this.#months) this.#faults.push(...month.judge(), ...(await month.faultsAtRest(this.#line)));
    this.#faults.push(...(await troubles(this.#line)));
    this.#judged = this.#months.reduce((sum, { compared }) => sum + compared, 0);
  }

  async #finish(): Promise<void> {
    const { say } = this.settings;
    await this.#desk.pause();
    await untilAtRest(this.#line, this.#roots);
    await this.#rest();
    await this.#witness(this.#offices.flatMap(({ customers }) => customers));
    const head = await headOf(this.#line);
    say(`at the end: all of ${String(this.#desk.acknowledged.length)} acknowledged commands again`);
    await this.#repeat(this.#desk.acknowledged);
    await untilAtRest(this.#line, this.#roots);
    const after = await headOf(this.#line);
    if (after !== head) this.#faults.push(`repeats appended ${String(after - head)} events to the log`);
    await this.#compareWithRebuilds();
  }

  /** The documents folded through all crashes, those built from the log alone, and those replayed under the running platform. */
  async #compareWithRebuilds(): Promise<void> {
    const { say } = this.settings;
    // Serving read models fold on their own what nobody asks for, if a moment later.
    await pause(FOLDED_AFTER_MS);
    await this.#die();
    const live = storedDocuments(this.#ground.dataDir);
    const copy = join(this.folder, 'copy');
    await cp(this.#ground.dataDir, copy, { recursive: true });
    deleteReadModels(copy);
    const rebuilt = await this.#ground.copiedTo(copy).start();
    await untilAtRest(rebuilt.line, this.#roots);
    await rebuilt.line.close();
    await rebuilt.process.stop();
    this.#compare('built from the log alone', live, storedDocuments(copy));

    await this.#start();
    for (const { projection } of await readModelsOf(this.#line)) {
      const { status, text } = await this.#line.send({
        method: 'PUT',
        path: `/api/v1/operations/read-models/${projection}/replay`,
      });
      if (status !== 202) this.#faults.push(`replay of ${projection}: ${String(status)} ${text}`);
    }
    await untilAtRest(this.#line, this.#roots);
    await this.#running?.line.close();
    await this.#running?.process.stop();
    this.#compare('replayed under the running platform', live, storedDocuments(this.#ground.dataDir));
    say(`read models: ${this.#compared.join('; ')}`);
  }

  #compare(what: string, live: Stored, other: Stored): void {
    const differences = differencesOf(live, other);
    this.#faults.push(...differences.map((difference) => `${what}: ${difference}`));
    const bytes = [...live.documents.values()].reduce((sum, text) => sum + text.length, 0);
    const count = `${String(live.documents.size)} read models (${(bytes / 2 ** 20).toFixed(1)} MiB)`;
    this.#compared.push(`${count} ${differences.length === 0 ? 'equal byte for byte to those' : 'DIFFER from those'} ${what}`);
  }

  #summarise(killed: number, seconds: number): void {
    const { say, kills, seed } = this.settings;
    const at = share(this.#firstAnswers);
    const cpu = share(this.#firstAnswerCpu);
    const slow = this.#firstAnswers.filter((ms) => ms > FIRST_ANSWER_LIMIT_MS).length;
    say('');
    say(
      `${String(killed)} of ${String(kills)} kills (${String(this.#deathsInReplay)} in the midst of replays) and ${String(this.#deathsAtStart)} more while starting, seed ${String(seed)}, ${seconds.toFixed(0)} s`,
    );
    say(
      `${String(this.#desk.acknowledged.length)} commands acknowledged, ${String(this.#desk.repeated)} unanswered ones sent again, ${String(this.#repeats)} acknowledged ones repeated`,
    );
    say(
      `${String(this.#deliveries)} deliveries of ${String(this.#months.length)} months, ${String(this.#replays)} replays, ${String(this.#judged)} bills compared with what their inputs give`,
    );
    say(
      `first answer after a start: ${this.#emptyStart.toFixed(0)} ms on an empty folder; after kills median ${at(0.5)} ms, 95th percentile ${at(0.95)} ms, longest ${at(1)} ms; ${String(slow)} over ${String(FIRST_ANSWER_LIMIT_MS)} ms; processor time of it: median ${cpu(0.5)} ms, longest ${cpu(1)} ms`,
    );
    if (this.#faults.length === 0) {
      say('0 acknowledged commands lost, 0 effects doubled, 0 totals neither old nor new, 0 documents unlike a rebuild');
      return;
    }
    say(`FAILED, ${String(this.#faults.length)} faults, the first of them:`);
    for (const fault of this.#faults.slice(0, SHOWN)) say(`  ${fault.length > 1_000 ? `${fault.slice(0, 1_000)}…` : fault}`);
  }
}

/** The figure below which that share of all lies, as text. */
const share =
  (figures: readonly number[]) =>
  (part: number): string =>
    (figures.toSorted((a, b) => a - b)[Math.min(figures.length - 1, Math.floor(figures.length * part))] ?? 0).toFixed(0);

const isConnectionLost = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['UND_ERR_SOCKET', 'ECONNRESET', 'ECONNREFUSED'].includes(String(error.code));
