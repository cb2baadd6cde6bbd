import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { SERVICES } from './services.ts';

type Tenant = Readonly<{ id: TenantId }>;
type Operation = Readonly<{ security?: readonly unknown[] }>;
type OpenApi = Readonly<{ paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }>;

const root = (name: string) => ({ tier: 'distributor', name, currency: 'USD' });
const withoutBody = (method: string): boolean => ['get', 'delete'].includes(method);

/** Every route on which an administrator of one tree learns anything of another tree's tenant, or of its existence. */
const leaks = async (platform: TestPlatform): Promise<Readonly<{ asked: number; leaking: readonly string[] }>> => {
  const operator = await platform.asOperator();
  const mine = (await operator.post<Tenant>('/tenants', root('Mine'))).body.id;
  const foreign = (await operator.post<Tenant>('/tenants', root('Foreign'))).body.id;
  const unknown = randomUUID();
  const admin = await platform.asUser(mine, 'admin');
  const { paths } = (await platform.http.get<OpenApi>('/api/docs-json')).body;
  const routes = Object.entries(paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).flatMap(([method, { security }]) => (security ? [{ method, path }] : [])),
  );
  const leaking: string[] = [];
  for (const { method, path } of routes) {
    if (!path.includes('{tenantId}') && !withoutBody(method)) continue;
    const asked = async (tenantId: string): Promise<string> => {
      const concrete = path.replace('{tenantId}', tenantId).replace(/\{[^}]*\}/g, '2026-01');
      const { status, body } = await admin.send(method.toUpperCase(), concrete, withoutBody(method) ? undefined : {});
      return JSON.stringify([status, { ...(body as object), traceId: '' }]);
    };
    const ofForeign = await asked(foreign);
    const same = ofForeign.replaceAll(foreign, '') === (await asked(unknown)).replaceAll(unknown, '');
    const sound = path.includes('{tenantId}') ? same && ofForeign.includes('tenant-not-found') : !ofForeign.includes(foreign);
    if (!sound) leaking.push(`${method} ${path}`);
  }
  return { asked: routes.length, leaking };
};

const leaksOfAFreshPlatform = async (): ReturnType<typeof leaks> => {
  const platform = await startPlatform(SERVICES);
  try {
    return await leaks(platform);
  } finally {
    await platform.close();
  }
};

describe('a tenant out of reach', () => {
  it('looks exactly like one that does not exist, on every route, and stands in no list', async () => {
    const { asked, leaking } = await leaksOfAFreshPlatform();
    expect(asked).toBeGreaterThan(30);
    expect(leaking).toEqual([]);
  });

  it('would be found to leak if the filter by tenant were gone', async () => {
    process.env['SABOTAGE'] = 'tenant-filter';
    try {
      const { leaking } = await leaksOfAFreshPlatform();
      expect(leaking).toEqual(
        expect.arrayContaining([
          'get /api/v1/tenants',
          'get /api/v1/tenants/{tenantId}',
          'post /api/v1/tenants/{tenantId}/customers',
          'get /api/v1/tenants/{tenantId}/contracts',
        ]),
      );
    } finally {
      delete process.env['SABOTAGE'];
    }
  });
});
