import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type SessionId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { end, endAll, MOST_SESSIONS, open, type Opening, refresh, type SessionEvent, sessionsOf } from './session.ts';

const ADA = 'ada' as UserId;
const HOUR = 3_600_000;
const at = (hours: number): Instant => new Date(Date.UTC(2026, 0, 1) + hours * HOUR).toISOString() as Instant;
const one = 'one' as SessionId;
const other = 'other' as SessionId;
const opening = (sessionId: SessionId, hours = 0): Opening => ({
  userId: ADA,
  sessionId,
  method: 'password',
  device: null,
  openedAt: at(hours),
  endsAt: at(hours + 100),
});
const opened = (sessionId: SessionId, hours = 0): SessionEvent => ({ type: 'SessionOpened', data: opening(sessionId, hours) });
const refreshed = (sessionId: SessionId, generation: number, hours: number): SessionEvent => ({
  type: 'SessionRefreshed',
  data: { userId: ADA, sessionId, generation, refreshedAt: at(hours) },
});
const ended = (
  sessionId: SessionId,
  hours: number,
  reason: 'ended' | 'refreshTokenReused' | 'tooMany' = 'ended',
): SessionEvent => ({
  type: 'SessionEnded',
  data: { userId: ADA, sessionId, reason, endedAt: at(hours) },
});
const presented = (generation: number, hours: number) => refresh(ADA, one, generation, at(hours), 24 * HOUR);

describe('a session', () => {
  it('is refreshed by the token of its present generation', () => {
    given(sessionsOf, opened(one))
      .when(presented(0, 1))
      .then(refreshed(one, 1, 1));
    given(sessionsOf, opened(one), refreshed(one, 1, 1))
      .when(presented(1, 2))
      .then(refreshed(one, 2, 2));
  });

  it('ends when a token is used a second time, and then the newest of its tokens opens nothing either', () => {
    given(sessionsOf, opened(one), refreshed(one, 1, 1))
      .when(presented(0, 2))
      .then(ended(one, 2, 'refreshTokenReused'));
    given(sessionsOf, opened(one), refreshed(one, 1, 1), ended(one, 2, 'refreshTokenReused'))
      .when(presented(1, 3))
      .thenNothing();
  });

  it('cannot be refreshed once it is over, was not used for long, was ended or never was', () => {
    given(sessionsOf, opened(one)).when(presented(0, 24)).thenNothing();
    given(sessionsOf, opened(one), ...[20, 40, 60, 80, 99].map((hours, index) => refreshed(one, index + 1, hours)))
      .when(presented(5, 100))
      .thenNothing();
    given(sessionsOf, opened(one), ended(one, 1)).when(presented(0, 2)).thenNothing();
    given(sessionsOf, opened(other)).when(presented(0, 1)).thenNothing();
  });

  it('is ended once, alone or with all others', () => {
    given(sessionsOf, opened(one), opened(other))
      .when(end(ADA, one, at(1)))
      .then(ended(one, 1));
    given(sessionsOf, opened(one), ended(one, 1))
      .when(end(ADA, one, at(2)))
      .thenNothing();
    given(sessionsOf, opened(one), opened(other))
      .when(endAll(ADA, at(1)))
      .then(ended(one, 1), ended(other, 1));
  });

  it('opens beside others, and ends the one that was unused longest when there are too many', () => {
    given(sessionsOf, opened(one))
      .when(open(opening(other, 1)))
      .then(opened(other, 1));
    const many = Array.from({ length: MOST_SESSIONS }, (_, index) => opened(`s${String(index)}` as SessionId, index / 100));
    given(sessionsOf, ...many, refreshed('s0' as SessionId, 1, 2))
      .when(open(opening(one, 3)))
      .then(ended('s1' as SessionId, 3, 'tooMany'), opened(one, 3));
    given(sessionsOf, ...many)
      .when(open(opening(one, 200)))
      .then(opened(one, 200));
  });

  it('is forgotten some time after its end', () => {
    const state = [opened(one), opened(other, 100)].reduce(
      (before, event) => sessionsOf.evolve(before, event, 0),
      sessionsOf.initial,
    );
    expect([...state.keys()]).toEqual([other]);
  });
});
