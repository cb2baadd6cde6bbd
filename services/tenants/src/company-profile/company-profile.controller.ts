import { Body, Controller, Get, Inject, Param, Patch, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { IsObject, IsUrl, MaxLength, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import { type FastifyReply } from 'fastify';
import { type Command } from '#libs/event-sourcing/command';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { handle, present } from '#libs/event-sourcing/handle';
import { Answers } from '#libs/platform/answers';
import { type Caller, CallerOf, CommandOf, IfMatch, tenantOf } from '#libs/platform/caller';
import { tenantId } from '#libs/platform/published-schemas';
import { withETag } from '#libs/platform/reply';
import { Requires } from '#libs/platform/requires';
import { named, nullable, object, schema, text } from '#libs/platform/schema';
import { EVENT_STORE } from '#libs/platform/tokens';
import { IsCountryCode, IsName, Nullable } from '#libs/platform/validation';
import { type TenantId } from '#libs/published/ids';
import { type Address } from '#libs/published/tenants';
import { type Company, type CompanyProfile, companyProfile, tell } from './company-profile.ts';

class AddressInput {
  @IsName()
  line1!: string;

  @Nullable()
  @IsName()
  line2?: string | null;

  @IsName()
  city!: string;

  @Nullable()
  @IsName()
  region?: string | null;

  @Nullable()
  @IsName(20)
  postalCode?: string | null;

  @IsCountryCode()
  country!: string;
}

/** What a company says about itself, each field by itself. */
export class CompanyInput {
  @Nullable()
  @IsName(300)
  @ApiProperty({ description: 'Name in its register' })
  legalName?: string | null;

  @Nullable()
  @IsName(50)
  @ApiProperty({ description: 'Number of a tax authority' })
  taxId?: string | null;

  @Nullable()
  @IsName(50)
  phone?: string | null;

  @Nullable()
  @IsUrl({ protocols: ['https', 'http'], require_protocol: true })
  @MaxLength(500)
  @ApiProperty({ type: String, example: 'https://acme.example', maxLength: 500 })
  website?: string | null;

  @Nullable()
  @IsObject()
  @ValidateNested()
  @Type(() => AddressInput)
  @ApiProperty({ type: () => AddressInput, description: 'Told whole' })
  address?: AddressInput | null;
}

type ProfileAnswer = Company & Readonly<{ tenantId: TenantId }>;

const profileSchema = named(
  'CompanyProfile',
  object<ProfileAnswer>({
    tenantId,
    legalName: nullable(text),
    taxId: nullable(text),
    phone: nullable(text),
    website: nullable(text),
    address: nullable(
      object<Address>({
        line1: text,
        line2: nullable(text),
        city: text,
        region: nullable(text),
        postalCode: nullable(text),
        country: schema({ type: 'string', pattern: '^[A-Z]{2}$', example: 'US' }),
      }),
    ),
  }),
);

/** What is given, and nothing else. */
export const companyOf = ({ legalName, taxId, phone, website, address }: CompanyInput): Partial<Company> => ({
  ...(legalName === undefined ? {} : { legalName }),
  ...(taxId === undefined ? {} : { taxId }),
  ...(phone === undefined ? {} : { phone }),
  ...(website === undefined ? {} : { website }),
  ...(address === undefined ? {} : { address: address && addressOf(address) }),
});

const addressOf = ({ line1, line2 = null, city, region = null, postalCode = null, country }: AddressInput): Address => ({
  line1,
  line2,
  city,
  region,
  postalCode,
  country,
});

@ApiTags('tenants')
@Controller('tenants/:tenantId/profile')
export class CompanyProfileController {
  readonly #store: EventStore;

  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  @Get()
  @Requires('tenants:read')
  @ApiOperation({
    summary: 'Company profile',
    description: 'What the company says about itself beside its name; null: not told.',
  })
  @Answers(200, profileSchema, { headers: ['ETag'] })
  async get(@Param('tenantId') tenantId: TenantId, @Res({ passthrough: true }) reply: FastifyReply): Promise<ProfileAnswer> {
    const { state } = await present(this.#store, companyProfile, tenantId);
    return answer(tenantId, state, reply);
  }

  @Patch()
  @Requires('profile:write')
  @ApiOperation({
    summary: 'Tell the company profile',
    description: 'Fields that are left out stay, null takes a value away; an address is told whole.',
  })
  @Answers(200, profileSchema, { headers: ['ETag'] })
  async tell(
    @Param('tenantId') tenantId: TenantId,
    @Body() input: CompanyInput,
    @CallerOf() caller: Caller,
    @CommandOf() command: Command,
    @IfMatch() ifMatch: Revision | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProfileAnswer> {
    const { state } = await handle(this.#store, companyProfile, tenantId, tell(tenantOf(caller), companyOf(input)), {
      command,
      expected: { revision: ifMatch, of: ({ revision }) => revision },
    });
    return answer(tenantId, state, reply);
  }
}

const answer = (tenantId: TenantId, { revision, ...company }: CompanyProfile, reply: FastifyReply): ProfileAnswer => {
  withETag(reply, revision);
  return { tenantId, ...company };
};
