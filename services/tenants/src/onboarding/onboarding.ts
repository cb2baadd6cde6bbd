import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type ContractStatus } from '#libs/published/contracts';
import { type DataSourceId, type InvitationId, type TenantId, type UserId } from '#libs/published/ids';
import { type OnboardingEvent, type OnboardingTask, type Tier } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';

/** Of one membership: whether it makes an admin at present, and the revision that said so. */
type AdminStanding = Readonly<{ userId: UserId; active: boolean; membershipRevision: number }>;

/** What happened on the way, beside the tenant's own profile and contracts. */
export type Onboarding = Readonly<{
  started: readonly OnboardingTask[];
  skipped: readonly OnboardingTask[];
  /** In the order in which they became admins for the first time. */
  admins: readonly AdminStanding[];
  /** Who was invited to be an admin, in that order; `userId` once they have accepted. */
  invited: readonly Readonly<{ invitationId: InvitationId; userId: UserId | null }>[];
  dataArrived: boolean;
}>;

export const onboarding = decider<Onboarding, OnboardingEvent, TenantId>(
  'tenants.onboarding',
  { started: [], skipped: [], admins: [], invited: [], dataArrived: false },
  (state, { type, data }) => {
    switch (type) {
      case 'OnboardingTaskStarted':
        return { ...state, started: [...state.started, data.task], skipped: state.skipped.filter((task) => task !== data.task) };
      case 'OnboardingTaskSkipped':
        return { ...state, skipped: [...state.skipped, data.task] };
      case 'CustomerAdminGained':
      case 'CustomerAdminLost': {
        const { userId, membershipRevision } = data;
        const standing = { userId, membershipRevision, active: type === 'CustomerAdminGained' };
        const isKnown = state.admins.some((one) => one.userId === userId);
        const admins = isKnown
          ? state.admins.map((one) => (one.userId === userId ? standing : one))
          : [...state.admins, standing];
        return { ...state, admins };
      }
      case 'AdminInvited':
        return { ...state, invited: [...state.invited, { invitationId: data.invitationId, userId: null }] };
      case 'AdminInvitationAccepted': {
        const { invitationId, userId } = data;
        return {
          ...state,
          invited: state.invited.map((one) => (one.invitationId === invitationId ? { invitationId, userId } : one)),
        };
      }
      case 'SourceDataArrived':
        return { ...state, dataArrived: true };
    }
  },
);

/** Of whom it is the business: that of the tenants above, or also of the tenant itself. */
type Whose = 'upstream' | 'anybody';

type TaskRule = Readonly<{
  task: OnboardingTask;
  whose: Whose;
  /** Must be done before. */
  after?: OnboardingTask;
  /** Not every tenant needs it. */
  optional?: true;
}>;

/** A row a task, in order. */
const TASKS: Readonly<Record<'root' | 'reseller' | 'endCustomer', readonly TaskRule[]>> = {
  root: [
    { task: 'activateAccount', whose: 'anybody' },
    { task: 'createBaseContract', whose: 'anybody' },
  ],
  reseller: [
    { task: 'addTenant', whose: 'upstream' },
    { task: 'createContract', whose: 'upstream' },
    { task: 'inviteAdmin', whose: 'upstream' },
  ],
  endCustomer: [
    { task: 'addCustomer', whose: 'upstream' },
    { task: 'inviteAdmin', whose: 'upstream' },
    { task: 'assignContract', whose: 'upstream' },
    { task: 'connectCloudAccount', whose: 'anybody', after: 'assignContract', optional: true },
  ],
};

export type TaskState = 'not_started' | 'in_progress' | 'blocked' | 'done' | 'skipped';

export type TaskProgress = Readonly<{ task: OnboardingTask; state: TaskState }>;

/** `position` is the first task that is not done; null, and `progress` 100, once the tenant is set up. */
export type Progress = Readonly<{ progress: number; position: OnboardingTask | null; tasks: readonly TaskProgress[] }>;

/** What is known of a tenant beside its onboarding. */
export type Situation = Readonly<{ tier: Tier; isRoot: boolean; contracts: Readonly<Record<ContractStatus, number>> }>;

const rulesOf = ({ tier, isRoot }: Pick<Situation, 'tier' | 'isRoot'>): readonly TaskRule[] =>
  TASKS[isRoot || tier === 'distributor' ? 'root' : tier];

export const progressOf = (situation: Situation, state: Onboarding): Progress => {
  const rules = rulesOf(situation);
  const isDone = (task: OnboardingTask): boolean => done(task, situation, state);
  const tasks = rules.map(({ task, after }): TaskProgress => {
    if (isDone(task)) return { task, state: 'done' };
    if (state.skipped.includes(task)) return { task, state: 'skipped' };
    if (after !== undefined && !isDone(after)) return { task, state: 'blocked' };
    return { task, state: isBegun(task, state) ? 'in_progress' : 'not_started' };
  });
  const applicable = tasks.filter(({ state }) => state !== 'skipped');
  const open = applicable.filter(({ state }) => state !== 'done');
  return {
    progress: Math.floor((100 * (applicable.length - open.length)) / applicable.length),
    position: open[0]?.task ?? null,
    tasks,
  };
};

const isBegun = (task: OnboardingTask, { started, invited }: Onboarding): boolean =>
  started.includes(task) || ((task === 'inviteAdmin' || task === 'activateAccount') && invited.length > 0);

/** Its active admins, the first invited one first; who was added without an invitation comes after those who were invited. */
export const adminsOf = ({ admins, invited }: Onboarding): readonly UserId[] => {
  const active = admins.filter((one) => one.active).map(({ userId }) => userId);
  const byInvitation = invited.flatMap(({ userId }) => (userId !== null && active.includes(userId) ? [userId] : []));
  return [...new Set([...byInvitation, ...active])];
};

const done = (task: OnboardingTask, { contracts }: Situation, { admins, dataArrived }: Onboarding): boolean => {
  switch (task) {
    case 'addTenant':
    case 'addCustomer':
      return true;
    case 'activateAccount':
    case 'inviteAdmin':
      return admins.some(({ active }) => active);
    case 'createContract':
    case 'assignContract':
      return contracts.draft + contracts.scheduled + contracts.active + contracts.expired + contracts.superseded > 0;
    case 'createBaseContract':
      return contracts.scheduled + contracts.active + contracts.expired + contracts.superseded > 0;
    case 'connectCloudAccount':
      return dataArrived;
  }
};

type Owner = Readonly<{ id: TenantId; path: readonly TenantId[] }>;

/** `asOwn`: by a user of the tenant itself. A task that is done or begun already stays as it is. */
export const start =
  ({ id: tenantId, path }: Owner, task: OnboardingTask, situation: Situation, asOwn: boolean, startedAt: Instant) =>
  (state: Onboarding): OnboardingEvent[] => {
    const { after } = allowed(task, situation, asOwn, path);
    const now = stateOf(task, situation, state);
    if (now === 'done' || now === 'in_progress') return [];
    if (after !== undefined && !done(after, situation, state))
      throw new DomainError('rejected', 'onboarding-task-blocked', `The task ${task} can begin once ${after} is done.`);
    return [{ type: 'OnboardingTaskStarted', data: { tenantId, path, task, startedAt } }];
  };

export const skip =
  (
    { id: tenantId, path }: Owner,
    { task, reason }: Readonly<{ task: OnboardingTask; reason: string }>,
    situation: Situation,
    asOwn: boolean,
    skippedAt: Instant,
  ) =>
  (state: Onboarding): OnboardingEvent[] => {
    const { optional } = allowed(task, situation, asOwn, path);
    if (!optional) throw new DomainError('rejected', 'onboarding-task-needed', `Every ${situation.tier} needs the task ${task}.`);
    const now = stateOf(task, situation, state);
    if (now === 'done' || now === 'skipped') return [];
    return [{ type: 'OnboardingTaskSkipped', data: { tenantId, path, task, reason, skippedAt } }];
  };

const stateOf = (task: OnboardingTask, situation: Situation, state: Onboarding): TaskState | undefined =>
  progressOf(situation, state).tasks.find((one) => one.task === task)?.state;

const allowed = (task: OnboardingTask, situation: Situation, asOwn: boolean, path: readonly TenantId[]): TaskRule => {
  const rule = rulesOf(situation).find((one) => one.task === task);
  if (!rule)
    throw new DomainError('not-found', 'onboarding-task-not-found', `The onboarding of this tenant has no task ${task}.`);
  if (asOwn && rule.whose === 'upstream' && path.length > 1)
    throw new DomainError('rejected', 'onboarding-task-of-upstream', `The task ${task} is for the tenant above to do.`);
  return rule;
};

/** What a membership's stream says as of one of its events; an event older than one that is known changes nothing. */
export const noteAdmin =
  (
    { id: tenantId, path }: Owner,
    { userId, membershipRevision, isAdmin }: Readonly<{ userId: UserId; membershipRevision: number; isAdmin: boolean }>,
    at: Instant,
  ) =>
  ({ admins }: Onboarding): OnboardingEvent[] => {
    const before = admins.find((one) => one.userId === userId);
    if (before && before.membershipRevision >= membershipRevision) return [];
    if ((before?.active ?? false) === isAdmin) return [];
    const who = { tenantId, path, userId, membershipRevision };
    return [
      isAdmin
        ? { type: 'CustomerAdminGained', data: { ...who, gainedAt: at } }
        : { type: 'CustomerAdminLost', data: { ...who, lostAt: at } },
    ];
  };

/** Letters that are sent again are the same invitation. */
export const noteInvitation =
  ({ id: tenantId, path }: Owner, invitationId: InvitationId, invitedAt: Instant) =>
  ({ invited }: Onboarding): OnboardingEvent[] =>
    invited.some((one) => one.invitationId === invitationId)
      ? []
      : [{ type: 'AdminInvited', data: { tenantId, path, invitationId, invitedAt } }];

export const noteAcceptance =
  ({ id: tenantId, path }: Owner, invitationId: InvitationId, userId: UserId, acceptedAt: Instant) =>
  ({ invited }: Onboarding): OnboardingEvent[] =>
    invited.some((one) => one.invitationId === invitationId && one.userId === null)
      ? [{ type: 'AdminInvitationAccepted', data: { tenantId, path, invitationId, userId, acceptedAt } }]
      : [];

/** Once is enough. */
export const noteData =
  ({ id: tenantId, path }: Owner, dataSourceId: DataSourceId, arrivedAt: Instant) =>
  ({ dataArrived }: Onboarding): OnboardingEvent[] =>
    dataArrived ? [] : [{ type: 'SourceDataArrived', data: { tenantId, path, dataSourceId, arrivedAt } }];
