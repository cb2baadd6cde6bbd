import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { type FastifyReply } from 'fastify';
import { v5 as uuidv5 } from 'uuid';
import { type Command } from '#libs/event-sourcing/command';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers, AnswersNothing } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { IdPipe } from '#libs/platform/input-pipe';
import { page, tenantId } from '#libs/platform/published-schemas';
import { created, withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { choice, named, nullable, object, saying, schema, text } from '#libs/platform/schema';
import { EVENT_STORE } from '#libs/platform/tokens';
import { IsAddress, IsName, Nullable, Optional, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type ContactId, type TenantId } from '#libs/published/ids';
import { type ContactType } from '#libs/published/tenants';
import { pageOf } from '#libs/read-models/cursor';
import { type Page } from '#libs/read-models/read-model';
import { add, change, CONTACT_TYPES, type Contact, type ContactDetails, contacts, existing, remove } from './contacts.ts';

class ContactFields {
  @Nullable()
  @IsName(50)
  phone?: string | null;

  @Nullable()
  @IsName(100)
  @ApiProperty({ description: 'The one account that a billing contact is for; null: all of them' })
  billingAccount?: string | null;
}

export class ContactInput extends ContactFields {
  @OneOf(...CONTACT_TYPES)
  type!: ContactType;

  @IsName()
  name!: string;

  @IsAddress()
  email!: string;
}

export class ContactChange extends ContactFields {
  @Optional()
  @OneOf(...CONTACT_TYPES)
  type?: ContactType;

  @Optional()
  @IsName()
  name?: string;

  @Optional()
  @IsAddress()
  email?: string;
}

export class ContactQuery extends PageQuery {
  @Optional()
  @OneOf(...CONTACT_TYPES)
  type?: ContactType;
}

type ContactAnswer = ContactDetails & Readonly<{ id: ContactId; tenantId: TenantId }>;

const contactSchema = named(
  'Contact',
  object<ContactAnswer>({
    id: schema<ContactId>({ type: 'string', format: 'uuid' }),
    tenantId,
    type: choice(...CONTACT_TYPES),
    name: text,
    email: saying('May be that of a distribution list', text),
    phone: nullable(text),
    billingAccount: saying('The one account that a billing contact is for; null: all of them', nullable(text)),
  }),
);

export const detailsOf = ({ type, name, email, phone = null, billingAccount = null }: ContactInput): ContactDetails => ({
  type,
  name,
  email,
  phone,
  billingAccount,
});

@ApiTags('tenants')
@Controller('tenants/:tenantId/contacts')
export class ContactsController {
  readonly #store: EventStore;

  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  @Get()
  @Requires('contacts:read')
  @ApiOperation({
    summary: 'Contacts of a company',
    description:
      'Whom to tell what: `admin` hears of customers and services, `technical` of maintenance and outages, `billing` of invoices, ' +
      '`requestAlias` gets requests. A contact is no user and cannot log in. In the order in which they were added.',
  })
  @Answers(200, page(contactSchema))
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: ContactQuery): Promise<Page<ContactAnswer>> {
    const { state } = await present(this.#store, contacts, tenantId);
    const found = state.contacts
      .filter(({ type }) => query.type === undefined || type === query.type)
      .map((contact, index) => ({ contact, place: String(index).padStart(6, '0') }));
    const { items, ...rest } = pageOf(found, ({ place }) => place, paging(query));
    return { ...rest, items: items.map(({ contact }) => answer(tenantId, contact)) };
  }

  @Get(':contactId')
  @Requires('contacts:read')
  @ApiOperation({ summary: 'One contact' })
  @Answers(200, contactSchema, { headers: ['ETag'] })
  async one(
    @Param('tenantId') tenantId: TenantId,
    @Param('contactId', IdPipe) contactId: ContactId,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContactAnswer> {
    const { state } = await present(this.#store, contacts, tenantId);
    const contact = existing(state, contactId);
    withETag(reply, contact.revision);
    return answer(tenantId, contact);
  }

  @Post()
  @Requires('contacts:write')
  @ApiOperation({ summary: 'Add a contact', description: 'The same address twice for the same type and account is 409.' })
  @Answers(201, contactSchema, { headers: ['ETag', 'Location'] })
  async add(
    @Param('tenantId') tenantId: TenantId,
    @Body() input: ContactInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContactAnswer> {
    const id = uuidv5('contact', command.id) as ContactId;
    const { state } = await handle(this.#store, contacts, tenantId, add(tenantOf(caller), id, detailsOf(input)), { command });
    const added = existing(state, id);
    created(reply, `/api/v1/tenants/${tenantId}/contacts/${id}`, added.revision);
    return answer(tenantId, added);
  }

  @Patch(':contactId')
  @Requires('contacts:write')
  @ApiOperation({ summary: 'Change a contact', description: 'Fields that are left out stay; null takes a value away.' })
  @Answers(200, contactSchema, { headers: ['ETag'] })
  async change(
    @Param('tenantId') tenantId: TenantId,
    @Param('contactId', IdPipe) contactId: ContactId,
    @Body() { type, name, email, phone, billingAccount }: ContactChange,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ContactAnswer> {
    const changed: Partial<ContactDetails> = {
      ...(type === undefined ? {} : { type }),
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
      ...(phone === undefined ? {} : { phone }),
      ...(billingAccount === undefined ? {} : { billingAccount }),
    };
    const { state } = await handle(this.#store, contacts, tenantId, change(tenantOf(caller), contactId, changed), {
      command,
      expected: { revision: ifMatch, of: (fresh) => existing(fresh, contactId).revision },
    });
    const contact = existing(state, contactId);
    withETag(reply, contact.revision);
    return answer(tenantId, contact);
  }

  @Delete(':contactId')
  @Requires('contacts:write')
  @ApiOperation({ summary: 'Remove a contact', description: 'Nobody tells it anything any more.' })
  @AnswersNothing()
  async remove(
    @Param('tenantId') tenantId: TenantId,
    @Param('contactId', IdPipe) contactId: ContactId,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
  ): Promise<void> {
    await handle(this.#store, contacts, tenantId, remove(tenantOf(caller), contactId), {
      command,
      expected: { revision: ifMatch, of: (fresh) => existing(fresh, contactId).revision },
    });
  }
}

const answer = (tenantId: TenantId, { revision: _, ...contact }: Contact): ContactAnswer => ({ tenantId, ...contact });
