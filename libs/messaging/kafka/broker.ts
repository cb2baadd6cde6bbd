import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs';

const SCHEME = 'kafka:';
const PROBE_TIMEOUT_MS = 1_000;
const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** Whoever calls tries again on its own, so that it can say what it waits for. */
const FEW_RETRIES = { initialRetryTime: 20, maxRetryTime: 500, retries: 5 };

/** The brokers of a `kafka:host:port[,host:port]` URL. */
const brokersOf = (url: string): string[] => url.slice(url.startsWith(SCHEME) ? SCHEME.length : 0).split(',');

/** A client that keeps quiet: whoever uses it reports what goes wrong. */
export const kafkaClient = (url: string, clientId: string, more: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({
    clientId,
    brokers: brokersOf(url),
    logLevel: logLevel.NOTHING,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: FEW_RETRIES,
    ...more,
  });

/** Whether a broker answers there now. */
export const brokerAnswers = async (url: string): Promise<boolean> => {
  const more = { connectionTimeout: PROBE_TIMEOUT_MS, requestTimeout: PROBE_TIMEOUT_MS, retry: { retries: 0 } };
  const questions = new Questions(kafkaClient(url, 'probe', more));
  try {
    return (await questions.ask((admin) => admin.describeCluster())).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await questions.close();
  }
};

/** One connection for everything that is asked of the broker; a new one after any failure. */
export class Questions {
  readonly #kafka: Kafka;
  #connected: Promise<Admin> | undefined;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  async ask<Answer>(question: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    const connected = (this.#connected ??= this.#connect());
    try {
      return await question(await connected);
    } catch (error) {
      if (this.#connected === connected) await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const connected = this.#connected;
    this.#connected = undefined;
    const admin = await connected?.catch(() => undefined);
    await admin?.disconnect().catch(() => undefined);
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      await admin.disconnect().catch(() => undefined);
      throw error;
    }
  }
}
