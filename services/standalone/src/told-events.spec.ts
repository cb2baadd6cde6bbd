import { describe, expect, it } from '@jest/globals';
import { SHOWN_CATEGORIES, shownData } from '#libs/access-policy/shown-data';
import { type Category, type StreamName, streamName } from '#libs/event-sourcing/event';
import { PUBLIC_EVENTS, isPublic } from '#libs/wire/events';
import { declaredEvents } from '#libs/wire/testing/declared-events';
import { isTold, TOLD_CATEGORIES } from '#services/access-control/src/activity/activities';
import { activityLog } from '#services/access-control/src/activity/activity-log.projection';

const CLAIM = 'that a value is unique; what it is a value of is told';
const OF_A_PERSON = 'of a person, who may belong to several tenants: their own list of sessions and the last activity tell of it';
const NOT_BY_ANYBODY = 'follows from what is told, by nobody’s hand';
const PRIVATE = 'private: never leaves its service';

/** Everything that the activity log of no tenant tells, and why not. */
const NOT_TOLD: Readonly<Record<string, string>> = {
  ClaimGivenUp: CLAIM,
  Claimed: CLAIM,
  Released: CLAIM,
  CommandAccepted: 'a command that changed nothing',
  UserRegistered: 'the role that the user got, or the invitation that was accepted, is told',
  AccessOpened: OF_A_PERSON,
  AccessClosed: OF_A_PERSON,
  TokensRevoked: 'the logout is told',
  SessionTokensRevoked: 'the logout is told',
  SessionOpened: 'the login is told',
  SessionRefreshed: OF_A_PERSON,
  SessionEnded: OF_A_PERSON,
  PasswordSet: OF_A_PERSON,
  IdentityLinked: OF_A_PERSON,
  LoginAttempted: 'too many are told, as the lock that comes of them',
  LoginSucceeded: OF_A_PERSON,
  LoginUndecided: OF_A_PERSON,
  ServiceAccountSecretKept: 'the key that was issued with it is told',
  LettersCounted: 'the invitations that were sent are told',
  TenantUserActive: 'is the last activity itself',
  AdminInvited: 'the invitation is told',
  AdminInvitationAccepted: 'that the invitation was accepted is told',
  CustomerAdminGained: 'the role is told',
  CustomerAdminLost: 'what happened to the role is told',
  SourceDataArrived: NOT_BY_ANYBODY,
  SourceDataRolledUp: NOT_BY_ANYBODY,
  SourceHealthChanged: NOT_BY_ANYBODY,
  ImportFinished: NOT_BY_ANYBODY,
  ImportFailed: NOT_BY_ANYBODY,
  UsageImported: NOT_BY_ANYBODY,
  BillRevised: NOT_BY_ANYBODY,
  MonthRated: NOT_BY_ANYBODY,
};

/** Everything that the feed for other systems leaves out, and why. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  ClaimGivenUp: CLAIM,
  Claimed: CLAIM,
  Released: CLAIM,
  CommandAccepted: 'a command that changed nothing',
  UserRegistered: 'who people are is told where it is asked for; the role tells that they came',
  AccessOpened: OF_A_PERSON,
  AccessClosed: OF_A_PERSON,
  TokensRevoked: OF_A_PERSON,
  SessionTokensRevoked: OF_A_PERSON,
  SessionOpened: PRIVATE,
  SessionRefreshed: PRIVATE,
  SessionEnded: PRIVATE,
  PasswordSet: PRIVATE,
  IdentityLinked: PRIVATE,
  LoginAttempted: PRIVATE,
  LoginSucceeded: PRIVATE,
  LoginUndecided: PRIVATE,
  ServiceAccountSecretKept: PRIVATE,
  LettersCounted: PRIVATE,
  TenantUserActive: 'every few minutes, of whoever looks at a page',
  AdminInvited: 'the invitation is shown',
  AdminInvitationAccepted: 'that the invitation was accepted is shown',
  CustomerAdminGained: 'the role is shown',
  CustomerAdminLost: 'what happened to the role is shown',
  SourceDataArrived: 'the import is shown',
  SourceDataRolledUp: 'sums up sources of tenants above and below',
  SourceHealthChanged: 'differs for tenants above and below; the source says it of itself',
  MonthRated: 'of a whole tree: the bills that came of it are shown',
};

const WHO = 'the entry says by whom';
const WHEN = 'the entry says when';
const PLACE = 'of tenants above, who are nobody’s business below';

/** What is left out of the data of an event that the activity log tells, and why. */
const WITHHELD: Readonly<Record<string, string>> = {
  path: PLACE,
  rootId: PLACE,
  memberOf: PLACE,
  takenFrom: 'of tenants beside',
  actorId: WHO,
  linkedBy: WHO,
  invitedBy: WHO,
  acceptedAt: WHEN,
  cancelledAt: WHEN,
  changedAt: WHEN,
  createdAt: WHEN,
  declinedAt: WHEN,
  draftedAt: WHEN,
  endedAt: WHEN,
  issuedAt: WHEN,
  registeredAt: WHEN,
  removedAt: WHEN,
  requestedAt: WHEN,
  revokedAt: WHEN,
  savedAt: WHEN,
  sentAt: WHEN,
  skippedAt: WHEN,
  startedAt: WHEN,
  terms: 'amounts: the version is told, and the contract itself says them to whoever may see them',
  expected: 'amounts: the import itself says them to whoever may see them',
  managementAccountId: 'of the data source, which an automatic assignment names',
  files: 'where deliveries lie is nobody’s business; the import itself names them',
};

/** Of facts of the platform, which stand in streams of every kind, any one. */
const events = declaredEvents().map(({ type, category }) => ({ type, category: (category ?? 'tenants.tenant') as Category }));
const told = events.filter(({ type, category }) => isTold({ type, stream: streamName(category, 'any') }));
const shown = events.filter(({ type, category }) => shownData(category, type, {}) !== undefined);

const typesOf = (some: readonly Readonly<{ type: string }>[]): readonly string[] => some.map(({ type }) => type).toSorted();

describe('every type of event that the sources declare', () => {
  it('is told in the activity log, or it is said why not', () => {
    expect(typesOf(events.filter((event) => !told.includes(event)))).toEqual(Object.keys(NOT_TOLD).toSorted());
  });

  it('is shown in the feed for other systems, or it is said why not', () => {
    expect(typesOf(events.filter((event) => !shown.includes(event)))).toEqual(Object.keys(NOT_SHOWN).toSorted());
  });
});

describe('what is told in the activity log', () => {
  it('says what it is since: the feed shows it, too', () => {
    expect(typesOf(told.filter((event) => !shown.includes(event)))).toEqual([]);
  });

  it('says all that changed, or it is said why not', () => {
    const kept = PUBLIC_EVENTS.flatMap(({ type, categories, message }) =>
      categories
        .filter((category) => isTold({ type, stream: streamName(category, 'any') }))
        .flatMap((category) => {
          const fields = message.fields.map(({ localName }) => localName);
          const names = Object.keys(shownData(category, type, Object.fromEntries(fields.map((name) => [name, name]))) ?? {});
          return fields.filter((name) => !names.includes(name)).map((name) => ({ type, name }));
        }),
    );
    expect(kept.filter(({ name }) => !(name in WITHHELD))).toEqual([]);
    expect(Object.keys(WITHHELD).filter((name) => !kept.some((one) => one.name === name))).toEqual([]);
  });

  it('reaches the log: each kind of stream is a part of it, and none for nothing', () => {
    const folded = Object.values(activityLog.parts).map(({ category }) => category);
    expect(folded.toSorted()).toEqual([...new Set(told.map(({ category }) => category))].toSorted());
    expect(TOLD_CATEGORIES.toSorted()).toEqual(folded.toSorted());
    for (const { type, category } of told) {
      const part = Object.values(activityLog.parts).find((one) => one.category === category);
      const stream: StreamName = streamName(category, 'any');
      const metadata = { commandId: 'c', bodyHash: '', principal: { id: 'ada' }, tenant: 'c', time: 'now' };
      const event = { type, stream, data: {}, revision: 0, position: 1, eventId: 'e', metadata };
      expect([type, part?.document(event as unknown as Parameters<typeof part.document>[0])]).toEqual([type, 'e']);
    }
  });
});

describe('what is shown of an event', () => {
  const published = PUBLIC_EVENTS.flatMap(({ type, categories, message }) =>
    categories.map((category) => ({ type, category, fields: message.fields.map(({ localName }) => localName) })),
  );

  it('is of public events only', () => {
    expect(SHOWN_CATEGORIES.filter((category) => !isPublic(category))).toEqual([]);
    expect(
      shown.filter(({ type, category }) => !published.some((one) => one.type === type && one.category === category)),
    ).toEqual([]);
  });

  it('is what they have, and nothing that opens a door', () => {
    for (const { type, category, fields } of published) {
      const whole = Object.fromEntries([...fields, 'hash', 'passwordHash', 'token', 'secret', 'key'].map((name) => [name, name]));
      const names = Object.keys(shownData(category, type, whole) ?? {});
      expect([type, names.filter((name) => !fields.includes(name))]).toEqual([type, []]);
      expect([type, names.filter((name) => /hash|token|secret|password/i.test(name))]).toEqual([type, []]);
    }
  });
});
