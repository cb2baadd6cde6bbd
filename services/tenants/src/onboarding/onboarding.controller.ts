import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, tenantOf } from '#libs/platform/caller';
import { tenantId as tenantIdSchema } from '#libs/platform/published-schemas';
import { Requires } from '#libs/platform/requires';
import { choice, list, named, nullable, object, saying, schema, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsName } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId } from '#libs/published/ids';
import { type OnboardingTask } from '#libs/published/tenants';
import { type ReadModels } from '#libs/read-models/read-model';
import { customerList } from '../customer-list/customer-list.projection.ts';
import {
  onboarding,
  type Onboarding,
  type Progress,
  progressOf,
  type Situation,
  skip,
  start,
  type TaskState,
} from './onboarding.ts';

export const ONBOARDING_TASKS = [
  'activateAccount',
  'createBaseContract',
  'addTenant',
  'createContract',
  'inviteAdmin',
  'addCustomer',
  'assignContract',
  'connectCloudAccount',
] as const satisfies readonly OnboardingTask[];

export class OnboardingStart {
  @OneOf(...ONBOARDING_TASKS)
  task!: OnboardingTask;
}

export class OnboardingSkip extends OnboardingStart {
  @IsName(500)
  reason!: string;
}

/** Where a task is done. */
type Next = Readonly<{ method: string; path: string }>;

type TaskAnswer = Readonly<{ task: OnboardingTask; state: TaskState; next: Next | null }>;

export const progress = schema<number>({ type: 'integer', minimum: 0, maximum: 100 });
export const onboardingTask = choice(...ONBOARDING_TASKS);
export const taskState = choice('not_started', 'in_progress', 'blocked', 'done', 'skipped');

type OnboardingAnswer = Omit<Progress, 'tasks'> & Readonly<{ tenantId: TenantId; tasks: readonly TaskAnswer[] }>;

const onboardingSchema = named(
  'Onboarding',
  object<OnboardingAnswer>({
    tenantId: tenantIdSchema,
    progress: saying('Done of those that apply, in percent', progress),
    position: saying('The first task that is not done; null once the tenant is set up', nullable(onboardingTask)),
    tasks: list(
      object<TaskAnswer>({
        task: onboardingTask,
        state: saying('`blocked`: another task must be done before', taskState),
        next: saying(
          'The request that does it; null for what is done, blocked or skipped',
          nullable(object<Next>({ method: text, path: text })),
        ),
      }),
    ),
  }),
);

/** What a task leads to, below the tenant. */
const ROUTES: Readonly<Record<OnboardingTask, string>> = {
  activateAccount: 'users',
  createBaseContract: 'contracts',
  addTenant: '',
  createContract: 'contracts',
  inviteAdmin: 'invitations',
  addCustomer: '',
  assignContract: 'contracts',
  connectCloudAccount: 'linked-accounts',
};

@ApiTags('tenants')
@Controller('tenants/:tenantId/onboarding')
export class OnboardingController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Get()
  @Requires('tenants:read')
  @ApiOperation({
    summary: 'Onboarding of a tenant',
    description:
      'A root activates its account (an active admin) and makes its base contract final. A reseller needs a contract and an active ' +
      'admin. An end customer needs an active admin, a contract and, after that, data of a linked account.',
  })
  @Answers(200, onboardingSchema)
  async get(@Param('tenantId') tenantId: TenantId, @CallerOf() caller: Caller): Promise<OnboardingAnswer> {
    const { state } = await present(this.#store, onboarding, tenantId);
    return this.#answer(tenantId, await this.#situation(caller), state);
  }

  @Post('start')
  @HttpCode(200)
  @Requires('onboarding:write')
  @ApiOperation({
    summary: 'Start an onboarding task',
    description:
      'It is in progress from then on; `next` says where it is done. A task whose prerequisite is missing is 422 ' +
      '`onboarding-task-blocked`, one that is for the tenant above 422 `onboarding-task-of-upstream`.',
  })
  @Answers(200, onboardingSchema)
  async start(
    @Param('tenantId') tenantId: TenantId,
    @Body() { task }: OnboardingStart,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<OnboardingAnswer> {
    const situation = await this.#situation(caller);
    const decision = start(tenantOf(caller), task, situation, caller.anchor === tenantId, command.time);
    const { state } = await handle(this.#store, onboarding, tenantId, decision, { command });
    return this.#answer(tenantId, situation, state);
  }

  @Post('skip')
  @HttpCode(200)
  @Requires('onboarding:write')
  @ApiOperation({
    summary: 'Skip an onboarding task',
    description: 'It does not apply to this tenant. Only connecting an account can be skipped; starting it takes it up again.',
  })
  @Answers(200, onboardingSchema)
  async skip(
    @Param('tenantId') tenantId: TenantId,
    @Body() { task, reason }: OnboardingSkip,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
  ): Promise<OnboardingAnswer> {
    const situation = await this.#situation(caller);
    const decision = skip(tenantOf(caller), { task, reason }, situation, caller.anchor === tenantId, command.time);
    const { state } = await handle(this.#store, onboarding, tenantId, decision, { command });
    return this.#answer(tenantId, situation, state);
  }

  async #situation(caller: Caller): Promise<Situation> {
    const { id, tier, parentId } = tenantOf(caller);
    const row = await this.#readModels.of(customerList).get(id);
    if (!row)
      throw new DomainError(
        'unavailable',
        'tenant-not-listed-yet',
        'The list of customers does not know this tenant yet. Ask again.',
      );
    return { tier, isRoot: parentId === null, contracts: row.contracts };
  }

  #answer(tenantId: TenantId, situation: Situation, state: Onboarding): OnboardingAnswer {
    const { tasks, ...rest } = progressOf(situation, state);
    return { tenantId, ...rest, tasks: tasks.map((one) => ({ ...one, next: nextOf(tenantId, one) })) };
  }
}

const nextOf = (tenantId: TenantId, { task, state }: Readonly<{ task: OnboardingTask; state: TaskState }>): Next | null =>
  state === 'not_started' || state === 'in_progress'
    ? { method: 'POST', path: `/api/v1/tenants/${tenantId}/${ROUTES[task]}` }
    : null;
