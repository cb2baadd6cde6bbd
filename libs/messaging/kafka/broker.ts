import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';

const SCHEME = 'kafka:';
const PROBE_TIMEOUT_MS = 1_000;

/** The brokers of a `kafka:host:port[,host:port]` URL. */
export const brokersOf = (url: string): string[] => url.slice(url.startsWith(SCHEME) ? SCHEME.length : 0).split(',');

/** A client that keeps quiet: whoever uses it reports what goes wrong. */
export const kafkaClient = (url: string, clientId: string, more: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({ clientId, brokers: brokersOf(url), logLevel: logLevel.NOTHING, ...more });

/** Whether a broker answers there now. */
export const brokerAnswers = async (url: string): Promise<boolean> => {
  const admin = kafkaClient(url, 'probe', {
    connectionTimeout: PROBE_TIMEOUT_MS,
    requestTimeout: PROBE_TIMEOUT_MS,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
};
