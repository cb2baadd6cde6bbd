import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId, type UserId } from '#libs/published/ids';
import { accessControlService } from '../access-control.module.ts';

type Issued = Readonly<{ accessToken: string; impersonationId: string }>;
type List = Readonly<{ items: readonly Readonly<{ id: string; endedAt: string | null }>[] }>;

const tenant = randomUUID() as TenantId;
const PASSWORD = 'a long enough password';
const here = `/tenants/${tenant}`;

describe('impersonating somebody who is deleted', () => {
  let platform: TestPlatform;
  let admin: HttpClient;
  let ada: UserId;
  let user: UserId;

  const granted = (userId = user, role = 'readOnly') =>
    platform.happened(`access-control.membership-${tenant}~${userId}`, {
      type: 'MembershipGranted',
      data: { tenantId: tenant, userId, role },
    });
  const begun = async (): Promise<Readonly<{ id: string; reaches: () => Promise<number> }>> => {
    const { status, body } = await admin.post<Issued>(`${here}/users/${user}/impersonation`, { reason: 'Ticket 7' });
    expect(status).toBe(201);
    const as = platform.http.with({ authorization: `Bearer ${body.accessToken}` });
    return { id: body.impersonationId, reaches: async () => (await as.get(`${here}/access`)).status };
  };
  const endings = async (): Promise<ReadonlyMap<string, string | null>> => {
    await platform.settled();
    const { items } = (await admin.get<List>(`${here}/impersonations`)).body;
    return new Map(items.map(({ id, endedAt }) => [id, endedAt]));
  };

  beforeAll(async () => {
    platform = await startPlatform([accessControlService]);
    await platform.happened(`tenants.tenant-${tenant}`, tenantRegistered([tenant], {}));
    const operator = await platform.asOperator();
    const added = async (name: string, role: string): Promise<UserId> => {
      const account = { email: `${name}@example.com`, name, password: PASSWORD, role };
      return (await operator.post<Readonly<{ id: UserId }>>(`${here}/users`, account)).body.id;
    };
    ada = await added('ada', 'admin');
    user = await added('tmp', 'readOnly');
    admin = await platform.as('ada@example.com', PASSWORD);
  });

  afterAll(() => platform.close());

  it('ends for good, also where they become a user again at once', async () => {
    const { id, reaches } = await begun();
    expect(await reaches()).toBe(200);
    expect((await admin.delete(`${here}/users/${user}`)).status).toBe(204);
    expect(await reaches()).toBe(401);
    await granted();
    expect(await reaches()).toBe(401);
    expect((await endings()).get(id)).toEqual(expect.any(String));

    const again = await begun();
    expect([await reaches(), await again.reaches()]).toEqual([401, 200]);
    expect((await endings()).get(again.id)).toBeNull();
  });

  it('goes on where they are given another role, and as long as they are shut out only', async () => {
    const { id, reaches } = await begun();
    expect((await admin.patch(`${here}/users/${user}`, { role: 'support' })).status).toBe(200);
    expect(await reaches()).toBe(200);
    expect((await admin.post(`${here}/users/${user}/disable`)).status).toBe(200);
    expect(await reaches()).toBe(401);
    expect((await admin.post(`${here}/users/${user}/enable`)).status).toBe(200);
    expect(await reaches()).toBe(200);
    expect((await endings()).get(id)).toBeNull();
  });

  it('ends for good with whoever does it, as their switches do', async () => {
    const { reaches } = await begun();
    const switched = await admin.put<Issued>(`${here}/switch`);
    const inContext = platform.http.with({ authorization: `Bearer ${switched.body.accessToken}` });
    const statuses = async (): Promise<readonly number[]> => [await reaches(), (await inContext.get(`${here}/access`)).status];
    expect(await statuses()).toEqual([200, 200]);
    await platform.happened(`access-control.membership-${tenant}~${ada}`, {
      type: 'MembershipRevoked',
      data: { tenantId: tenant, userId: ada },
    });
    await granted(ada, 'admin');
    expect((await admin.get(`${here}/access`)).status).toBe(200);
    expect(await statuses()).toEqual([401, 401]);
  });
});
