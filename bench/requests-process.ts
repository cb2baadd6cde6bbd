import { createPublicKey, hash, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { logIn } from './long-log.ts';

/**
 * The peers of `requests.ts`, each in a process of its own: `by-hand DATA_DIR` answers a tenant, or the list of its customers, from the
 * documents of a platform that has ended; `static FILE` answers the bytes of a file. Prints where it listens.
 */

type Params = Readonly<{ tenantId: string }>;
type Query = Readonly<Record<string, unknown>>;
type Token = Readonly<{ userId: string; sessionId: string | null; authenticatedAt: number; expiresAt: number }>;
type Held = Readonly<{ tenantId: string; role: string }>;
type LetIn = Held & Readonly<{ memberOf: string; until?: string | null }>;
type Tenant = Readonly<{ id: string; path: readonly string[] }>;
type Customer = Tenant &
  Readonly<Record<'name' | 'customerCode' | 'tier' | 'currency' | 'primaryDomain' | 'registeredAt', string>> &
  Readonly<{ contracts: Readonly<Record<string, number>> }>;

const PERMITTED: readonly string[] = ['operator', 'admin', 'sales'];
const SORTABLE: readonly string[] = ['name', 'customerCode', 'tier', 'currency', 'registeredAt'];
const KNOWN: readonly string[] = ['limit', 'sort'];
const REMEMBERED = 10_000;
const NOW = (): number => performance.timeOrigin + performance.now();

class Refusal extends Error {
  constructor(readonly statusCode: number) {
    super('refused');
  }
}

/** Ed25519 once a token; then by its hash until it ends. */
const verifier = (key: KeyObject): ((header: string | undefined) => Token) => {
  const verified = new Map<string, Token>();
  return (header) => {
    const [, token = '', signed = '', signature = ''] = /^Bearer (([\w-]+\.[\w-]+)\.([\w-]+))$/.exec(header ?? '') ?? [];
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    if (known) {
      if (known.expiresAt > NOW()) return known;
      verified.delete(digest);
    }
    if (!verify(null, Buffer.from(signed), key, Buffer.from(signature, 'base64url'))) throw new Refusal(401);
    const { sub, iat, exp, sid, auth_time } = JSON.parse(
      Buffer.from(signed.split('.')[1] ?? '', 'base64url').toString(),
    ) as Readonly<{
      sub: string;
      iat: number;
      exp: number;
      sid?: string;
      auth_time?: number;
    }>;
    if (exp * 1_000 <= NOW()) throw new Refusal(401);
    if (verified.size >= REMEMBERED) verified.clear();
    const fresh = { userId: sub, sessionId: sid ?? null, authenticatedAt: (auth_time ?? iat) * 1_000, expiresAt: exp * 1_000 };
    verified.set(digest, fresh);
    return fresh;
  };
};

const queryOf = (query: Readonly<Record<string, unknown>>): Readonly<{ limit: number; sort: string }> => {
  for (const name of Object.keys(query)) if (!KNOWN.includes(name)) throw new Refusal(400);
  const { limit = '50', sort = 'name' } = query;
  if (typeof limit !== 'string' || !/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > 500) throw new Refusal(400);
  if (typeof sort !== 'string' || !SORTABLE.includes(sort)) throw new Refusal(400);
  return { limit: Number(limit), sort };
};

const byHand = async (dataDir: string): Promise<string> => {
  const jwk = JSON.parse(readFileSync(join(dataDir, 'keys', 'access-tokens.jwk.json'), 'utf8')) as JsonWebKey;
  const tokenOf = verifier(createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x } as JsonWebKey, format: 'jwk' }));
  const database = new DatabaseSync(logIn(dataDir));
  const documents = (projection: string): string => {
    const found = database
      .prepare(`SELECT generation FROM generations WHERE projection = ? AND state = 'serving'`)
      .get(projection)?.['generation'];
    return `documents_${String(found)}`;
  };
  const accessOf = database.prepare(`SELECT row FROM ${documents('user-access')} WHERE id = ?`);
  const membershipsOf = database.prepare(
    `SELECT row FROM ${documents('memberships')} WHERE row IS NOT NULL AND json_extract(row, '$."userId"') = ?
       AND json_extract(row, '$."enabled"') = true`,
  );
  const userIs = `row IS NOT NULL AND json_extract(row, '$."userId"') = ?`;
  const linksTo = database.prepare(`SELECT row FROM ${documents('customer-links')} WHERE ${userIs}`);
  const delegatedTo = database.prepare(
    `SELECT row FROM ${documents('delegated-accesses')} WHERE ${userIs} AND json_extract(row, '$."status"') = 'approved'`,
  );
  const tenantOf = database.prepare(`SELECT row FROM ${documents('tenant-tree')} WHERE id = ?`);
  const customers = documents('customer-list');
  const customerOf = database.prepare(`SELECT row FROM ${customers} WHERE id = ?`);
  const among = `FROM ${customers} WHERE row IS NOT NULL AND json_extract(row, '$."parentId"') = ?`;
  const pages = new Map(
    SORTABLE.map((by) => [by, database.prepare(`SELECT row ${among} ORDER BY json_extract(row, '$."${by}"'), id LIMIT ?`)]),
  );
  const totalOf = database.prepare(`SELECT count(*) AS total ${among}`);
  const linksOf = database.prepare(
    `SELECT json_extract(row, '$."tenantId"') AS tenant, count(*) AS links FROM ${documents('linked-accounts')}
     WHERE row IS NOT NULL AND json_extract(row, '$."tenantId"') IN (SELECT value FROM json_each(?))
       AND json_extract(row, '$."until"') > ? GROUP BY 1`,
  );
  const rowsOf = <Row>(statement: StatementSync, ...parameters: readonly (string | number)[]): readonly Row[] =>
    statement.all(...parameters).map(({ row }) => JSON.parse(String(row)) as Row);

  /** The tenant in the path and from where it is seen. */
  const admitted = (request: FastifyRequest<{ Params: Params }>): Readonly<{ tenant: Tenant; from: string }> => {
    const { userId, sessionId, authenticatedAt } = tokenOf(request.headers.authorization);
    const [access] = rowsOf<
      Readonly<{ open: boolean; issuedSince: string | null; endedSessions: Readonly<Record<string, string>> }>
    >(accessOf, userId);
    if (!access?.open || (access.issuedSince !== null && authenticatedAt < Date.parse(access.issuedSince)))
      throw new Refusal(401);
    if (sessionId !== null && Object.hasOwn(access.endedSessions, sessionId)) throw new Refusal(401);
    const member = rowsOf<Held>(membershipsOf, userId);
    const isMember = ({ memberOf }: LetIn): boolean => member.some(({ tenantId }) => tenantId === memberOf);
    const linked = rowsOf<LetIn>(linksTo, userId).filter(isMember);
    const now = NOW();
    const delegated = rowsOf<LetIn>(delegatedTo, userId).filter((one) => isMember(one) && Date.parse(one.until ?? '') > now);
    const held = [...member, ...linked, ...delegated];
    const [tenant] = rowsOf<Tenant>(tenantOf, request.params.tenantId);
    const nearest =
      tenant && ['platform', ...tenant.path].map((id) => held.find(({ tenantId }) => tenantId === id)).findLast(Boolean);
    if (!nearest) throw new Refusal(404);
    if (!PERMITTED.includes(nearest.role)) throw new Refusal(403);
    return { tenant, from: nearest.tenantId };
  };
  const answersFor = (customers: readonly Customer[], from: string): readonly unknown[] => {
    const today = new Date(NOW()).toISOString().slice(0, 10);
    const ids = JSON.stringify(customers.map(({ id }) => id));
    const links = new Map(linksOf.all(ids, today).map((row) => [row['tenant'], row['links']]));
    return customers.map(({ id, tier, name, customerCode, path, currency, primaryDomain, registeredAt, contracts }) => {
      const visible = from === 'platform' ? path : path.slice(Math.max(0, path.indexOf(from)));
      const parentId = visible.at(-2) ?? null;
      const place = { id, tier, name, customerCode, parentId, path: visible, currency, primaryDomain, registeredAt };
      return { ...place, linkedAccounts: links.get(id) ?? 0, contracts };
    });
  };

  const server = fastify({ forceCloseConnections: true });
  const send = (reply: FastifyReply, answer: unknown): void => {
    void reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(answer));
  };
  server.get<{ Params: Params; Querystring: Query }>('/api/v1/tenants/:tenantId', (request, reply) => {
    const { tenant, from } = admitted(request);
    if (Object.keys(request.query).length > 0) throw new Refusal(400);
    const [customer] = rowsOf<Customer & Readonly<{ revision: number }>>(customerOf, tenant.id);
    if (!customer) throw new Refusal(404);
    void reply.header('etag', `"${String(customer.revision)}"`);
    send(reply, answersFor([customer], from)[0]);
  });
  server.get<{ Params: Params; Querystring: Query }>('/api/v1/tenants/:tenantId/customers', (request, reply) => {
    const { tenant, from } = admitted(request);
    const { limit, sort } = queryOf(request.query);
    const page = pages.get(sort);
    if (!page) throw new Refusal(400);
    const found = rowsOf<Customer>(page, tenant.id, limit + 1);
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    const nextCursor = last ? Buffer.from(JSON.stringify([last.name, last.id])).toString('base64url') : null;
    send(reply, { items: answersFor(items, from), nextCursor, total: totalOf.get(tenant.id)?.['total'] });
  });
  return server.listen({ port: 0, host: '127.0.0.1' });
};

const alwaysTheSame = (file: string): Promise<string> => {
  const body = readFileSync(file);
  const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length };
  const server = createServer((_, response) => {
    response.writeHead(200, headers).end(body);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    });
  });
};

const [, , side, what] = process.argv;
if (what === undefined || (side !== 'by-hand' && side !== 'static')) throw new TypeError('Usage: by-hand DATA_DIR | static FILE');
process.stdout.write(`${await (side === 'by-hand' ? byHand(what) : alwaysTheSame(what))}\n`);
process.once('SIGTERM', () => process.exit(0));
