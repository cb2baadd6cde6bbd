import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type Answer, type HttpClient, startPlatform, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { accessControlService } from './access-control.module.ts';

type Made = Readonly<{ id: string }>;
type Problem = Readonly<{ code: string }>;

const PASSWORD = 'a long enough password';

describe('a request that is repeated with its Idempotency-Key', () => {
  let platform: TestPlatform;
  let above: HttpClient;
  let own: HttpClient;
  const reseller = randomUUID() as TenantId;
  const customer = randomUUID() as TenantId;
  const of = `/tenants/${customer}`;

  const told = ({ status, body, headers }: Answer<unknown>): readonly unknown[] => [
    status,
    body,
    ...['etag', 'location'].map((name) => headers.get(name)),
  ];
  const ok = async (answer: Promise<Answer<unknown>>): Promise<void> => {
    const { status, body } = await answer;
    expect({ body, isOk: status < 300 }).toMatchObject({ isOk: true });
  };
  /** Says it once; what is given back says it again and finds the same answer. */
  const said = async <Body = unknown>(
    send: (key: Readonly<Record<string, string>>) => Promise<Answer<Body>>,
  ): Promise<Readonly<{ body: Body; again: () => Promise<void> }>> => {
    const key = { 'idempotency-key': randomUUID() };
    const first = await send(key);
    expect({ body: first.body, isOk: first.status < 300 }).toMatchObject({ isOk: true });
    return { body: first.body, again: async () => expect(told(await send(key))).toEqual(told(first)) };
  };
  const tokenIn = async (invitationId: string): Promise<string> => {
    await platform.settled();
    const folder = join(platform.dataDir, 'mail');
    const letters = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
    const tokens = letters.map(
      (letter) => /#token=([\w.-]+)/.exec(letter.replaceAll('=\r\n', '').replaceAll('=3D', '='))?.[1] ?? '',
    );
    const token = tokens.find((one) =>
      Buffer.from(one.split('.')[0] ?? '', 'base64url')
        .toString()
        .includes(invitationId),
    );
    if (token === undefined) throw new Error('there is no letter of this invitation');
    return token;
  };

  beforeAll(async () => {
    platform = await startPlatform([accessControlService], { environment: { LOGINS_PER_MINUTE: '1000' } });
    await platform.happened(`tenants.tenant-${reseller}`, tenantRegistered([reseller], { tier: 'reseller' }));
    await platform.happened(`tenants.tenant-${customer}`, tenantRegistered([reseller, customer], { tier: 'endCustomer' }));
    above = await platform.asUser(reseller, 'admin');
    own = await platform.asUser(customer, 'admin');
  });

  afterAll(() => platform.close());

  it('tells of a service account as it was then, also once it was changed and removed', async () => {
    const accounts = `${of}/service-accounts`;
    const permissions = ['tenants:read'];
    const created = await said<Made>((key) => own.post(accounts, { name: 'First', permissions }, key));
    const account = `${accounts}/${created.body.id}`;
    await ok(own.post(`${account}/keys`, {}));
    const changed = await said((key) => own.patch(account, { name: 'Second' }, key));
    expect(changed.body).toEqual((await own.get(account)).body);
    await ok(own.delete(`${account}/keys/1`));
    await ok(own.patch(account, { name: 'Third' }));
    await created.again();
    await changed.again();
    await ok(own.delete(account));
    await created.again();
    await changed.again();
  });

  it('tells of an invitation as it was then, also once it was sent again and withdrawn', async () => {
    const invitations = `${of}/invitations`;
    const invited = await said<Made>((key) => own.post(invitations, { email: 'ada@example.com', role: 'support' }, key));
    const invitation = `${invitations}/${invited.body.id}`;
    expect(invited.body).toEqual((await own.get(invitation)).body);
    const resent = await said((key) => own.post(`${invitation}/resend`, undefined, key));
    await ok(own.post(`${invitation}/resend`));
    await invited.again();
    await resent.again();
    const revoked = await said((key) => own.post(`${invitation}/revoke`, undefined, key));
    await invited.again();
    await resent.again();
    await ok(own.post(invitations, { email: 'ada@example.com', role: 'readOnly' }));
    for (const { again } of [invited, resent, revoked]) await again();
  });

  it('accepts an invitation once', async () => {
    const { body: invitation } = await own.post<Made>(`${of}/invitations`, { email: 'bea@example.com', role: 'support' });
    const body = { token: await tokenIn(invitation.id), password: PASSWORD, name: 'Bea' };
    const key = { 'idempotency-key': randomUUID() };
    const first = await platform.http.post<Readonly<{ userId: string }>>('/invitations/accept', body, key);
    expect(first.status).toBe(200);
    expect(told(await platform.http.post('/invitations/accept', body, key))).toEqual(told(first));
    const refused = async (other: object, otherKey?: Readonly<Record<string, string>>): Promise<readonly unknown[]> => {
      const answer = await platform.http.post<Problem>('/invitations/accept', { ...body, ...other }, otherKey);
      return [answer.status, answer.body.code];
    };
    expect(await refused({}, { 'idempotency-key': randomUUID() })).toEqual([422, 'invitation-accepted']);
    expect(await refused({})).toEqual([422, 'invitation-accepted']);
    expect(await refused({ name: 'Somebody else' }, key)).toEqual([422, 'idempotency-key-reused']);
    expect(await refused({}, { 'idempotency-key': 'with a space' })).toEqual([400, 'invalid-idempotency-key']);
    await ok(own.delete(`${of}/users/${first.body.userId}`));
    expect(told(await platform.http.post('/invitations/accept', body, key))).toEqual(told(first));
    expect((await own.get(`${of}/users/${first.body.userId}`)).status).toBe(404);
  });

  it('tells of delegated access as it was then, also once it was decided and has ended', async () => {
    const accesses = `${of}/delegated-accesses`;
    const wanted = { role: 'support', hours: 1, reason: 'Ticket 7' };
    const requested = await said<Made>((key) => above.post(accesses, wanted, key));
    const access = `${accesses}/${requested.body.id}`;
    expect(requested.body).toEqual((await above.get(access)).body);
    const approved = await said((key) => own.post(`${access}/approve`, undefined, key));
    expect(approved.body).toEqual((await own.get(access)).body);
    await requested.again();
    const ended = await said((key) => own.post(`${access}/end`, undefined, key));
    for (const { again } of [requested, approved, ended]) await again();
  });
});
