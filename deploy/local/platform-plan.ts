import { type Addresses } from './addresses.ts';

/** The services of the platform, in the order in which they are named; they start in any. */
export const SERVICES = ['access-control', 'tenants', 'contracts', 'ingestion', 'invoicing'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** One process to be: `label` is `invoicing.2`. */
export type Planned = Readonly<{ service: string; label: string; script: string; environment: Environment }>;

export type Plan = Readonly<{ services: readonly Planned[]; gateway: Planned }>;

export type Wishes = Readonly<{ instances: number; dataDir: string; port: number; environment: Environment }>;

/** Where the engines are: what the environment says goes before what `engines:up` has started. */
export const enginesOf = (environment: Environment, started: Addresses | undefined): Addresses => {
  const found: Record<string, string> = {};
  for (const variable of ['MESSAGING_URL', 'READ_MODELS_URL', 'EVENT_STORE_URL'] as const) {
    const given = environment[variable] ?? '';
    const url = given === '' ? started?.[variable] : given;
    if (url !== undefined) found[variable] = url;
  }
  return found;
};

const NEEDED = { MESSAGING_URL: 'Kafka', READ_MODELS_URL: 'MongoDB, or its stand-in' } as const;

/** What is missing, in words. */
export const missingEngines = (engines: Addresses): readonly string[] =>
  (['MESSAGING_URL', 'READ_MODELS_URL'] as const)
    .filter((variable) => engines[variable] === undefined)
    .map((variable) => `${NEEDED[variable]} (${variable})`);

/** Which log a service has: the server that was named, or a file of its own that its processes on this host share. */
const eventStoreOf = (service: string, engines: Addresses): string => engines.EVENT_STORE_URL ?? `sqlite:logs/${service}.db`;

/** @param ports a free one for each process of each service, in order */
export const planOf = ({ instances, dataDir, port, environment }: Wishes, engines: Addresses, ports: readonly number[]): Plan => {
  const host = '127.0.0.1';
  const services = SERVICES.flatMap((service, at) =>
    Array.from({ length: instances }, (_, index) => ({
      service,
      label: `${service}.${String(index + 1)}`,
      script: `services/${service}/src/main.js`,
      environment: {
        ...environment,
        ...engines,
        EVENT_STORE_URL: eventStoreOf(service, engines),
        DATA_DIR: dataDir,
        HOST: host,
        // The gateway says who asks.
        TRUSTED_PROXIES: host,
        PORT: String(ports[at * instances + index]),
      },
    })),
  );
  const upstreams = SERVICES.map((name) => {
    const urls = services.filter(({ service }) => service === name).map((of) => `http://${host}:${of.environment.PORT}`);
    return `${name}=${urls.join('|')}`;
  });
  const gateway = {
    service: 'gateway',
    label: 'gateway',
    script: 'services/gateway/src/main.js',
    environment: { ...environment, PORT: String(port), GATEWAY_UPSTREAMS: upstreams.join(',') },
  };
  return { services, gateway };
};

/** Host and port of each server that a URL of an engine names. */
export const serversIn = (url: string): readonly Readonly<{ host: string; port: number }>[] =>
  url
    .replace(/^[a-z+]+:(\/\/)?/, '')
    .replace(/^[^@/]*@/, '')
    .replace(/[/?].*$/, '')
    .split(',')
    .flatMap((server) => {
      const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(server.trim()) ?? [];
      return host === '' ? [] : [{ host, port: Number(port) }];
    });
