import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KafkaContainer } from '@testcontainers/kafka';
import { KurrentDbContainer } from '@testcontainers/kurrentdb';
import { MongoDBContainer } from '@testcontainers/mongodb';
import { getContainerRuntimeClient } from 'testcontainers';
import { type Addresses } from './addresses.ts';

const KAFKA_IMAGE = 'confluentinc/cp-kafka:8.0.0';
const KAFKA_PORT = 9093;
const MONGO_IMAGE = 'mongo:8.0';
const KURRENTDB_IMAGE = 'kurrentplatform/kurrentdb:25.1';

const idsFile = (folder: string): string => join(folder, 'containers.json');

/** Whether a container engine answers on this machine. */
export const dockerAnswers = async (): Promise<boolean> => {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
};

/** Starts the real engines; they outlive this process, since nothing reaps containers that are to be used again. */
export const startContainers = async (folder: string): Promise<Addresses> => {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const [kafka, mongo, kurrent] = await Promise.all([
    new KafkaContainer(KAFKA_IMAGE)
      .withKraft()
      .withEnvironment({ KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false', KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0' })
      .withReuse()
      .start(),
    new MongoDBContainer(MONGO_IMAGE).withReuse().start(),
    new KurrentDbContainer(KURRENTDB_IMAGE).withReuse().start(),
  ]);
  writeFileSync(idsFile(folder), JSON.stringify([kafka, mongo, kurrent].map((container) => container.getId())));
  const mongoUrl = new URL(mongo.getConnectionString());
  mongoUrl.pathname = '/tributary';
  mongoUrl.searchParams.set('directConnection', 'true');
  return {
    MESSAGING_URL: `kafka:${kafka.getHost()}:${String(kafka.getMappedPort(KAFKA_PORT))}`,
    READ_MODELS_URL: mongoUrl.href,
    EVENT_STORE_URL: kurrent.getConnectionString(),
  };
};

/** Ends and removes what `startContainers` left behind. */
export const stopContainers = async (folder: string): Promise<boolean> => {
  if (!existsSync(idsFile(folder))) return false;
  const { container } = await getContainerRuntimeClient();
  for (const id of JSON.parse(readFileSync(idsFile(folder), 'utf8')) as string[]) {
    const one = container.getById(id);
    await container.stop(one);
    await container.remove(one, { removeVolumes: true });
  }
  rmSync(idsFile(folder));
  return true;
};
