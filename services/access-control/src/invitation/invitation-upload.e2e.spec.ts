import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CommandId, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { startPlatform, type HttpClient, type TestPlatform } from '#libs/platform/testing/platform';
import { type TenantId } from '#libs/published/ids';
import { systemClock } from '#libs/time/time';
import { accessControlService } from '../access-control.module.ts';

type Answer = Readonly<{
  code: string;
  errors?: readonly Readonly<{ path: string; message: string }>[];
  sent: number;
  refused: number;
  rows: readonly Readonly<{ place: string; faults: readonly Readonly<{ code: string; message: string }>[] }>[];
}>;

describe('a file of people to invite', () => {
  let platform: TestPlatform;
  let admin: HttpClient;
  const tenant = randomUUID() as TenantId;

  const uploadForm = async (form: FormData, onFaults: string) =>
    admin.post<Answer>(`/tenants/${tenant}/invitations/upload?onFaults=${onFaults}`, form);
  const upload = async (content: string | Buffer<ArrayBuffer>, onFaults: 'none' | 'others' = 'others') => {
    const form = new FormData();
    form.append('file', new Blob([content]), 'people.csv');
    return uploadForm(form, onFaults);
  };

  beforeAll(async () => {
    platform = await startPlatform([accessControlService]);
    const registered = {
      tenantId: tenant,
      path: [tenant],
      tier: 'reseller',
      name: 'Company',
      customerCode: null,
      currency: 'USD',
      primaryDomain: null,
      registeredAt: systemClock.now(),
    };
    const { store } = platform.running.platform;
    await store.append(`tenants.tenant-${tenant}` as StreamName, [{ type: 'TenantRegistered', data: registered }], NO_STREAM, {
      commandId: randomUUID() as CommandId,
      bodyHash: '',
      principal: { id: 'test' },
      tenant,
      time: systemClock.now(),
    });
    admin = await platform.asUser(tenant, 'admin');
  });

  afterAll(() => platform.close());

  it('is taken in UTF-8 only, and the line named that is none', async () => {
    const people = 'email,name,role\ng1@example.com,Ada,support\ng2@example.com,Müller,support\n';
    const { status, body } = await upload(Buffer.from(people, 'latin1'));
    expect([status, body.code, body.errors?.map(({ path }) => path)]).toEqual([400, 'invalid-csv', ['lines[3]']]);
    expect(body.errors?.[0]?.message).toContain('must be UTF-8');
    expect((await upload(Buffer.from(`\uFEFF${people}`, 'utf16le'))).body.code).toBe('invalid-csv');
    expect((await upload(`\uFEFF${people}`)).body).toMatchObject({ sent: 2, refused: 0 });
  });

  it('has its rows named by the line that they begin on', async () => {
    const { body } = await upload('email,name,role\nh1@example.com,"Ada\nL.",support\nh2,Bob,support\n');
    expect(body.rows.map(({ place }) => place)).toEqual(['lines[2]', 'lines[4]']);
    expect(body.refused).toBe(2);
  });

  it('has rows with too few or too many cells among the faulty ones, and others done or none, as was chosen', async () => {
    const people =
      'email,role,name,,\nj1@example.com,support,Ada,,\nj2@example.com,support\n,,,,\nj3@example.com,support,Bob,x,\nnobody,support,Eve,,\n';
    const none = await upload(people, 'none');
    expect([none.status, none.body.code, none.body.errors?.map(({ path }) => path)]).toEqual([
      422,
      'invitations-refused',
      ['lines[3]', 'lines[5]', 'lines[6].email'],
    ]);
    const { status, body } = await upload(people);
    expect([status, body.sent, body.refused]).toEqual([200, 1, 3]);
    expect(body.rows.map(({ place, faults }) => [place, ...faults.map(({ code, message }) => `${code} ${message}`)])).toEqual([
      ['lines[2]'],
      ['lines[3]', 'wrong-number-of-cells lines[3]: has 2 cells, its headings are 3'],
      ['lines[5]', 'wrong-number-of-cells lines[5]: has 4 cells, its headings are 3'],
      ['lines[6]', 'invalid-email lines[6].email: "nobody" is no e-mail address'],
    ]);
    expect((await upload(`${people}"k1@example.com,support,Ada\n`)).body).toMatchObject({
      code: 'invalid-csv',
      errors: [{ path: 'lines[7]' }],
    });
  });

  it('comes alone', async () => {
    const form = (...more: readonly (readonly [string, string | Blob])[]): FormData => {
      const made = new FormData();
      for (const [name, value] of more) made.append(name, value);
      return made;
    };
    const file = (address: string) => ['file', new Blob([`email,role\n${address}@example.com,support\n`])] as const;
    const two = await uploadForm(form(file('i1'), file('i2')), 'none');
    expect([two.status, two.body.code, two.body.errors]).toEqual([
      400,
      'invalid-input',
      [{ path: 'file', message: 'one file is expected, and there are more' }],
    ]);
    const beside = await uploadForm(form(['onFaults', 'none'], file('i1')), 'none');
    expect([beside.status, beside.body.code, beside.body.errors]).toEqual([
      400,
      'invalid-input',
      [{ path: 'onFaults', message: 'is unknown: one file is expected, and no field beside it' }],
    ]);
    expect((await uploadForm(form(['note', 'x']), 'none')).status).toBe(400);
    expect((await uploadForm(form(file('i1')), 'none')).body).toMatchObject({ sent: 1 });
  });
});
