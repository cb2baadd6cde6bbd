import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsIn, Matches } from 'class-validator';
import { EXTRAS, TENANT_PERMISSIONS } from '#libs/access-policy/roles';

const PATTERN = '^(admin|regular|readOnly|support|sales|custom:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$';

/** A role that users of a tenant may have. */
export const IsTenantRole = (): PropertyDecorator =>
  applyDecorators(
    Matches(new RegExp(PATTERN), {
      message: '$property must be admin, regular, readOnly, support, sales or custom:<id of a role>',
    }),
    ApiProperty({
      type: String,
      pattern: PATTERN,
      example: 'support',
      description: '`admin`, `regular`, `readOnly`, `support`, `sales`, or `custom:` and the id of a custom role',
    }),
  );

/** What an Admin may do besides. */
export const IsExtras = (): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    ArrayMaxSize(EXTRAS.length),
    ArrayUnique(),
    IsIn(EXTRAS, { each: true }),
    ApiProperty({ type: [String], enum: EXTRAS, maxItems: EXTRAS.length, uniqueItems: true }),
  );

export const IsPermissions = (): PropertyDecorator =>
  applyDecorators(
    IsArray(),
    ArrayMaxSize(TENANT_PERMISSIONS.length),
    ArrayUnique(),
    IsIn(TENANT_PERMISSIONS, { each: true }),
    ApiProperty({ type: [String], enum: TENANT_PERMISSIONS, maxItems: TENANT_PERMISSIONS.length, uniqueItems: true }),
  );
