import { decider } from '#libs/event-sourcing/decider';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type LoginMethod } from '#libs/published/access-control';
import { type SessionId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';

type EndReason = 'ended' | 'refreshTokenReused' | 'tooMany';

/** Private to this service. Instants are of the wall clock, as tokens' lives are. */
export type SessionEvent =
  | DomainEvent<
      'SessionOpened',
      {
        userId: UserId;
        sessionId: SessionId;
        method: LoginMethod;
        /** What the client calls itself, as far as it says. */
        device: string | null;
        openedAt: Instant;
        /** However often it is refreshed. */
        endsAt: Instant;
      }
    >
  | DomainEvent<'SessionRefreshed', { userId: UserId; sessionId: SessionId; generation: number; refreshedAt: Instant }>
  | DomainEvent<'SessionEnded', { userId: UserId; sessionId: SessionId; reason: EndReason; endedAt: Instant }>;

export type Session = Readonly<{
  method: LoginMethod;
  device: string | null;
  openedAt: Instant;
  endsAt: Instant;
  /** Of the last refresh, or of the login. */
  usedAt: Instant;
  /** Which of its refresh tokens counts: each refresh makes the next one. */
  generation: number;
}>;

/** The sessions that one user opened within one year and that were not ended. */
export type Sessions = ReadonlyMap<SessionId, Session>;

/** Open at once, per user and year of their beginning; one more ends the one that was unused longest. */
export const MOST_SESSIONS = 100;

export const sessionsOf = decider<Sessions, SessionEvent>('access-control.sessions', new Map(), (before, { type, data }) => {
  switch (type) {
    case 'SessionOpened': {
      const { method, device, openedAt, endsAt } = data;
      const lasting = [...before].filter(([, session]) => session.endsAt > openedAt);
      return new Map([...lasting, [data.sessionId, { method, device, openedAt, endsAt, usedAt: openedAt, generation: 0 }]]);
    }
    case 'SessionRefreshed': {
      const session = before.get(data.sessionId);
      if (!session) throw new Error('a session was refreshed that was not open');
      return new Map(before).set(data.sessionId, { ...session, generation: data.generation, usedAt: data.refreshedAt });
    }
    case 'SessionEnded':
      return new Map([...before].filter(([id]) => id !== data.sessionId));
  }
});

/** A year keeps the stream short. */
export const sessionsId = (userId: UserId, year: string): string => `${userId}~${year}`;
export const yearOf = (openedAt: Instant): string => openedAt.slice(0, 4);

/** Until when the session can be refreshed, if nobody ends it: it ends when it was not refreshed for `idleMs`, too. */
export const lastsUntil = ({ usedAt, endsAt }: Session, idleMs: number): Instant => {
  const idle = new Date(Date.parse(usedAt) + idleMs).toISOString() as Instant;
  return idle < endsAt ? idle : endsAt;
};

export type Opening = Readonly<Extract<SessionEvent, { type: 'SessionOpened' }>['data']>;

export const open =
  (opening: Opening) =>
  (sessions: Sessions): SessionEvent[] => {
    const { userId, openedAt } = opening;
    const lasting = [...sessions].filter(([, { endsAt }]) => endsAt > openedAt);
    const [longestUnused] = lasting.toSorted(([, a], [, b]) => (a.usedAt < b.usedAt ? -1 : 1));
    const tooMany = lasting.length >= MOST_SESSIONS ? longestUnused : undefined;
    return [
      ...(tooMany ? [ended(userId, tooMany[0], 'tooMany', openedAt)] : []),
      { type: 'SessionOpened', data: { ...opening } },
    ];
  };

const ended = (userId: UserId, sessionId: SessionId, reason: EndReason, endedAt: Instant): SessionEvent => ({
  type: 'SessionEnded',
  data: { userId, sessionId, reason, endedAt },
});

/**
 * What presenting the refresh token of a generation does: the one that counts makes the next; an older one was used before, by its
 * owner or by a thief, so the session ends for both. No event: there is no such session any more.
 */
export const refresh =
  (userId: UserId, sessionId: SessionId, generation: number, now: Instant, idleMs: number) =>
  (sessions: Sessions): SessionEvent[] => {
    const session = sessions.get(sessionId);
    if (!session || lastsUntil(session, idleMs) <= now) return [];
    if (generation !== session.generation) return [ended(userId, sessionId, 'refreshTokenReused', now)];
    return [{ type: 'SessionRefreshed', data: { userId, sessionId, generation: generation + 1, refreshedAt: now } }];
  };

export const end =
  (userId: UserId, sessionId: SessionId, endedAt: Instant) =>
  (sessions: Sessions): SessionEvent[] =>
    sessions.has(sessionId) ? [ended(userId, sessionId, 'ended', endedAt)] : [];

export const endAll =
  (userId: UserId, endedAt: Instant) =>
  (sessions: Sessions): SessionEvent[] =>
    [...sessions.keys()].map((sessionId) => ended(userId, sessionId, 'ended', endedAt));
