import { IsInt, Max, Min } from 'class-validator';
import { makeTopics } from '#libs/messaging/kafka/topics';
import { distinctProjections } from '#libs/platform/bootstrap';
import { ConfigurationFault, readConfiguration, StorageConfiguration, Variable } from '#libs/platform/configuration';
import { isShared } from '#libs/platform/open-storage';
import { prepareReadModels } from '#libs/read-models/mongo/mongo-read-models';
import { TOPICS } from '#libs/wire/events';
import { SERVICES } from '#services/standalone/src/services';

class TopicsConfiguration {
  @Variable('TOPIC_PARTITIONS', 'Partitions of a topic that is made: as many instances of a service can share its events')
  @IsInt()
  @Min(1)
  @Max(1_000)
  partitions = 3;

  @Variable('TOPIC_REPLICAS', 'Brokers that keep a copy of a topic that is made')
  @IsInt()
  @Min(1)
  @Max(10)
  replicas = 1;
}

/**
 * Makes what the engines must hold before any service starts, as far as it is missing: the topics, and the collections and indexes of
 * every service's read models. A repetition changes nothing. @throws ConfigurationFault; Error when an engine does not answer
 */
export const prepare = async (
  environment: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<void> => {
  const configuration = readConfiguration([StorageConfiguration, TopicsConfiguration], environment);
  const { messagingUrl, readModelsUrl } = configuration(StorageConfiguration);
  if (!isShared({ messagingUrl }))
    throw new ConfigurationFault([`MESSAGING_URL: must name a broker, kafka:HOST:PORT (it is "${messagingUrl}")`]);
  const made = await makeTopics(messagingUrl, TOPICS, configuration(TopicsConfiguration));
  say(made.length === 0 ? 'All topics are there.' : `Made the topics ${made.join(', ')}.`);
  for (const service of SERVICES) await prepareReadModels(readModelsUrl, service.name, distinctProjections([service]));
  say(`The read models of ${SERVICES.map(({ name }) => name).join(', ')} have their collections and indexes.`);
};
