import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type DataSourceId, type InvitationId, type TenantId, type UserId } from '#libs/published/ids';
import { type OnboardingEvent, type OnboardingTask } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';
import {
  adminsOf,
  noteAcceptance,
  noteAdmin,
  noteData,
  noteInvitation,
  onboarding,
  progressOf,
  type Situation,
  skip,
  start,
} from './onboarding.ts';

const C = 'c' as TenantId;
const owner = { id: C, path: ['d', 'r', 'c'] as TenantId[] };
const of = { tenantId: C, path: owner.path };
const ADA = 'ada' as UserId;
const BOB = 'bob' as UserId;
const NOW = '2026-01-20T10:00:00.000Z' as Instant;

const NONE = { draft: 0, scheduled: 0, active: 0, expired: 0, cancelled: 0, superseded: 0 };
const endCustomer: Situation = { tier: 'endCustomer', isRoot: false, contracts: NONE };
const withContract: Situation = { ...endCustomer, contracts: { ...NONE, draft: 1 } };

const gained = (userId: UserId, membershipRevision = 0): OnboardingEvent => ({
  type: 'CustomerAdminGained',
  data: { ...of, userId, membershipRevision, gainedAt: NOW },
});
const lost = (userId: UserId, membershipRevision: number): OnboardingEvent => ({
  type: 'CustomerAdminLost',
  data: { ...of, userId, membershipRevision, lostAt: NOW },
});
const started = (task: OnboardingTask): OnboardingEvent => ({
  type: 'OnboardingTaskStarted',
  data: { ...of, task, startedAt: NOW },
});
const skipped: OnboardingEvent = {
  type: 'OnboardingTaskSkipped',
  data: { ...of, task: 'connectCloudAccount', reason: 'network only', skippedAt: NOW },
};
const arrived: OnboardingEvent = {
  type: 'SourceDataArrived',
  data: { ...of, dataSourceId: 's' as DataSourceId, arrivedAt: NOW },
};

const shown = (situation: Situation, ...past: readonly OnboardingEvent[]) => {
  const { progress, position, tasks } = progressOf(situation, given(onboarding, ...past).state);
  return { progress, position, states: Object.fromEntries(tasks.map(({ task, state }) => [task, state])) };
};

describe('the onboarding of an end customer', () => {
  it('begins with what adding it has done, and connects no account without a contract', () => {
    expect(shown(endCustomer)).toEqual({
      progress: 25,
      position: 'inviteAdmin',
      states: {
        addCustomer: 'done',
        inviteAdmin: 'not_started',
        assignContract: 'not_started',
        connectCloudAccount: 'blocked',
      },
    });
  });

  it('goes on with an active admin, a contract and arriving data, in any order', () => {
    expect(shown(endCustomer, gained(ADA))).toMatchObject({ progress: 50, position: 'assignContract' });
    expect(shown(withContract, gained(ADA))).toMatchObject({
      progress: 75,
      position: 'connectCloudAccount',
      states: { connectCloudAccount: 'not_started' },
    });
    expect(shown(withContract, arrived, gained(ADA))).toMatchObject({ progress: 100, position: null });
  });

  it('is complete without a task that does not apply', () => {
    expect(shown(withContract, gained(ADA), skipped)).toMatchObject({
      progress: 100,
      position: null,
      states: { connectCloudAccount: 'skipped' },
    });
  });

  it('falls back when its only admin is one no more', () => {
    expect(shown(withContract, gained(ADA), arrived, lost(ADA, 1))).toMatchObject({ progress: 75, position: 'inviteAdmin' });
    expect(shown(withContract, gained(ADA), gained(BOB), arrived, lost(ADA, 1))).toMatchObject({ progress: 100 });
  });

  it('counts no contract that was cancelled', () => {
    expect(shown({ ...endCustomer, contracts: { ...NONE, cancelled: 2 } })).toMatchObject({
      states: { assignContract: 'not_started' },
    });
  });
});

describe('the onboarding of other tiers', () => {
  it('of a reseller: a contract and an admin', () => {
    const reseller: Situation = { tier: 'reseller', isRoot: false, contracts: NONE };
    expect(shown(reseller)).toEqual({
      progress: 33,
      position: 'createContract',
      states: { addTenant: 'done', createContract: 'not_started', inviteAdmin: 'not_started' },
    });
    expect(shown({ ...reseller, contracts: { ...NONE, draft: 1 } }, gained(ADA))).toMatchObject({ progress: 100 });
  });

  it.each(['distributor', 'reseller'] as const)('of a root that is a %s: an admin and a base contract that is final', (tier) => {
    const root: Situation = { tier, isRoot: true, contracts: { ...NONE, draft: 1 } };
    expect(shown(root, gained(ADA))).toEqual({
      progress: 50,
      position: 'createBaseContract',
      states: { activateAccount: 'done', createBaseContract: 'not_started' },
    });
    expect(shown({ ...root, contracts: { ...NONE, active: 1 } }, gained(ADA))).toMatchObject({ progress: 100 });
  });
});

describe('starting a task', () => {
  it('shows it as in progress', () => {
    given(onboarding)
      .when(start(owner, 'inviteAdmin', endCustomer, false, NOW))
      .then(started('inviteAdmin'));
    expect(shown(endCustomer, started('inviteAdmin'))).toMatchObject({ states: { inviteAdmin: 'in_progress' } });
  });

  it('does nothing for one that is begun or done', () => {
    given(onboarding, started('inviteAdmin'))
      .when(start(owner, 'inviteAdmin', endCustomer, false, NOW))
      .thenNothing();
    given(onboarding, gained(ADA))
      .when(start(owner, 'inviteAdmin', endCustomer, false, NOW))
      .thenNothing();
  });

  it('waits for the prerequisite', () => {
    given(onboarding)
      .when(start(owner, 'connectCloudAccount', endCustomer, false, NOW))
      .thenRejected('onboarding-task-blocked');
    given(onboarding)
      .when(start(owner, 'connectCloudAccount', withContract, true, NOW))
      .then(started('connectCloudAccount'));
  });

  it('waits for the prerequisite also where the task was skipped before', () => {
    given(onboarding, skipped)
      .when(start(owner, 'connectCloudAccount', endCustomer, false, NOW))
      .thenRejected('onboarding-task-blocked');
    given(onboarding, skipped)
      .when(start(owner, 'connectCloudAccount', withContract, false, NOW))
      .then(started('connectCloudAccount'));
  });

  it('leaves what is for the upstream to the upstream', () => {
    given(onboarding)
      .when(start(owner, 'assignContract', endCustomer, true, NOW))
      .thenRejected('onboarding-task-of-upstream');
  });

  it('knows the tasks of the tier only', () => {
    given(onboarding)
      .when(start(owner, 'addTenant', endCustomer, false, NOW))
      .thenRejected('onboarding-task-not-found');
  });

  it('takes up again what was skipped', () => {
    expect(shown(withContract, skipped, started('connectCloudAccount'))).toMatchObject({
      states: { connectCloudAccount: 'in_progress' },
    });
  });
});

describe('skipping a task', () => {
  const asked = { task: 'connectCloudAccount', reason: 'network only' } as const;

  it('says why it does not apply', () => {
    given(onboarding)
      .when(skip(owner, asked, endCustomer, false, NOW))
      .then(skipped);
    given(onboarding, skipped)
      .when(skip(owner, asked, endCustomer, false, NOW))
      .thenNothing();
  });

  it('refuses what every tenant needs', () => {
    given(onboarding)
      .when(skip(owner, { ...asked, task: 'assignContract' }, endCustomer, false, NOW))
      .thenRejected('onboarding-task-needed');
  });
});

describe('what other streams say', () => {
  const note = (membershipRevision: number, isAdmin: boolean) =>
    noteAdmin(owner, { userId: ADA, membershipRevision, isAdmin }, NOW);

  it('makes and unmakes admins', () => {
    given(onboarding).when(note(0, true)).then(gained(ADA));
    given(onboarding, gained(ADA)).when(note(1, false)).then(lost(ADA, 1));
  });

  it('changes nothing when it is older than what is known, or the same', () => {
    given(onboarding, gained(ADA), lost(ADA, 3)).when(note(2, true)).thenNothing();
    given(onboarding, gained(ADA)).when(note(1, true)).thenNothing();
    given(onboarding).when(note(0, false)).thenNothing();
  });

  it('notes the first data only', () => {
    given(onboarding)
      .when(noteData(owner, 's' as DataSourceId, NOW))
      .then(arrived);
    given(onboarding, arrived)
      .when(noteData(owner, 't' as DataSourceId, NOW))
      .thenNothing();
  });
});

describe('who was invited', () => {
  const [one, two] = ['one', 'two'] as InvitationId[] as [InvitationId, InvitationId];
  const invited = (invitationId: InvitationId): OnboardingEvent => ({
    type: 'AdminInvited',
    data: { ...of, invitationId, invitedAt: NOW },
  });
  const accepted = (invitationId: InvitationId, userId: UserId): OnboardingEvent => ({
    type: 'AdminInvitationAccepted',
    data: { ...of, invitationId, userId, acceptedAt: NOW },
  });

  it('is noted once, and begins the task', () => {
    given(onboarding)
      .when(noteInvitation(owner, one, NOW))
      .then(invited(one));
    given(onboarding, invited(one))
      .when(noteInvitation(owner, one, NOW))
      .thenNothing();
    expect(shown(endCustomer, invited(one))).toMatchObject({ states: { inviteAdmin: 'in_progress' } });
  });

  it('accepts once, and only what was an invitation to be an admin', () => {
    given(onboarding, invited(one))
      .when(noteAcceptance(owner, one, ADA, NOW))
      .then(accepted(one, ADA));
    given(onboarding, invited(one), accepted(one, ADA))
      .when(noteAcceptance(owner, one, ADA, NOW))
      .thenNothing();
    given(onboarding)
      .when(noteAcceptance(owner, one, ADA, NOW))
      .thenNothing();
  });

  it('is named in the order of the invitations, not of their acceptance', () => {
    const later = [invited(one), invited(two), accepted(two, BOB), gained(BOB), accepted(one, ADA), gained(ADA)];
    expect(adminsOf(given(onboarding, ...later).state)).toEqual([ADA, BOB]);
    expect(adminsOf(given(onboarding, ...later, lost(ADA, 1)).state)).toEqual([BOB]);
    expect(adminsOf(given(onboarding, gained(BOB), invited(one), accepted(one, ADA), gained(ADA)).state)).toEqual([ADA, BOB]);
  });
});
