import { Body, Controller, Inject, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { IsFQDN, MaxLength } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { isSetUp } from '#libs/access-policy/set-up';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { handleClaiming, sameValue } from '#libs/event-sourcing/claims';
import { type Command } from '#libs/event-sourcing/command';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { type Currency } from '#libs/money/currency';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { currency, instant, tenantId, tier } from '#libs/platform/published-schemas';
import { created, withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { type FieldsOf, list, named, nullable, object, saying, text } from '#libs/platform/schema';
import { EVENT_STORE } from '#libs/platform/tokens';
import { IsCurrencyCode, IsName, Nested, NestedList, Nullable, Optional } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type ContactId, type TenantId } from '#libs/published/ids';
import { type CreationMode, type Tier } from '#libs/published/tenants';
import { type Instant } from '#libs/time/time';
import { type Company, companyProfile, tell } from '../company-profile/company-profile.ts';
import { CompanyInput, companyOf } from '../company-profile/company-profile.controller.ts';
import { addAll, type ContactDetails, contacts } from '../contacts/contacts.ts';
import { ContactInput, detailsOf } from '../contacts/contacts.controller.ts';
import { onboarding } from '../onboarding/onboarding.ts';
import { visiblePath } from '../reach.ts';
import {
  changeProfile,
  claimOfCode,
  codeToClaim,
  type Parent,
  type Profile,
  register,
  registered,
  type RegisteredTenant,
  tenant,
} from './tenant.ts';

class ProfileInput {
  @Nullable()
  @IsName(100)
  @ApiProperty({
    description: 'The parent’s own code for it, unique among the parent’s customers (and among roots), in any case',
  })
  customerCode?: string | null;

  @Nullable()
  @IsFQDN()
  @MaxLength(253)
  @ApiProperty({ type: String, example: 'acme.example', maxLength: 253 })
  primaryDomain?: string | null;
}

export class RootInput extends ProfileInput {
  @OneOf('distributor', 'reseller')
  tier!: Tier;

  @IsName(200)
  name!: string;

  @IsCurrencyCode()
  currency!: Currency;
}

export class CustomerInput extends ProfileInput {
  @OneOf('reseller', 'endCustomer')
  tier!: Tier;

  @IsName(200)
  name!: string;

  @Optional()
  @IsCurrencyCode()
  currency?: Currency;

  @Optional()
  @OneOf('add', 'wizard', 'invite')
  @ApiProperty({
    default: 'add',
    description:
      '`add`: nobody is told, you hand over the login; `wizard`: listed at once, invite its admin next or later; `invite`: listed once ' +
      'an invited admin has accepted and set up the account',
  })
  mode?: CreationMode;

  @Optional()
  @Nested(() => CompanyInput)
  @ApiProperty({ description: 'Its company profile, as far as it is known' })
  company?: CompanyInput;

  @Optional()
  @NestedList(() => ContactInput, 20)
  @ApiProperty({ description: 'Its first contacts, such as a technical and a billing one' })
  contacts?: ContactInput[];
}

export class ProfileChange extends ProfileInput {
  @Optional()
  @IsName(200)
  name?: string;
}

/** A tenant as its routes answer it, seen by somebody: `path` begins at the tenant as whose user they act. */
export type TenantAnswer = Readonly<{
  id: TenantId;
  tier: Tier;
  name: string;
  customerCode: string | null;
  parentId: TenantId | null;
  path: readonly TenantId[];
  currency: Currency;
  primaryDomain: string | null;
  registeredAt: Instant;
}>;

export const tenantFields: FieldsOf<TenantAnswer> = {
  id: tenantId,
  tier,
  name: text,
  customerCode: nullable(text),
  parentId: saying('Null for a root, and for the tenant where your reach begins', nullable(tenantId)),
  path: saying('From the tenant where your reach begins to the tenant itself', list(tenantId)),
  currency,
  primaryDomain: nullable(text),
  registeredAt: instant,
};
const tenantSchema = named('Tenant', object<TenantAnswer>(tenantFields));

export const tenantAnswer = (seen: Omit<RegisteredTenant, 'revision'>, { standing }: Pick<Caller, 'standing'>): TenantAnswer => {
  const { id, tier, name, customerCode, currency, primaryDomain, registeredAt } = seen;
  const path = visiblePath(standing, seen.path);
  return { id, tier, name, customerCode, parentId: path.at(-2) ?? null, path, currency, primaryDomain, registeredAt };
};

@ApiTags('tenants')
@Controller('tenants')
export class TenantController {
  readonly #store: EventStore;

  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  @Post()
  @Requires('roots:write', 'platform')
  @ApiOperation({ summary: 'Register the root of a new tree', description: 'A distributor or a reseller.' })
  @Answers(201, tenantSchema, { headers: ['ETag', 'Location'] })
  async registerRoot(
    @Body() input: RootInput,
    @CommandOf() command: Command,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantAnswer> {
    return this.#register(null, input, {}, command, caller, reply);
  }

  @Post(':tenantId/customers')
  @Requires('tenants:write')
  @ApiOperation({
    summary: 'Add a customer',
    description:
      'A reseller stands under its distributor, an end customer under its reseller; anything else is 422 `parent-tier-not-allowed`. ' +
      'Without a currency the customer bills in that of its parent. A customer code that another customer of the parent has is 409 ' +
      '`customer-code-taken`, and a parent that was invited and has not set up its account yet is 422 `parent-not-set-up`. In the modes `wizard` and `invite` its admin is invited next, by `POST /tenants/{id}/invitations` of the ' +
      'new tenant; until then its onboarding shows the task `inviteAdmin`.',
  })
  @Answers(201, tenantSchema, { headers: ['ETag', 'Location'] })
  async addCustomer(
    @Body() input: CustomerInput,
    @CommandOf() command: Command,
    @CallerOf() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantAnswer> {
    const parent = tenantOf(caller);
    await this.#refuseBeforeSetUp(parent);
    const { mode, company, contacts: first = [] } = input;
    const told = { ...(mode && { mode }), ...(company && { company: companyOf(company) }), contacts: first.map(detailsOf) };
    return this.#register(parent, input, told, command, caller, reply);
  }

  @Patch(':tenantId')
  @Requires('tenants:write')
  @ApiOperation({
    summary: "Change a tenant's profile",
    description:
      'Fields that are left out stay; null takes a code or a domain away. The customer code is the parent’s to change. ' +
      '`If-Match` makes the change fail with 412 when somebody else was faster.',
  })
  @Answers(200, tenantSchema, { headers: ['ETag'] })
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Body() { name, customerCode, primaryDomain }: ProfileChange,
    @CommandOf() command: Command,
    @CallerOf() caller: Caller,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantAnswer> {
    const change: Partial<Profile> = {
      ...(name === undefined ? {} : { name }),
      ...(customerCode === undefined ? {} : { customerCode }),
      ...(primaryDomain === undefined ? {} : { primaryDomain: primaryDomain?.toLowerCase() ?? null }),
    };
    const before = registered((await present(this.#store, tenant, tenantId)).state);
    const recoded = customerCode !== undefined && !sameValue(customerCode, before.customerCode);
    // Codes are unique among those below one parent: whoever does not reach the parent would find out the codes of the others.
    if (recoded && caller.anchor !== 'platform' && !before.path.slice(0, -1).some((above) => above === caller.anchor))
      throw new DomainError('rejected', 'customer-code-of-parent', 'The customer code is for your upstream to change.', [
        { path: 'customerCode', message: 'is for the tenant above to change' },
      ]);
    const claimed = codeToClaim(before, change);
    const { state } = await handleClaiming(this.#store, tenant, tenantId, changeProfile(change, claimed), {
      command,
      claims: claimed === null ? [] : [claimOfCode(before.path, claimed)],
      expected: { revision: ifMatch, of: (fresh) => fresh?.revision },
    });
    const changed = registered(state);
    withETag(reply, changed.revision);
    return tenantAnswer(changed, caller);
  }

  /** Whoever is on no list yet has no place there where a customer could stand. */
  async #refuseBeforeSetUp({ id, mode }: Pick<TenantTreeRow, 'id' | 'mode'>): Promise<void> {
    if (mode !== 'invite' || isSetUp(mode, (await present(this.#store, onboarding, id)).state.admins.length > 0)) return;
    throw new DomainError(
      'rejected',
      'parent-not-set-up',
      'The parent was invited and has not set up its account yet: customers can be added below it once its admin has accepted.',
      [{ path: 'tenantId', message: 'is of a tenant that has not set up its account yet' }],
    );
  }

  async #register(
    parent: Parent | null,
    { tier, name, currency, customerCode = null, primaryDomain }: CustomerInput,
    { mode, company, contacts: first = [] }: Told,
    command: Command,
    caller: Caller,
    reply: FastifyReply,
  ): Promise<TenantAnswer> {
    const id = uuidv5('tenant', command.id) as TenantId;
    const owner = { id, path: [...(parent?.path ?? []), id] };
    const profile = { name, customerCode, primaryDomain: primaryDomain?.toLowerCase() ?? null };
    const registration = { tier, ...profile, ...(currency === undefined ? {} : { currency }), ...(mode && { mode }) };
    const addFirst = addAll(
      owner,
      first.map((details, index) => ({ id: uuidv5(`contact ${String(index)}`, command.id) as ContactId, details })),
    );
    // What the contacts' rules refuse is refused before anything is there.
    addFirst(contacts.initial);
    const { state } = await handleClaiming(this.#store, tenant, id, register(id, parent, registration, command.time), {
      command,
      claims: customerCode === null ? [] : [claimOfCode(owner.path, customerCode)],
    });
    const added = registered(state);
    if (company) await handle(this.#store, companyProfile, id, tell(owner, company), { command });
    if (first.length > 0) await handle(this.#store, contacts, id, addFirst, { command });
    created(reply, `/api/v1/tenants/${id}`, added.revision);
    return tenantAnswer(added, caller);
  }
}

/** What else is told about a new customer. */
type Told = Readonly<{ mode?: CreationMode; company?: Partial<Company>; contacts?: readonly ContactDetails[] }>;
