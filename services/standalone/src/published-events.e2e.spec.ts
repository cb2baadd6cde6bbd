import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Category, categoryOf, type CommandId, type Recorded, streamName, WAYS_OF_ACTING } from '#libs/event-sourcing/event';
import { type Instant } from '#libs/time/time';
import { declaredEvents } from '#libs/wire/testing/declared-events';
import { isPublic, PUBLIC_CATEGORIES, PUBLIC_EVENTS } from '#libs/wire/events';
import { decode, encode } from '#libs/wire/wire-message';
import { SERVICES } from './services.ts';
import { playedLog } from './testing/played-log.ts';

const LOG_ID = 'a-log';
const declared = declaredEvents();
const secrets: ReadonlySet<string> = new Set(SERVICES.flatMap((service) => service.secrets ?? []));
/** Facts of the platform stand in streams of every service, or in claims. */
const publicEvents = declared.filter(({ category }) => category === undefined || !secrets.has(category));

const throughTheWire = (event: Recorded): string => {
  const { event: arrived, logId } = decode(encode(event, LOG_ID));
  return JSON.stringify([arrived, logId]);
};

/** What a reader on the other side is to see, byte for byte. */
const asSent = ({ type, data, stream, revision, position, eventId, metadata }: Recorded): string => {
  const { commandId, principal, tenant, time, traceparent } = metadata;
  const carried = { commandId, bodyHash: '', principal, tenant, time, ...(traceparent === undefined ? {} : { traceparent }) };
  return JSON.stringify([{ type, data, stream, revision, position, eventId, metadata: carried }, LOG_ID]);
};

const anything = fc.string({ unit: 'binary' });
const count = fc.nat(Number.MAX_SAFE_INTEGER);
const orNothing = <Name extends string>(name: Name) =>
  fc.option(anything, { nil: undefined }).map((value) => (value === undefined ? {} : { [name]: value }));
const actor = fc
  .option(fc.tuple(anything, orNothing('reason')), { nil: undefined })
  .map((acting) => (acting ? { actor: { id: acting[0], ...acting[1] } } : {}));
const way = fc.option(fc.constantFrom(...WAYS_OF_ACTING), { nil: undefined }).map((via) => (via === undefined ? {} : { via }));
const trace = orNothing('traceparent');
const metadata = fc
  .tuple(anything, anything, orNothing('onBehalfOf'), actor, way, orNothing('home'), fc.option(anything), anything, trace)
  .map(([commandId, id, onBehalfOf, acting, via, home, tenant, time, traceparent]) => ({
    commandId: commandId as CommandId,
    bodyHash: 'of the body',
    principal: { id, ...onBehalfOf, ...acting, ...via, ...home },
    tenant,
    time: time as Instant,
    ...traceparent,
  }));

describe('the events that the sources declare', () => {
  it('are published, each in its own category, but for the secret ones', () => {
    const facts = PUBLIC_EVENTS.filter(({ name }) => name.startsWith('tributary.common.')).map(({ type }) => type);
    const expected = publicEvents.map(({ type, category }) => [type, category ?? 'common']);
    const published = PUBLIC_EVENTS.map(({ type, categories }) => [type, facts.includes(type) ? 'common' : categories.join()]);
    expect(published.toSorted()).toEqual(expected.toSorted());
    expect(facts.toSorted()).toEqual(['ClaimGivenUp', 'Claimed', 'CommandAccepted', 'Released']);
  });

  it.each(publicEvents.map(({ type, category, data }) => [type, category, data] as const))(
    'arrive as they were sent: %s',
    (type, category, data) => {
      const event = PUBLIC_EVENTS.find((one) => one.type === type);
      const home = (category ?? event?.categories[0] ?? 'tenants.tenant') as Category;
      fc.assert(
        fc.property(data, anything, count, count, anything, metadata, (content, id, revision, position, eventId, carried) => {
          const stream = streamName(home, id);
          const sent: Recorded = { type, data: content, stream, revision, position, eventId, metadata: carried };
          expect(throughTheWire(sent)).toBe(asSent(sent));
        }),
        { numRuns: 50 },
      );
    },
  );
});

describe('what is secret', () => {
  it('is in no public category', () => {
    expect([...secrets]).toContain('access-control.credentials');
    expect(PUBLIC_CATEGORIES.filter((category) => secrets.has(category))).toEqual([]);
  });
  it('is refused by name where somebody publishes it all the same', () => {
    const secret = declared.filter(({ category }) => category !== undefined && secrets.has(category));
    expect(secret.map(({ type }) => type)).toEqual(expect.arrayContaining(['PasswordSet', 'LoginAttempted', 'SessionOpened']));
    const stream = streamName('access-control.credentials' as Category, 'ada');
    const metadataOfIt = {
      commandId: 'c' as CommandId,
      bodyHash: '',
      principal: { id: 'p' },
      tenant: null,
      time: 't' as Instant,
    };
    for (const type of ['PasswordSet', 'CommandAccepted'])
      expect(() =>
        encode({ type, data: {}, stream, revision: 4, position: 9, eventId: 'e', metadata: metadataOfIt }, LOG_ID),
      ).toThrow(`${type} (access-control.credentials-ada, revision 4) is no public event`);
  });
});

describe('a log that was played', () => {
  let log: readonly Recorded[];
  beforeAll(async () => {
    log = await playedLog();
  }, 120_000);

  it('holds public and secret categories only', () => {
    const unknown = log
      .map(({ stream }) => categoryOf(stream))
      .filter((category) => !isPublic(category) && !secrets.has(category));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it('arrives as it was sent', () => {
    const sent = log.filter(({ stream }) => isPublic(categoryOf(stream)));
    expect(sent.map(throughTheWire)).toEqual(sent.map(asSent));
    const neverPlayed = [
      'AccessClosed',
      'AdminInvitationAccepted',
      'AdminInvited',
      'ClaimGivenUp',
      'CustomerAdminLost',
      'InvitationAccepted',
      'SessionTokensRevoked',
    ];
    const played = new Set(sent.map(({ type }) => type));
    expect(
      publicEvents
        .map(({ type }) => type)
        .filter((type) => !played.has(type))
        .toSorted(),
    ).toEqual(neverPlayed);
  });
});
