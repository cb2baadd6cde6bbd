import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type ImpersonationEvent } from '#libs/published/acting';
import { type ImpersonationId, type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { end, impersonation, start } from './impersonation.ts';

const NOON = '2026-01-31T12:00:00.000Z' as Instant;
const HALF_PAST = '2026-01-31T12:30:00.000Z' as Instant;
const impersonationId = 'i' as ImpersonationId;
const tenantId = 'c' as TenantId;
const userId = 'cleo' as UserId;
const actorId = 'ada' as UserId;
const wanted = { impersonationId, tenantId, path: ['r' as TenantId, tenantId], userId, actorId, reason: 'Ticket 7' };

const started: ImpersonationEvent = { type: 'ImpersonationStarted', data: { ...wanted, startedAt: NOON, until: HALF_PAST } };
const ended: ImpersonationEvent = {
  type: 'ImpersonationEnded',
  data: { impersonationId, tenantId, userId, actorId, endedAt: NOON },
};

describe('impersonating a user', () => {
  it('ends by itself after the minutes that were asked for', () =>
    given(impersonation)
      .when(start(wanted, 30, NOON))
      .then(started));
  it('lasts half an hour at most', () => {
    given(impersonation)
      .when(start(wanted, 31, NOON))
      .thenRejected('impersonation-too-long');
  });
  it('is not for oneself', () => {
    given(impersonation)
      .when(start({ ...wanted, userId: actorId }, 30, NOON))
      .thenRejected('impersonation-not-allowed');
  });
});

describe('ending an impersonation', () => {
  it('is possible at once', () =>
    given(impersonation, started)
      .when(end(impersonationId, tenantId, NOON))
      .then(ended));
  it('changes nothing the second time', () =>
    given(impersonation, started, ended)
      .when(end(impersonationId, tenantId, NOON))
      .thenNothing());
  it('changes nothing once it is over', () =>
    given(impersonation, started)
      .when(end(impersonationId, tenantId, HALF_PAST))
      .thenNothing());
  it('is not for another tenant', () => {
    given(impersonation, started)
      .when(end(impersonationId, 'x' as TenantId, NOON))
      .thenRejected('impersonation-not-found');
  });
});
