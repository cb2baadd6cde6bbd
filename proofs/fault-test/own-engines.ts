import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeTopics } from '#libs/messaging/kafka/topics';
import { TOPICS } from '#libs/wire/events';
import { type Addresses, enginesFolder } from '../../deploy/local/addresses.ts';
import { fetchJars, freePort, pidOf, stopJava } from '../../deploy/local/java-engine.ts';
import { startKafka } from '../../deploy/local/kafka.ts';
import { startMongoStandIn } from '../../deploy/local/mongo-stand-in.ts';

const POMS = join('deploy', 'local');
const KAFKA_HEAP = '400m';
const LOOK_MS = 20;

type Engine = 'kafka' | 'mongo';

/** Kafka and the stand-in for MongoDB for this proof alone: it lets them die. They keep their ports. */
export class OwnEngines {
  readonly #folder: string;
  readonly #ports: Readonly<Record<Engine, number>>;

  private constructor(folder: string, ports: Readonly<Record<Engine, number>>) {
    this.#folder = folder;
    this.#ports = ports;
    process.once('exit', () => {
      for (const engine of ['kafka', 'mongo'] as const) this.#signal(engine);
    });
  }

  /** Started, with the topics. */
  static async in(folder: string): Promise<OwnEngines> {
    for (const engine of ['kafka', 'mongo'] as const) {
      const shared = join(enginesFolder(), engine);
      mkdirSync(shared, { recursive: true });
      const jars = await fetchJars(join(POMS, engine, 'pom.xml'), shared);
      mkdirSync(join(folder, engine), { recursive: true });
      if (!existsSync(join(folder, engine, 'lib'))) symlinkSync(resolve(jars), join(folder, engine, 'lib'));
    }
    const engines = new OwnEngines(folder, { kafka: await freePort(), mongo: await freePort() });
    await Promise.all([engines.start('kafka'), engines.start('mongo')]);
    await makeTopics(engines.addresses.MESSAGING_URL, TOPICS);
    return engines;
  }

  get addresses(): Required<Omit<Addresses, 'EVENT_STORE_URL'>> {
    const { kafka, mongo } = this.#ports;
    return {
      MESSAGING_URL: `kafka:127.0.0.1:${String(kafka)}`,
      READ_MODELS_URL: `mongodb://127.0.0.1:${String(mongo)}/tributary`,
    };
  }

  async start(engine: Engine): Promise<void> {
    const folder = join(this.#folder, engine);
    if (engine === 'kafka') await startKafka(folder, join(POMS, 'kafka'), this.#ports.kafka, KAFKA_HEAP);
    else await startMongoStandIn(folder, join(POMS, 'mongo'), this.#ports.mongo);
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(engine: Engine): Promise<void> {
    this.#signal(engine);
    while (this.#pid(engine) !== undefined) await sleep(LOOK_MS);
  }

  async stop(): Promise<void> {
    await Promise.all((['kafka', 'mongo'] as const).map((engine) => stopJava({ folder: join(this.#folder, engine) })));
  }

  #pid(engine: Engine): number | undefined {
    return pidOf({ folder: join(this.#folder, engine) });
  }

  #signal(engine: Engine): void {
    const pid = this.#pid(engine);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }
}
