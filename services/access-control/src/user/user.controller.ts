import { Body, Controller, Get, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { IsEmail, IsString, MaxLength, MinLength } from 'class-validator';
import { type FastifyReply } from 'fastify';
import { memberships } from '#libs/access-policy/memberships.projection';
import { type Role } from '#libs/access-policy/roles';
import { type Command } from '#libs/event-sourcing/command';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { Answers } from '#libs/platform/answers';
import { CommandOf } from '#libs/platform/caller';
import { page, role, userId } from '#libs/platform/published-schemas';
import { created } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { named, object, text } from '#libs/platform/schema';
import { EVENT_STORE, READ_MODELS } from '#libs/platform/tokens';
import { IsName, PageQuery, paging } from '#libs/platform/validation';
import { OneOf } from '#libs/platform/variants';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Page, type ReadModels } from '#libs/read-models/read-model';
import { PASSWORD_LENGTH } from '../credentials/password.ts';
import { userList } from '../user-list/user-list.projection.ts';
import { addUser } from './add-user.ts';

class UserInput {
  @IsEmail()
  @MaxLength(320)
  email!: string;

  @IsName()
  name!: string;

  @IsString()
  @MinLength(PASSWORD_LENGTH.min)
  @MaxLength(PASSWORD_LENGTH.max)
  password!: string;

  @OneOf('admin', 'sales')
  role!: Extract<Role, 'admin' | 'sales'>;
}

type TenantUser = Readonly<{ id: UserId; email: string; name: string; role: Role }>;

const tenantUser = named('TenantUser', object<TenantUser>({ id: userId, email: text, name: text, role }));

@ApiTags('access')
@Controller('tenants/:tenantId/users')
export class UserController {
  readonly #store: EventStore;
  readonly #readModels: ReadModels;

  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(READ_MODELS) readModels: ReadModels) {
    this.#store = store;
    this.#readModels = readModels;
  }

  @Post()
  @Requires('users:write')
  @ApiOperation({ summary: 'Add a user', description: 'Admin reaches the tenant and everything below it; sales only looks.' })
  @Answers(201, tenantUser, { headers: ['Location'] })
  async add(
    @Param('tenantId') tenantId: TenantId,
    @Body() { email, name, password, role }: UserInput,
    @CommandOf() command: Command,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TenantUser> {
    const id = await addUser(this.#store, { email, name, password, tenantId, role }, command);
    created(reply, `/api/v1/tenants/${tenantId}/users`);
    return { id, email, name, role };
  }

  @Get()
  @Requires('users:read')
  @ApiOperation({ summary: 'Who belongs to the tenant' })
  @Answers(200, page(tenantUser))
  async list(@Param('tenantId') tenantId: TenantId, @Query() query: PageQuery): Promise<Page<TenantUser>> {
    const page = await this.#readModels.of(memberships).find({ filter: { tenantId }, ...paging(query) });
    const people = this.#readModels.of(userList);
    const items = page.items.map(async ({ userId, role }) => {
      const person = await people.get(userId);
      return { id: userId, email: person?.email ?? '', name: person?.name ?? '', role };
    });
    return { ...page, items: await Promise.all(items) };
  }
}
