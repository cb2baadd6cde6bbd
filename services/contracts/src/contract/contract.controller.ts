import { Body, Controller, Get, Inject, Param, Post, Put, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle } from '#libs/event-sourcing/handle';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, requireIfMatch, tenantOf } from '#libs/platform/caller';
import { describeProblems } from '#libs/platform/problem-responses';
import { contractId, contractStatus, contractTier, day, instant, tenantId } from '#libs/platform/published-schemas';
import { created, withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { integer, list, named, object, saying, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsDay, IsName, Optional } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type ContractStatus, type ContractTier } from '#libs/published/contracts';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractId, type RuleId, type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Day, type Instant } from '#libs/time/time';
import { contractOf } from '../version-history/contract-of.ts';
import {
  changeStatus,
  type Contract,
  draft,
  nextActions,
  saveVersion,
  STATUSES,
  type TenantContracts,
  tenantContracts,
} from './contract.ts';
import { refuseMalformedTerms } from './malformed-terms.ts';
import { TermsInput, termsOf, VersionInput } from './terms-input.ts';
import { termsSchema } from './terms-schema.ts';
import { type VisibleTerms, visibleTerms } from './visible-terms.ts';

class StatusInput {
  @OneOf(...STATUSES)
  to!: ContractStatus;

  @IsName(500)
  reason!: string;

  @Optional()
  @IsDay()
  effectiveFrom?: Day;

  @Optional()
  @IsString()
  @MaxLength(100)
  supersede?: string;
}

/** A contract as its routes answer it. */
type ContractDetails = Readonly<{
  id: ContractId;
  tenantId: TenantId;
  tier: ContractTier;
  status: ContractStatus;
  version: number;
  versionDate: Instant;
  effectiveFrom: Day;
  terms: VisibleTerms;
  /** What may be done next, with the status to ask for. */
  actions: readonly Action[];
}>;

type Action = ReturnType<typeof nextActions>[number];

const contractSchema = named(
  'Contract',
  object<ContractDetails>({
    id: contractId,
    tenantId,
    tier: contractTier,
    status: contractStatus,
    version: saying('From 1', integer),
    versionDate: instant,
    effectiveFrom: day,
    terms: termsSchema,
    actions: saying(
      'What may be done next, with the status to ask for',
      list(object<Action>({ to: contractStatus, name: text })),
    ),
  }),
);

@ApiTags('contracts')
@Controller('tenants/:tenantId/contracts')
export class ContractController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Post()
  @Answers(201, contractSchema, { headers: ['ETag', 'Location'] })
  @Requires('contracts:write', { parentOf: 'tenantId' })
  @ApiOperation({
    summary: 'Draft a contract',
    description:
      'Written by the tenant above; a root writes its own base contract, which has billing rules only. Rules without an id get one.',
  })
  async draft(
    @Param('tenantId') tenantId: TenantId,
    @Body() input: TermsInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContractDetails> {
    const tenant = tenantOf(caller);
    const id = uuidv5('contract', command.id) as ContractId;
    const ids = { id, tenantId, rootId: tenant.rootId };
    const decision = draft(ids, tenant.path, tierOf(tenant), readTerms(input, command), command.time);
    const { state } = await handle(this.#store, tenantContracts, tenantId, decision, { command });
    const contract = written(state, id);
    created(reply, `/api/v1/tenants/${tenantId}/contracts/${id}`, contract.revision);
    return detailsOf(contract, caller);
  }

  @Put(':contractId')
  @Answers(200, contractSchema, { headers: ['ETag'] })
  @Requires('contracts:write', { parentOf: 'tenantId' })
  @describeProblems(428)
  @ApiOperation({
    summary: 'Save a new version',
    description:
      'The whole terms. `effectiveFrom` is the first day on which they hold, today unless given; start, end, renewal policy and ' +
      'management accounts are always those of the newest version. Send the ids of rules that stay: they tie versions together.',
  })
  async save(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
    @Body() input: VersionInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContractDetails> {
    const expected = expecting(contractId, requireIfMatch(ifMatch));
    const decision = saveVersion(contractId, readTerms(input, command), input.effectiveFrom, command.time);
    const { state } = await handle(this.#store, tenantContracts, tenantId, decision, { command, expected });
    return answer(written(state, contractId), caller, reply);
  }

  @Post(':contractId/status')
  @Answers(200, contractSchema, { headers: ['ETag'] })
  @Requires('contracts:write', { parentOf: 'tenantId' })
  @ApiOperation({
    summary: 'Change the status',
    description:
      '`active` marks a contract as ready: with a start in the future it becomes `scheduled`, with an end that has passed `expired`. ' +
      '`effectiveFrom` is the first day that a cancelled or superseded contract no longer covers: today unless given, or earlier. ' +
      'With `active`, `supersede` names the contract whose place this one takes, from its start on unless `effectiveFrom` says otherwise.',
  })
  async changeStatus(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
    @Body() input: StatusInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContractDetails> {
    const { to, reason, effectiveFrom, supersede } = input;
    const wish = { to, reason, effectiveFrom, supersede: supersede as ContractId | undefined };
    const { state } = await handle(this.#store, tenantContracts, tenantId, changeStatus(contractId, wish, command.time), {
      command,
      expected: expecting(contractId, ifMatch),
    });
    return answer(written(state, contractId), caller, reply);
  }

  @Get(':contractId')
  @Answers(200, contractSchema, { headers: ['ETag'] })
  @Requires('contracts:read')
  @ApiOperation({
    summary: 'A contract with its current terms and what may be done next',
    description:
      'Prices of a book with basis UPSTREAM are shown to tenants above only. Whether bills reflect the current version yet: the ' +
      '`state` of the tenant’s bills.',
  })
  async get(
    @Param('tenantId') tenantId: TenantId,
    @Param('contractId') contractId: ContractId,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContractDetails> {
    const { versions, ...contract } = await contractOf(this.#readModels, tenantId, contractId);
    return answer({ ...contract, ...(versions.at(-1) ?? versions[0]) }, caller, reply);
  }
}

const expecting = (id: ContractId, revision: Revision | undefined) => ({
  revision,
  of: ({ contracts }: TenantContracts): Revision | undefined => contracts.get(id)?.revision,
});

/** The decision that answered has just found or made it. */
const written = ({ contracts }: TenantContracts, id: ContractId): Contract => {
  const contract = contracts.get(id);
  if (!contract) throw new Error(`contract ${id} is not in the state that its own command left`);
  return contract;
};

/** The root of a tree has a base contract, also when it is a reseller. */
const tierOf = ({ parentId, tier }: TenantTreeRow): ContractTier =>
  parentId === null ? 'T1' : tier === 'endCustomer' ? 'T3' : 'T2';

const readTerms = (input: TermsInput, command: Command): Terms => {
  const terms = termsOf(input, (path) => uuidv5(path, command.id) as RuleId);
  refuseMalformedTerms(terms);
  return terms;
};

type Shown = Pick<
  Contract,
  'id' | 'tenantId' | 'tier' | 'status' | 'version' | 'savedAt' | 'effectiveFrom' | 'terms' | 'revision'
>;

const answer = (contract: Shown, caller: Caller, reply: FastifyReply): ContractDetails => {
  withETag(reply, contract.revision);
  return detailsOf(contract, caller);
};

const detailsOf = (contract: Shown, caller: Caller): ContractDetails => {
  const { id, tenantId, tier, status, version, savedAt, effectiveFrom, terms } = contract;
  return {
    id,
    tenantId,
    tier,
    status,
    version,
    versionDate: savedAt,
    effectiveFrom,
    terms: visibleTerms(terms, tenantOf(caller).path, caller.anchor),
    actions: nextActions(status),
  };
};
