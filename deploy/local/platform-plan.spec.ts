import { describe, expect, it } from '@jest/globals';
import { enginesOf, missingEngines, planOf, serversIn } from './platform-plan.ts';

const STARTED = { MESSAGING_URL: 'kafka:127.0.0.1:9092', READ_MODELS_URL: 'mongodb://127.0.0.1:27017/tributary' };

describe('the engines of a platform', () => {
  it('are those that were started, unless the environment names others', () => {
    expect(enginesOf({ MESSAGING_URL: 'kafka:broker:9092', READ_MODELS_URL: '', HOME: '/' }, STARTED)).toEqual({
      MESSAGING_URL: 'kafka:broker:9092',
      READ_MODELS_URL: STARTED.READ_MODELS_URL,
    });
    expect(enginesOf({ EVENT_STORE_URL: 'esdb://x:2113' }, STARTED)).toEqual({ ...STARTED, EVENT_STORE_URL: 'esdb://x:2113' });
  });

  it('are named when they are missing; an event store is not needed', () => {
    expect(missingEngines(STARTED)).toEqual([]);
    expect(missingEngines({})).toEqual(['Kafka (MESSAGING_URL)', 'MongoDB, or its stand-in (READ_MODELS_URL)']);
  });

  it.each([
    ['kafka:a:1,b.c:2', ['a:1', 'b.c:2']],
    ['mongodb://me:secret@127.0.0.1:27017,other:27018/db?x=1', ['127.0.0.1:27017', 'other:27018']],
    ['esdb://localhost:2113?tls=false', ['localhost:2113']],
    ['mongodb+srv://cluster.example.com/db', []],
  ])('%s are %j', (url, servers) => {
    expect(serversIn(url).map(({ host, port }) => `${host}:${String(port)}`)).toEqual(servers);
  });
});

describe('the processes of a platform', () => {
  const ports = Array.from({ length: 10 }, (_, index) => 5_000 + index);
  const wishes = { instances: 2, dataDir: '/data', port: 8080, environment: { LOG_LEVEL: 'warn' } };

  it('are so many of each service, each at its port, with one log a service', () => {
    const { services } = planOf(wishes, STARTED, ports);
    expect(services).toHaveLength(10);
    expect(services.slice(2, 4)).toEqual(
      [1, 2].map((index) => ({
        service: 'tenants',
        label: `tenants.${String(index)}`,
        script: 'services/tenants/src/main.js',
        environment: {
          LOG_LEVEL: 'warn',
          ...STARTED,
          EVENT_STORE_URL: 'sqlite:logs/tenants.db',
          DATA_DIR: '/data',
          HOST: '127.0.0.1',
          TRUSTED_PROXIES: '127.0.0.1',
          PORT: String(5_001 + index),
        },
      })),
    );
    expect(new Set(services.map(({ environment }) => environment['PORT'])).size).toBe(10);
  });

  it('have one log for all where an event store is named', () => {
    const { services } = planOf(wishes, { ...STARTED, EVENT_STORE_URL: 'esdb://x:2113' }, ports);
    expect(new Set(services.map(({ environment }) => environment['EVENT_STORE_URL']))).toEqual(new Set(['esdb://x:2113']));
  });

  it('stand behind the gateway', () => {
    const { gateway } = planOf(wishes, STARTED, ports);
    expect(gateway.environment).toEqual({
      LOG_LEVEL: 'warn',
      PORT: '8080',
      GATEWAY_UPSTREAMS: expect.stringMatching(
        /^access-control=http:\/\/127\.0\.0\.1:5000\|http:\/\/127\.0\.0\.1:5001,tenants=.*,invoicing=http:\/\/127\.0\.0\.1:5008\|http:\/\/127\.0\.0\.1:5009$/,
      ),
    });
  });
});
