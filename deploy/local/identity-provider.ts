import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Adapter, type AdapterPayload, type Configuration } from 'oidc-provider';

/** Somebody as the provider knows them. */
export type Identity = Readonly<{ subject: string; email: string; emailVerified: boolean; name: string }>;

export type IdentityProvider = Readonly<{
  /** What to discover it by. */
  issuer: string;
  /** Goes through the provider's pages as this person, as a browser would; answers the address that it is sent back to. */
  visit: (authorizationUrl: string, as: Identity) => Promise<string>;
  close: () => Promise<void>;
}>;

type Client = Readonly<{ clientId: string; clientSecret: string; redirectUrl: string }>;

const MOST_HOPS = 10;

/** An OpenID provider in this process, for trying a login and for tests: it asks nobody for a password. */
export const startIdentityProvider = async ({ clientId, clientSecret, redirectUrl }: Client): Promise<IdentityProvider> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const people = new Map<string, Identity>();
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'local' };
  const kept = new Map<string, AdapterPayload>();
  const configuration: Configuration = {
    adapter: (kind) => inMemory(kind, kept),
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUrl], scope: 'openid email profile' }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    jwks: { keys: [key] },
    cookies: { keys: ['local'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600, AccessToken: 600, AuthorizationCode: 60 },
    findAccount: (_context, subject) => ({
      accountId: subject,
      claims: () => {
        const person = people.get(subject);
        return { sub: subject, email: person?.email, email_verified: person?.emailVerified, name: person?.name };
      },
    }),
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ accountId: oidc.session?.accountId ?? '', clientId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  };
  const provider = new Provider(issuer, configuration);
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) {
      void answer(request, response);
      return;
    }
    const accountId = String(request.headers['x-person']);
    provider.interactionFinished(request, response, { login: { accountId } }).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  });

  const visit = async (authorizationUrl: string, as: Identity): Promise<string> => {
    people.set(as.subject, as);
    const cookies = new Map<string, string>();
    let address = authorizationUrl;
    for (let hop = 0; hop < MOST_HOPS && !address.startsWith(redirectUrl); hop++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(address, { redirect: 'manual', headers: { cookie, 'x-person': as.subject } });
      for (const set of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        cookies.set(name, value);
      }
      const next = response.headers.get('location');
      if (next === null) throw new Error(`the provider answers ${String(response.status)}: ${await response.text()}`);
      address = new URL(next, issuer).href;
    }
    return address;
  };
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { issuer, visit, close };
};

/** What the provider remembers, until it ends: its lives are short, so nothing is cleared away. */
const inMemory = (kind: string, kept: Map<string, AdapterPayload>): Adapter => {
  const keyOf = (id: string): string => `${kind} ${id}`;
  const found = (by: (payload: AdapterPayload) => boolean): AdapterPayload | undefined =>
    [...kept].find(([key, payload]) => key.startsWith(`${kind} `) && by(payload))?.[1];
  return {
    upsert: (id, payload) => Promise.resolve(void kept.set(keyOf(id), payload)),
    find: (id) => Promise.resolve(kept.get(keyOf(id))),
    findByUid: (uid) => Promise.resolve(found((payload) => payload.uid === uid)),
    findByUserCode: (userCode) => Promise.resolve(found((payload) => payload.userCode === userCode)),
    consume: (id) => {
      const payload = kept.get(keyOf(id));
      if (payload) kept.set(keyOf(id), { ...payload, consumed: payload.iat ?? 1 });
      return Promise.resolve();
    },
    destroy: (id) => Promise.resolve(void kept.delete(keyOf(id))),
    revokeByGrantId: (grantId) => {
      for (const [key, payload] of kept) if (payload.grantId === grantId) kept.delete(key);
      return Promise.resolve();
    },
  };
};
