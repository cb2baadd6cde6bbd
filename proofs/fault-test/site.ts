import { setTimeout as sleep } from 'node:timers/promises';
import { type Random } from '../random.ts';
import { differencesOf, type Texts } from './comparison.ts';
import { type Reference } from './embedded.ts';
import { faultsOfLog, type ServiceLog } from './log.ts';
import { type OwnEngines } from './own-engines.ts';
import { type OwnPlatform, type Service, SERVICES } from './own-platform.ts';
import { keptIn, leaksIn } from './secrets.ts';
import { documentsIn, logsIn, replayed, writingTo } from './stored.ts';
import { messagesOn } from './topic-reader.ts';
import { type Message, type Published, publishedOf } from './topic.ts';
import { addOperator, answersAbout, playWorld, type Playing, type World } from './world.ts';

/** So long everything may take to come to rest once whatever was broken is there again. */
const REST_MS = 120_000;
const LOOK_MS = 300;

/** What was seen, and what did not hold. */
export type Outcome = Readonly<{ seen: string; faults: readonly string[] }>;

/** Looks until nothing is wrong any more, or it has taken too long. What a look throws is wrong, too. */
export const eventually = async (look: () => Promise<readonly string[]>, patienceMs = REST_MS): Promise<readonly string[]> => {
  const until = performance.now() + patienceMs;
  for (;;) {
    const faults = await look().catch((error: unknown) => [String(error)]);
    if (faults.length === 0 || performance.now() > until) return faults;
    await sleep(LOOK_MS);
  }
};

export type Stored = Readonly<{
  logs: readonly ServiceLog[];
  messages: readonly Message[];
  published: Published;
  documents: Texts;
}>;

/** The platform that is disturbed, and what it is compared with. */
export class Site {
  readonly worlds: World[] = [];
  /** What nobody but its owner may have: on no topic. */
  readonly secrets = new Map<string, string>();
  /** Milliseconds of a play that nothing disturbed, and of the last one. */
  typicalMs = 5_000;
  lastMs = 0;
  #numbers = 0;
  #patienceMs = REST_MS;

  constructor(
    readonly platform: OwnPlatform,
    readonly engines: OwnEngines,
    readonly reference: Reference,
    readonly playing: Playing,
    readonly dataDir: string,
    readonly random: Random,
    readonly runs: number,
    readonly progress: (text: string) => void,
  ) {}

  /** A moment within a play. */
  moment(share = 1): Promise<void> {
    return sleep(this.random.int(0, Math.round(this.typicalMs * share)));
  }

  /**
   * Plays a new world while `beside` happens, at all of these addresses at the same time, and compares everything that is answered
   * about it in the end with what the embedded default answers. The faults, none when every byte is the same.
   */
  async play(
    beside: (play: Promise<unknown>) => Promise<void> = () => Promise.resolve(),
    urls: readonly string[] = [this.platform.url],
  ): Promise<readonly string[]> {
    const number = ++this.#numbers;
    await this.reference.of(number);
    await writingTo(this.dataDir, 'access-control', (store) => addOperator(store, number));
    const begun = performance.now();
    const plays = urls.map((url) => playWorld(this.playing, url, number, SERVICES));
    void Promise.allSettled(plays).then(() => {
      this.lastMs = performance.now() - begun;
    });
    const [disturbed, ...played] = await Promise.allSettled([beside(Promise.allSettled(plays)), ...plays]);
    const faults: string[] = [];
    // What is wrong in a log stays so: nothing is to be waited for.
    if (this.#wrongLogs().length > 0) this.#patienceMs = 0;
    if (disturbed.status === 'rejected') faults.push(`the fault could not be brought about: ${String(disturbed.reason)}`);
    const worlds: World[] = [];
    for (const play of played)
      if (play.status === 'fulfilled') worlds.push(play.value);
      else faults.push(`world ${String(number)} could not be played: ${String(play.reason)}`);
    for (const world of worlds) faults.push(...(await this.differences(world)));
    const [world] = worlds;
    if (world) this.worlds.push(world);
    return faults;
  }

  differences(world: World): Promise<readonly string[]> {
    return eventually(async () => {
      const found = await this.reference.differences(world.number, await answersAbout(world, this.platform.url));
      return found.map((difference) => `world ${String(world.number)}: ${difference}`);
    }, this.#patienceMs);
  }

  #wrongLogs(): readonly string[] {
    return logsIn(this.dataDir).flatMap(({ service, events }) => faultsOfLog(service, events));
  }

  async untilReady(): Promise<readonly string[]> {
    return eventually(async () => ((await this.platform.isReady()) ? [] : ['not every process becomes ready again']));
  }

  /** How many messages of a service its topic holds. */
  async publishedBy(service: Service): Promise<number> {
    const messages = await messagesOn(this.engines.addresses.MESSAGING_URL);
    return messages.filter(({ key }) => key.startsWith(`${service}.`)).length;
  }

  async stored(): Promise<Stored> {
    const logs = logsIn(this.dataDir);
    const messages = await messagesOn(this.engines.addresses.MESSAGING_URL);
    const documents = await documentsIn(this.engines.addresses.READ_MODELS_URL);
    return { logs, messages, published: publishedOf(messages, logs), documents };
  }

  /** Logs without a hole or a doubled command, all of it published in order, and read models equal to a replay. */
  async whole(): Promise<Outcome & Readonly<{ stored?: Stored }>> {
    const notReady = await this.untilReady();
    let stored: Stored | undefined;
    const faults = await eventually(
      async () => {
        stored = await this.stored();
        return [
          ...stored.logs.flatMap(({ service, events }) => faultsOfLog(service, events)),
          ...stored.published.faults,
          ...leaksIn(stored.messages, new Map([...this.secrets, ...keptIn(stored.logs)])),
          ...differencesOf(replayed(stored.logs), stored.documents).map((difference) => `not as a replay: ${difference}`),
        ];
      },
      notReady.length > 0 ? 0 : this.#patienceMs,
    );
    return { seen: stored ? seenOf(stored) : '', faults: [...notReady, ...faults], ...(stored ? { stored } : {}) };
  }
}

const seenOf = ({ logs, messages, published, documents }: Stored): string => {
  const events = logs.reduce((count, log) => count + log.events.length, 0);
  return (
    `${events.toLocaleString('en')} events in ${String(logs.length)} logs; ${published.events.toLocaleString('en')} public ones in ` +
    `${messages.length.toLocaleString('en')} messages; ${String(documents.size)} read models equal to a replay`
  );
};
