import { describe, expect, it } from '@jest/globals';
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type CloudEvent, Kafka } from 'cloudevents';
import { type CommandId, type Metadata, type Recorded, type StreamName } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';
import { ContractVersionSavedSchema } from './generated/tributary/contracts/v1/events_pb.ts';
import { TenantRegisteredSchema, Tier } from './generated/tributary/tenants/v1/events_pb.ts';
import { decode, encode, type WireMessage } from './wire-message.ts';

const data = {
  tenantId: 't1',
  path: ['t0', 't1'],
  tier: 'endCustomer',
  name: 'Ärger & Söhne',
  customerCode: null,
  primaryDomain: '',
  currency: 'EUR',
  registeredAt: '2026-01-02T03:04:05.000Z',
};

const metadata: Metadata = {
  commandId: 'c1' as CommandId,
  bodyHash: 'of the body',
  principal: { id: 'ada', onBehalfOf: 't0', actor: { id: 'eve', reason: 'Über 20 % off' }, via: 'impersonation', home: 'r0' },
  tenant: 't1',
  time: '2026-01-02T03:04:05.000Z' as Instant,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

const event: Recorded = {
  type: 'TenantRegistered',
  data,
  stream: 'tenants.tenant-t1' as StreamName,
  revision: 0,
  position: 12,
  eventId: 'e1',
  metadata,
};

const sent = encode(event, 'log-1');
const withHeader = (name: string, value: string | undefined): Parameters<typeof decode>[0] => ({
  ...sent,
  headers: { ...sent.headers, [name]: value },
});
const withValue = (value: Uint8Array | null): Parameters<typeof decode>[0] => ({ ...sent, value: value && Buffer.from(value) });

describe('an event on the wire', () => {
  it('is a CloudEvent in binary mode, its stream the key', () => {
    expect(sent.key).toBe('tenants.tenant-t1');
    expect(sent.headers).toEqual({
      'content-type': 'application/protobuf',
      ce_specversion: '1.0',
      ce_id: 'e1',
      ce_source: '/tributary/tenants',
      ce_type: 'tributary.tenants.v1.TenantRegistered',
      ce_subject: 'tenants.tenant-t1',
      ce_time: '2026-01-02T03:04:05.000Z',
      ce_revision: '0',
      ce_position: '12',
      ce_logid: 'log-1',
      ce_commandid: 'c1',
      ce_principalid: 'ada',
      ce_onbehalfof: 't0',
      ce_actorid: 'eve',
      ce_actorreason: 'Über 20 % off',
      ce_via: 'impersonation',
      ce_home: 'r0',
      ce_tenant: 't1',
      ce_traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
  });

  it('is understood by the CloudEvents SDK', () => {
    const { key, headers, value }: WireMessage = sent;
    const read = Kafka.toEvent({ key, headers, value, body: value } as never) as CloudEvent;
    expect(read.validate()).toBe(true);
    expect(read.toJSON()).toMatchObject({
      id: 'e1',
      source: '/tributary/tenants',
      type: 'tributary.tenants.v1.TenantRegistered',
      subject: 'tenants.tenant-t1',
      datacontenttype: 'application/protobuf',
      revision: '0',
      traceparent: metadata.traceparent,
      data_base64: value.toString('base64'),
    });
  });

  it('leaves out what there is not', () => {
    const principal = { id: metadata.principal.id };
    const { traceparent: _trace, ...rest } = metadata;
    const { headers } = encode({ ...event, metadata: { ...rest, principal, tenant: null } }, 'log-1');
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['ce_tenant']));
    for (const name of ['onbehalfof', 'actorid', 'actorreason', 'via', 'home'])
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining([`ce_${name}`]));
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['ce_traceparent']));
    expect(decode({ headers, value: sent.value }).event.metadata).toEqual({
      commandId: 'c1',
      bodyHash: '',
      principal: { id: 'ada' },
      tenant: null,
      time: metadata.time,
    });
  });

  it('is read from headers that are bytes, with keys in the order in which they were written', () => {
    const headers = Object.fromEntries(Object.entries(sent.headers).map(([name, text]) => [name, Buffer.from(text)]));
    const arrived = decode({ headers, value: sent.value });
    expect(JSON.stringify(arrived)).toBe(
      JSON.stringify({ event: { ...event, metadata: { ...metadata, bodyHash: '' } }, logId: 'log-1' }),
    );
  });

  it('may have fields and headers that are not known yet', () => {
    const newer = new BinaryWriter().raw(sent.value).tag(99, WireType.LengthDelimited).string('new').finish();
    expect(decode({ headers: { ...sent.headers, ce_new: 'x' }, value: Buffer.from(newer) }).event.data).toEqual(data);
  });
});

describe('a message that cannot be read', () => {
  const where = 'TenantRegistered (tenants.tenant-t1, revision 0) cannot be read: ';
  const ofTier = (tier: Tier): Uint8Array => toBinary(TenantRegisteredSchema, create(TenantRegisteredSchema, { tier }));

  it.each<readonly [string, Parameters<typeof decode>[0], string]>([
    [
      'of an unknown type',
      withHeader('ce_type', 'tributary.tenants.v1.TenantSold'),
      'TenantSold (tenants.tenant-t1, revision 0) cannot be read: the type tributary.tenants.v1.TenantSold is not known here',
    ],
    ['without a type', withHeader('ce_type', undefined), 'no ce_type (tenants.tenant-t1, revision 0)'],
    ['without a revision', withHeader('ce_revision', undefined), 'revision no ce_revision'],
    ['with a revision that is no number', withHeader('ce_revision', '-1'), 'ce_revision is "-1", no number'],
    ['with a position beyond all bounds', withHeader('ce_position', '9'.repeat(20)), 'ce_position'],
    ['with a way of acting that nobody knows', withHeader('ce_via', 'magic'), 'its header ce_via is "magic"'],
    ['of another content type', withHeader('content-type', 'application/json'), 'content-type is application/json'],
    ['without a value', withValue(null), `${where}it has no value`],
    ['cut off', withValue(sent.value.subarray(0, -3)), where],
    ['with an enum value that is not known', withValue(ofTier(9 as Tier)), `${where}tier is 9`],
    ['with an enum that is not set', withValue(ofTier(Tier.UNSPECIFIED)), `${where}tier is 0`],
  ])('%s is refused by type, stream and revision', (_, message, text) => {
    expect(() => decode(message)).toThrow(text);
  });

  it('with a header twice is refused', () => {
    expect(() => decode({ ...sent, headers: { ...sent.headers, ce_id: ['a', 'b'] } })).toThrow('ce_id more than once');
  });

  it('without a part that must be there, or with a number that JSON cannot hold, is refused by the field', () => {
    const headers = { ...sent.headers, ce_type: 'tributary.contracts.v1.ContractVersionSaved' };
    const version = (of: object): Buffer =>
      Buffer.from(toBinary(ContractVersionSavedSchema, create(ContractVersionSavedSchema, of)));
    expect(() => decode({ headers, value: version({ version: 2n ** 60n }) })).toThrow(
      'version is 1152921504606846976, no safe integer',
    );
    expect(() => decode({ headers, value: version({ version: 2n }) })).toThrow('terms is not there');
  });
});

describe('data that its message cannot hold', () => {
  it.each<readonly [string, unknown, string]>([
    ['no object', null, 'the data is null, no object'],
    ['a field less', { ...data, name: undefined }, 'name is not there, no string'],
    ['null where there is always something', { ...data, name: null }, 'name is null, no string'],
    ['a field more', { ...data, password: 'x' }, 'password is no property that tributary.tenants.v1.TenantRegistered knows'],
    ['a word that is not in the language', { ...data, tier: 'broker' }, 'tier is "broker", not one of distributor, reseller'],
    ['something else in a list', { ...data, path: ['t0', 1] }, 'path.1 is 1, no string'],
    ['a list that is none', { ...data, path: 't0' }, 'path is "t0", no list'],
  ])('is refused by its field: %s', (_, changed, text) => {
    expect(() => encode({ ...event, data: changed }, 'log-1')).toThrow(
      `TenantRegistered (tenants.tenant-t1, revision 0) cannot be published: ${text}`,
    );
  });

  it('a property that is undefined is one that is not there', () => {
    expect(encode({ ...event, data: { ...data, more: undefined } }, 'log-1').value).toEqual(sent.value);
  });
});
