import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { type Answer, type LoadClient, type Request } from '../platform-process.ts';
import { writeAndRead } from './pairs.ts';

type Row = Readonly<{ id: string; parent: string; name: string; customerCode?: string }>;

/** Tenants as the platform answers them, lists `late` writes behind. */
const tenants = (late: number): Pick<LoadClient, 'send'> => {
  const writes: Row[] = [];
  const shown = (behind: number): ReadonlyMap<string, Row> =>
    new Map(writes.slice(0, writes.length - behind).map((row) => [row.id, row]));
  const answer = (status: number, body: unknown): Answer => ({ status, headers: {}, text: JSON.stringify(body), body });
  const send = ({ method, path, body }: Request): Answer => {
    const { pathname, searchParams } = new URL(path, 'http://localhost');
    const id = pathname.split('/')[4] ?? '';
    const known = shown(0).get(id);
    if (method !== 'GET') {
      const row = { ...(method === 'PATCH' && known ? known : { id: randomUUID(), parent: id, name: '' }), ...(body as object) };
      writes.push(row);
      return answer(method === 'POST' ? 201 : 200, row);
    }
    if (!pathname.endsWith('/customers')) return answer(200, known);
    const code = searchParams.get('customerCode');
    const items = [...shown(late).values()].filter((row) => row.parent === id && (code === null || row.customerCode === code));
    return answer(200, { items: items.toSorted((a, b) => (a.name < b.name ? 1 : -1)).slice(0, 1), total: items.length });
  };
  return { send: <Body>(request: Request) => Promise.resolve(send(request) as Answer<Body>) };
};

const faultsOf = async (late: number): Promise<readonly (string | undefined)[]> => {
  const faults: (string | undefined)[] = [];
  for await (const fault of writeAndRead(tenants(late), { pairs: 60, connections: 3 })) faults.push(fault);
  return faults;
};

describe('writing and reading at once', () => {
  it('finds nothing where every read shows the write before it', async () => {
    expect(await faultsOf(0)).toEqual(Array.from({ length: 60 }, () => undefined));
  });

  it('finds lists that are one write behind', async () => {
    const faults = await faultsOf(1);
    expect(faults).toHaveLength(60);
    expect(faults.filter((fault) => fault !== undefined).length).toBeGreaterThan(0);
    expect(faults.find((fault) => fault !== undefined)).toMatch(/the list filtered by W\d-\d+ after writing/);
  });
});
