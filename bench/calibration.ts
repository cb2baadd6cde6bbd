import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import { DuckDBInstance } from '@duckdb/node-api';
import { Pool } from 'undici';
import { percentile } from './goal.ts';

const SYNCED_BYTES = 400;
const PARSED = JSON.stringify({
  tenantId: '0198c1de-0000-7000-8000-000000000000',
  name: 'Contract of a customer',
  lines: Array.from({ length: 20 }, (_, line) => ({ line, amount: '12.3456789', product: 'AmazonEC2' })),
});
const CONNECTIONS = 64;

export type Synced = Readonly<{ perSecond: number; p50: number; p99: number }>;

/** `fdatasync` of 400 B again and again; latencies in milliseconds. */
export const fdatasyncRate = (folder: string, milliseconds: number): Synced => {
  const file = openSync(join(folder, 'synced'), 'w');
  const bytes = Buffer.alloc(SYNCED_BYTES, 'x');
  const samples: number[] = [];
  const end = performance.now() + milliseconds;
  for (let before = performance.now(); before < end;) {
    writeSync(file, bytes);
    fdatasyncSync(file);
    const after = performance.now();
    samples.push(after - before);
    before = after;
  }
  closeSync(file);
  return { perSecond: (samples.length * 1000) / milliseconds, p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) };
};

const parseRate = (milliseconds: number): number => {
  const start = performance.now();
  let bytes = 0;
  while (performance.now() - start < milliseconds) {
    JSON.parse(PARSED);
    bytes += PARSED.length;
  }
  return bytes / 1000 / (performance.now() - start);
};

const scanMilliseconds = async (): Promise<number> => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run('CREATE TABLE lines AS SELECT i % 1000 AS account, i * 0.001 AS cost FROM range(10000000) t(i)');
  const start = performance.now();
  await connection.run('SELECT sum(account), sum(cost) FROM lines');
  const taken = performance.now() - start;
  connection.closeSync();
  return taken;
};

/** POSTs a second that a bare Fastify answers without doing anything, in this very process together with its client. */
const noOpRate = async (milliseconds: number): Promise<number> => {
  const server = fastify();
  server.post('/', () => ({}));
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const end = performance.now() + milliseconds;
  let answered = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const { body } = await pool.request({
        method: 'POST',
        path: '/',
        headers: { 'content-type': 'application/json' },
        body: '{"a":1}',
      });
      await body.dump();
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  await pool.destroy();
  await server.close();
  return (answered * 1000) / milliseconds;
};

/** What this machine does at this moment, so that a table can be read beside another one. */
export const calibration = async (folder: string): Promise<readonly string[]> => {
  const synced = fdatasyncRate(folder, 1_000);
  return [
    `fdatasync of ${String(SYNCED_BYTES)} B: ${synced.perSecond.toFixed(0)}/s, p50 ${synced.p50.toFixed(2)} ms, p99 ${synced.p99.toFixed(2)} ms`,
    `JSON.parse: ${parseRate(500).toFixed(0)} MB/s`,
    `DuckDB, sum of two columns of 10M rows in memory: ${(await scanMilliseconds()).toFixed(0)} ms`,
    `no-op POST, bare Fastify with its client in one process: ${(await noOpRate(1_000)).toFixed(0)}/s`,
  ];
};
