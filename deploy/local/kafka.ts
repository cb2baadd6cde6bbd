import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brokerAnswers } from '#libs/messaging/kafka/broker';
import { fetchJars, freePort, type JavaEngine, runJava, startJava } from './java-engine.ts';

const HEAP = '512m';
const PARTITIONS_OF_THE_BROKERS_OWN_TOPICS = 5;

/** One node that is broker and controller. Replication is 1 because there is no other. */
const serverProperties = (data: string, port: number, controllerPort: number): string => `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controllerPort)}
advertised.listeners=PLAINTEXT://127.0.0.1:${String(port)}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:${String(controllerPort)}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=${String(PARTITIONS_OF_THE_BROKERS_OWN_TOPICS)}
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=${String(PARTITIONS_OF_THE_BROKERS_OWN_TOPICS)}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
`;

/** Starts a broker whose data stay in `folder`, on `port` or a free one. @returns its address for MESSAGING_URL */
export const startKafka = async (folder: string, pomFolder: string, port?: number, heap = HEAP): Promise<string> => {
  mkdirSync(folder, { recursive: true });
  const jars = await fetchJars(join(pomFolder, 'pom.xml'), folder);
  const [own, controller] = [port ?? (await freePort()), await freePort()];
  const data = resolve(folder, 'data');
  const properties = resolve(folder, 'server.properties');
  writeFileSync(properties, serverProperties(data, own, controller));
  if (!existsSync(join(data, 'meta.properties'))) {
    const id = await runJava(jars, 'kafka.tools.StorageTool', 'random-uuid');
    await runJava(jars, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', properties, '--standalone');
  }
  const url = `kafka:127.0.0.1:${String(own)}`;
  const logging = `-Dlog4j2.configurationFile=${resolve(pomFolder, 'log4j2.properties')}`;
  const engine: JavaEngine = {
    name: 'Kafka',
    folder,
    arguments: [`-Xmx${heap}`, logging, 'kafka.Kafka', properties],
    answers: () => brokerAnswers(url),
  };
  await startJava(engine, jars);
  return url;
};
