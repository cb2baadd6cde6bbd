import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CommandId, type DomainEvent, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { startPlatform, type HttpClient, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { accessControlService } from '../access-control.module.ts';

type Problem = Readonly<{ code: string; errors?: readonly Readonly<{ path: string; message: string }>[] }>;
type Invitation = Readonly<{
  id: string;
  email: string;
  status: string;
  letters: number;
  expiresAt: string;
  userId: string | null;
}>;
type Listed = Readonly<{ items: readonly Invitation[]; total: number }>;
type Outcomes = Readonly<{
  sent: number;
  refused: number;
  rows: readonly Readonly<{
    place: string;
    email: string;
    invitationId: string | null;
    faults: readonly Readonly<{ code: string }>[];
  }>[];
}>;

const PASSWORD = 'a long enough password';

describe('inviting people', () => {
  let platform: TestPlatform;
  let admin: HttpClient;
  const tenant = randomUUID() as TenantId;
  const stranger = randomUUID() as TenantId;
  const invitations = `/tenants/${tenant}/invitations`;

  const append = (stream: string, event: DomainEvent, expected: number) =>
    platform.running.platform.store.append(stream as StreamName, [event], expected, {
      commandId: randomUUID() as CommandId,
      bodyHash: '',
      principal: { id: 'test' },
      tenant,
      time: systemClock.now(),
    });
  const register = (tenantId: TenantId) =>
    append(
      `tenants.tenant-${tenantId}`,
      {
        type: 'TenantRegistered',
        data: {
          tenantId,
          path: [tenantId],
          tier: 'reseller',
          name: `Company ${tenantId.slice(0, 4)}`,
          customerCode: null,
          currency: 'USD',
          primaryDomain: null,
          registeredAt: systemClock.now(),
        },
      },
      NO_STREAM,
    );

  /** The tokens in all letters to an address, the oldest first by their round. */
  const tokensFor = async (email: string): Promise<readonly string[]> => {
    await platform.settled();
    const folder = join(platform.dataDir, 'mail');
    const letters = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
    return letters
      .filter((letter) => letter.toLowerCase().includes(`\nto: ${email.toLowerCase()}\r\n`))
      .map((letter) => /#token=([\w.-]+)/.exec(letter.replaceAll('=\r\n', '').replaceAll('=3D', '='))?.[1] ?? '')
      .toSorted((one, other) => contentOf(one)[1] - contentOf(other)[1]);
  };
  const contentOf = (token: string): [id: string, round: number] =>
    JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as [string, number];
  const tokenFor = async (email: string): Promise<string> => {
    const token = (await tokensFor(email)).at(-1);
    if (token === undefined) throw new Error(`there is no letter to ${email}`);
    return token;
  };

  const invited = async (email: string, more: object = {}): Promise<Invitation> => {
    const { status, body } = await admin.post<Invitation>(invitations, { email, role: 'support', ...more });
    expect([status, body]).toEqual([201, expect.objectContaining({ email, status: 'pending', letters: 1 })]);
    return body;
  };
  const accept = async (token: string, more: object = {}) =>
    platform.http.post<Problem>('/invitations/accept', { token, password: PASSWORD, name: 'Somebody', ...more });
  const codeOf = async (token: string): Promise<string> => {
    const { status, body } = await accept(token);
    return `${String(status)} ${body.code}`;
  };

  beforeAll(async () => {
    platform = await startPlatform([accessControlService], {
      environment: { INVITATIONS_PER_DAY: '60', PUBLIC_URL: 'https://tributary.example', LOGINS_PER_MINUTE: '10000' },
    });
    await register(tenant);
    await register(stranger);
    admin = await platform.asUser(tenant, 'admin');
  });

  afterAll(() => platform.close());

  it('sends a letter, by which a new user becomes a member', async () => {
    const { id } = await invited('Ada@Example.com', {
      name: 'Ada',
      jobFunction: 'Finance',
      role: 'admin',
      childTenantRole: 'sales',
    });
    const token = await tokenFor('Ada@Example.com');
    const opened = await platform.http.post('/invitations/open', { token });
    expect([opened.status, opened.body]).toEqual([
      200,
      expect.objectContaining({ email: 'Ada@Example.com', name: 'Ada', tenantId: tenant, role: 'admin', hasUser: false }),
    ]);
    const accepted = await accept(token, { name: undefined });
    expect([accepted.status, accepted.body]).toEqual([200, expect.objectContaining({ tenantId: tenant, role: 'admin' })]);
    const ada = await platform.as('ada@example.com', PASSWORD);
    expect((await ada.get('/me')).body).toMatchObject({ name: 'Ada', memberships: [{ tenantId: tenant, role: 'admin' }] });
    expect((await ada.get<Invitation>(`${invitations}/${id}`)).body).toMatchObject({
      status: 'accepted',
      userId: expect.any(String),
    });
    expect(await codeOf(token)).toBe('422 invitation-accepted');
    const again = await admin.post<Problem>(invitations, { email: 'ada@example.com', role: 'sales' });
    expect([again.status, again.body.code, again.body.errors]).toEqual([
      422,
      'invitations-refused',
      [{ path: 'email', message: 'belongs to a user of this tenant' }],
    ]);
    const unknown = { email: 'nobody.yet@example.com', role: `custom:${randomUUID()}` };
    const refused = await admin.post<Problem>(invitations, unknown);
    expect([refused.status, refused.body.errors]).toEqual([422, [{ path: 'role', message: 'there is no such role here' }]]);
  });

  it('lets somebody who has a user accept with its password only', async () => {
    const other = await platform.asUser(stranger, 'admin');
    const wanted = { email: 'ada@example.com', role: 'readOnly' };
    const { body: sent } = await other.post<Invitation>(`/tenants/${stranger}/invitations`, wanted);
    const token = (await tokensFor('ada@example.com')).find((one) => contentOf(one)[0] === sent.id) ?? '';
    expect((await platform.http.post('/invitations/open', { token })).body).toMatchObject({ hasUser: true, tenantId: stranger });
    expect((await accept(token, { password: 'another password' })).body.code).toBe('login-failed');
    expect((await accept(token)).status).toBe(200);
    const ada = await platform.as('ada@example.com', PASSWORD);
    const { body } = await ada.get<{ memberships: readonly { tenantId: string; role: string }[] }>('/me');
    expect(new Set(body.memberships.map((held) => `${held.tenantId} ${held.role}`))).toEqual(
      new Set([`${tenant} admin`, `${stranger} readOnly`]),
    );
  });

  it('asks whoever accepted once and was deleted for their password when they are invited again', async () => {
    const { id } = await invited('back@example.com', { name: 'Back' });
    expect((await accept(await tokenFor('back@example.com'), { name: undefined })).status).toBe(200);
    const { userId } = (await admin.get<Invitation>(`${invitations}/${id}`)).body;
    expect((await admin.delete(`/tenants/${tenant}/users/${String(userId)}`)).status).toBe(204);
    expect((await admin.post(invitations, { email: 'back@example.com', role: 'support' })).status).toBe(201);
    const token = await tokenFor('back@example.com');
    expect((await accept(token, { password: 'another password' })).body.code).toBe('login-failed');
    expect((await accept(token)).status).toBe(200);
    expect((await (await platform.as('back@example.com', PASSWORD)).get(`/tenants/${tenant}`)).status).not.toBe(401);
  });

  it('counts the password of one only of those who accept at once, and tells the others so', async () => {
    for (const address of ['many1@example.com', 'many2@example.com', 'many3@example.com']) {
      await invited(address, { name: 'Many' });
      const token = await tokenFor(address);
      const passwords = Array.from({ length: 8 }, (_, index) => `password number ${String(index)}`);
      const answers = await Promise.all(passwords.map((password) => accept(token, { password, name: undefined })));
      const accepted = passwords.filter((_, index) => answers[index]?.status === 200);
      expect(accepted).toHaveLength(1);
      for (const { status, body } of answers.filter((answer) => answer.status !== 200))
        expect(['409 invitation-being-accepted', '422 invitation-accepted']).toContain(`${String(status)} ${body.code}`);
      const logins = await Promise.all(
        passwords.map((password) => platform.http.post('/auth/login', { email: address, password })),
      );
      expect(passwords.filter((_, index) => logins[index]?.status === 200)).toEqual(accepted);
    }
  });

  it('leads to no role that there is no longer', async () => {
    const roles = `/tenants/${tenant}/roles`;
    const { body: role } = await admin.post<Readonly<{ id: string; role: string }>>(roles, {
      name: 'For a while',
      permissions: ['tenants:read'],
    });
    const email = 'without.a.role@example.com';
    const { id } = await invited(email, { role: role.role });
    const token = await tokenFor(email);
    expect((await platform.http.post('/invitations/open', { token })).status).toBe(200);
    expect((await admin.delete(`${roles}/${role.id}`)).status).toBe(204);
    const opened = await platform.http.post<Problem>('/invitations/open', { token });
    expect([opened.status, opened.body.code]).toEqual([422, 'invitation-role-removed']);
    expect(await codeOf(token)).toBe('422 invitation-role-removed');
    expect((await platform.http.post<Problem>('/auth/login', { email, password: PASSWORD })).status).toBe(401);
    expect((await admin.post<Problem>(`${invitations}/${id}/resend`)).body.code).toBe('role-not-available');
    expect((await admin.post(`${invitations}/${id}/revoke`)).status).toBe(200);
    expect((await admin.post(invitations, { email, role: 'support' })).status).toBe(201);
    expect((await accept(await tokenFor(email))).status).toBe(200);
  });

  it('takes the same acceptance twice at once', async () => {
    await invited('twice@example.com', { name: 'Twice' });
    const token = await tokenFor('twice@example.com');
    const answers = await Promise.all([accept(token), accept(token)]);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    for (const { status, body } of answers)
      if (status !== 200) expect(`${String(status)} ${body.code}`).toBe('422 invitation-accepted');
    expect((await (await platform.as('twice@example.com', PASSWORD)).get('/me')).status).toBe(200);
  });

  it('voids the letter before when it is sent again', async () => {
    const { id } = await invited('bob@example.com');
    const first = await tokenFor('bob@example.com');
    const { status, body } = await admin.post<Invitation>(`${invitations}/${id}/resend`);
    expect([status, body.letters, body.status]).toEqual([200, 2, 'pending']);
    const [, second = ''] = await tokensFor('bob@example.com');
    expect(await codeOf(first)).toBe('422 invitation-superseded');
    expect((await accept(second)).status).toBe(200);
    expect((await admin.post<Problem>(`${invitations}/${id}/resend`)).body.code).toBe('invitation-accepted');
  });

  it('voids it when it is withdrawn, and lets the address be invited anew', async () => {
    const { id } = await invited('cy@example.com');
    const token = await tokenFor('cy@example.com');
    expect((await admin.post<Invitation>(`${invitations}/${id}/revoke`)).body.status).toBe('revoked');
    expect(await codeOf(token)).toBe('422 invitation-revoked');
    const { body } = await admin.post<Invitation>(invitations, { email: 'CY@example.com', role: 'sales' });
    expect(body).toMatchObject({ id, status: 'pending', letters: 2 });
    expect(await codeOf(token)).toBe('422 invitation-superseded');
  });

  it('ends by itself, is listed as expired, and can be sent again', async () => {
    const id = randomUUID();
    const past = (days: number): string => new Date(Date.parse(systemClock.now()) - days * 86_400_000).toISOString();
    const data = {
      tenantId: tenant,
      path: [tenant],
      invitationId: id,
      email: 'late@example.com',
      name: 'Late',
      jobFunction: null,
    };
    const sending = { role: 'support', round: 1, invitedBy: 'test', sentAt: past(9), expiresAt: past(2) };
    await append(`access-control.invitation-${id}`, { type: 'InvitationSent', data: { ...data, ...sending } }, NO_STREAM);
    const token = await tokenFor('late@example.com');
    expect(await codeOf(token)).toBe('422 invitation-expired');
    const { body } = await admin.get<Listed>(`${invitations}?status=expired`);
    expect(body.items).toEqual([expect.objectContaining({ id, status: 'expired' })]);
    expect((await admin.post<Invitation>(`${invitations}/${id}/resend`)).body).toMatchObject({ status: 'pending', letters: 2 });
    expect((await accept((await tokensFor('late@example.com'))[1] ?? '')).status).toBe(200);
  });

  it('is listed page by page by what became of it, though time goes by', async () => {
    for (const email of ['p1@example.com', 'p2@example.com', 'p3@example.com']) await invited(email);
    const whole = (await admin.get<Listed>(`${invitations}?status=pending&limit=500`)).body;
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const after: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const answer = await admin.get<Listed & Readonly<{ nextCursor: string | null; total: number }>>(
        `${invitations}?status=pending&limit=2${after}`,
      );
      expect([answer.status, answer.body.total]).toEqual([200, whole.items.length]);
      found.push(...answer.body.items.map(({ email }) => email));
      cursor = answer.body.nextCursor;
    }
    expect(found).toEqual(whole.items.map(({ email }) => email));
  });

  it('takes many, and names what is wrong with each', async () => {
    const rows = [
      { email: 'd1@example.com', role: 'regular', name: 'Dee' },
      { email: 'nobody', role: 'regular' },
      { email: 'd2@example.com', role: 'operator' },
      { email: 'D1@example.com', role: 'regular' },
      { email: 'ada@example.com', role: 'regular' },
      { email: 'd3@example.com', role: 'admin', extras: 'billingUtilities' },
    ];
    const none = await admin.post<Problem>(`${invitations}/bulk`, { invitations: rows, onFaults: 'none' });
    expect([none.status, none.body.code, none.body.errors?.map(({ path }) => path)]).toEqual([
      422,
      'invitations-refused',
      ['invitations[1].email', 'invitations[2].role', 'invitations[3].email', 'invitations[4].email'],
    ]);
    expect(
      (await admin.get<Listed>(`${invitations}?status=pending&limit=500`)).body.items.map(({ email }) => email),
    ).not.toContain('d1@example.com');
    const key = { 'idempotency-key': 'many' };
    const wanted = { invitations: rows, onFaults: 'others' };
    const others = await admin.post<Outcomes>(`${invitations}/bulk`, wanted, key);
    expect(others.status).toBe(200);
    expect(others.body).toMatchObject({ sent: 2, refused: 4 });
    expect(others.body.rows.map(({ faults }) => faults.map(({ code }) => code).join())).toEqual([
      '',
      'invalid-email',
      'unknown-role',
      'listed-twice',
      'already-member',
      '',
    ]);
    expect((await admin.post(`${invitations}/bulk`, wanted, key)).body).toEqual(others.body);
    expect((await tokensFor('d1@example.com')).length).toBe(1);
    const reused = await admin.post<Problem>(
      `${invitations}/bulk`,
      { invitations: [{ email: 'new@example.com', role: 'sales' }], onFaults: 'none' },
      key,
    );
    expect([reused.status, reused.body.code]).toEqual([422, 'idempotency-key-reused']);
    expect((await accept(await tokenFor('d3@example.com'))).status).toBe(200);
  });

  it('takes many from a file', async () => {
    const upload = async (content: string, onFaults = 'others') => {
      const form = new FormData();
      form.append('file', new Blob([content]), 'people.csv');
      return admin.post<Outcomes & Problem>(`${invitations}/upload?onFaults=${onFaults}`, form);
    };
    const { status, body } = await upload(
      'Email;Role;Job Function\ne1@example.com;support;\ne2;support;\n\ne3@example.com;sales;Sales\n',
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({
      sent: 2,
      refused: 1,
      rows: [
        { place: 'lines[2]', faults: [] },
        { place: 'lines[3]', faults: [{ code: 'invalid-email' }] },
        { place: 'lines[5]', faults: [] },
      ],
    });
    const refused = await upload('email,role\ne4@example.com,support\ne1@example.com,support\n', 'none');
    expect([refused.status, refused.body.errors]).toEqual([
      422,
      [{ path: 'lines[3].email', message: 'is invited already: send that invitation again instead' }],
    ]);
    const unknown = await upload('email,colour\ne5@example.com,red\n');
    expect([unknown.status, unknown.body.code]).toEqual([400, 'invalid-csv']);
    expect((await admin.post<Problem>(`${invitations}/upload?onFaults=none`, {})).body.code).toBe('invalid-input');
    expect((await upload(`email,role\n${'x'.repeat(1_100_000)},support\n`)).status).toBe(400);
  });

  it('lists them by what became of them, a page at a time', async () => {
    const { body } = await admin.get<Listed>(`${invitations}?status=accepted&sort=email&limit=2`);
    expect(body.items.map(({ email }) => email)).toEqual(['Ada@Example.com', 'back@example.com']);
    expect(body.total).toBeGreaterThan(2);
    expect((await admin.get<Listed>(`${invitations}?status=revoked`)).body.total).toBe(0);
    expect((await admin.get(`${invitations}?status=lost`)).status).toBe(400);
  });

  it('is for those who may write users, and of their own tenants', async () => {
    const sales = await platform.asUser(tenant, 'sales');
    expect((await sales.get(invitations)).status).toBe(200);
    expect((await sales.post(invitations, { email: 'x@example.com', role: 'sales' })).status).toBe(403);
    const other = await platform.asUser(stranger, 'admin');
    const [one] = (await admin.get<Listed>(invitations)).body.items;
    expect((await other.get(invitations)).status).toBe(404);
    for (const path of [`/tenants/${stranger}/invitations/${String(one?.id)}`]) {
      const unknown = `/tenants/${stranger}/invitations/${randomUUID()}`;
      for (const step of ['', '/resend', '/revoke']) {
        const method = step === '' ? 'GET' : 'POST';
        const foreign = await other.send<Problem & { traceId: string }>(method, path + step);
        const nowhere = await other.send<Problem & { traceId: string }>(method, unknown + step);
        expect([foreign.status, { ...foreign.body, traceId: '' }]).toEqual([404, { ...nowhere.body, traceId: '' }]);
      }
    }
  });

  it('gives nobody more than whoever invites has, nor a role of another tenant', async () => {
    const roleOf = async (client: HttpClient, of: TenantId, permissions: readonly string[]): Promise<string> => {
      const { status, body } = await client.post<{ id: string }>(`/tenants/${of}/roles`, { name: 'Inviting', permissions });
      expect(status).toBe(201);
      return `custom:${body.id}`;
    };
    const inviting = await roleOf(admin, tenant, ['tenants:read', 'users:read', 'users:write']);
    const elsewhere = await roleOf(await platform.asUser(stranger, 'admin'), stranger, ['tenants:read']);
    const someone = { email: 'inviting@example.com', name: 'Inviting', password: PASSWORD, role: inviting };
    expect((await admin.post(`/tenants/${tenant}/users`, someone)).status).toBe(201);
    const client = await platform.as(someone.email, PASSWORD);
    const { body } = await client.post<Outcomes>(`${invitations}/bulk`, {
      invitations: [
        { email: 'f1@example.com', role: inviting },
        { email: 'f2@example.com', role: 'admin' },
        { email: 'f3@example.com', role: elsewhere },
        { email: 'f4@example.com', role: `custom:${randomUUID()}` },
      ],
      onFaults: 'others',
    });
    expect(body.rows.map(({ faults }) => faults.map(({ code }) => code).join())).toEqual([
      '',
      'role-beyond-yours',
      'role-not-available',
      'role-not-available',
    ]);
    const byAdmin = await invited('f5@example.com', { role: 'admin' });
    for (const change of ['resend', 'revoke']) {
      const { status, body: problem } = await client.post<Problem>(`${invitations}/${byAdmin.id}/${change}`);
      expect([change, status, problem.code]).toEqual([change, 422, 'role-beyond-yours']);
    }
  });

  it('opens nothing to what is no token of ours', async () => {
    for (const token of ['x', `${(await tokenFor('e1@example.com')).split('.')[0] ?? ''}.${'A'.repeat(43)}`]) {
      expect(await codeOf(token)).toBe('422 invitation-token-invalid');
      expect((await platform.http.post<Problem>('/invitations/open', { token })).body.code).toBe('invitation-token-invalid');
    }
  });

  it('sends so many letters a day and no more', async () => {
    const many = Array.from({ length: 61 }, (_, index) => ({ email: `m${String(index)}@example.com`, role: 'support' }));
    const { status, body, headers } = await admin.post<Problem>(`${invitations}/bulk`, { invitations: many, onFaults: 'none' });
    expect([status, body.code, Number(headers.get('retry-after')) > 0]).toEqual([429, 'too-many-attempts', true]);
    expect((await admin.get<Listed>(`${invitations}?limit=500`)).body.items.map(({ email }) => email)).not.toContain(
      'm0@example.com',
    );
  });

  it('leaves no token and no password in the log of events', async () => {
    const token = await tokenFor('e1@example.com');
    const operator = await platform.asOperator();
    const { body } = await operator.get<string>('/operations/log');
    expect(body).toContain('InvitationSent');
    expect(body).not.toContain(token);
    expect(body).not.toContain(token.split('.')[1]);
    expect(body).not.toContain(PASSWORD);
  });
});
