import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Addresses, enginesFolder, forgetAddresses, readAddresses, writeAddresses } from './addresses.ts';
import { dockerAnswers, startContainers, stopContainers } from './containers.ts';
import { pidOf, stopJava } from './java-engine.ts';
import { startKafka } from './kafka.ts';
import { startMongoStandIn } from './mongo-stand-in.ts';

const USAGE = `Usage: npm run engines:up | engines:down

  engines:up    Starts Kafka and a stand-in for MongoDB without Docker (Java and Maven), or with Docker Kafka, MongoDB and
                KurrentDB; leaves them running and prints where they answer.
  engines:down  Ends them. Kafka's data stay, the stand-in's do not.

ENGINES_DIR names the folder of downloads and data (default deploy/local/.engines).
`;

const POMS = join('deploy', 'local');

const print = (text: string): void => {
  process.stdout.write(text);
};

const up = async (): Promise<Addresses> => {
  const folder = enginesFolder();
  mkdirSync(folder, { recursive: true });
  if (await dockerAnswers()) return startContainers(folder);
  const [kafka, mongo] = [join(folder, 'kafka'), join(folder, 'mongo')];
  const known = readAddresses();
  const [MESSAGING_URL, READ_MODELS_URL] = await Promise.all([
    known?.MESSAGING_URL !== undefined && pidOf({ folder: kafka }) !== undefined
      ? known.MESSAGING_URL
      : startKafka(kafka, join(POMS, 'kafka')),
    known?.READ_MODELS_URL !== undefined && pidOf({ folder: mongo }) !== undefined
      ? known.READ_MODELS_URL
      : startMongoStandIn(mongo, join(POMS, 'mongo')),
  ]);
  return { MESSAGING_URL, READ_MODELS_URL };
};

const down = async (): Promise<void> => {
  const folder = enginesFolder();
  forgetAddresses();
  const ended = await Promise.all([
    stopJava({ folder: join(folder, 'kafka') }),
    stopJava({ folder: join(folder, 'mongo') }),
    stopContainers(folder),
  ]);
  print(ended.includes(true) ? 'The engines have ended.\n' : 'No engine was running.\n');
};

const [, , verb] = process.argv;
if (verb === 'up') {
  const addresses = await up();
  writeAddresses(addresses);
  for (const [variable, url] of Object.entries(addresses)) print(`export ${variable}='${url}'\n`);
  if (addresses.EVENT_STORE_URL === undefined) print('# EventStoreDB needs Docker or a server given by EVENT_STORE_URL.\n');
} else if (verb === 'down') await down();
else {
  process.stderr.write(USAGE);
  process.exitCode = 2;
}
