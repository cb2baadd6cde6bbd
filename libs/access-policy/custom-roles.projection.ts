import { type RoleEvent } from '#libs/published/access-control';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';
import { type TenantPermission } from './roles.ts';

/** A bundle that a tenant put together for itself and those below. */
export type CustomRoleRow = Readonly<{
  id: RoleId;
  tenantId: TenantId;
  /** Of the tenant, from the root. */
  path: readonly TenantId[];
  name: string;
  /** `alphabetical`: what lists sort the name by. */
  nameOrder: string;
  permissions: readonly TenantPermission[];
}>;

type RolePart = Readonly<{ role: CustomRoleRow; removed: boolean }>;

export const customRoles = projection({
  name: 'custom-roles',
  version: 3,
  parts: {
    role: part<RoleEvent, RolePart>('access-control.role', {
      document: ({ data }) => data.roleId,
      evolve: (before, { type, data }) => {
        if (type === 'RoleDefined') {
          const { tenantId, path, roleId, name, permissions } = data;
          return { role: { id: roleId, tenantId, path, name, nameOrder: alphabetical(name), permissions }, removed: false };
        }
        if (!before) throw new Error(`${type} before the role was defined`);
        return { ...before, removed: true };
      },
    }),
  },
  row: ({ role }): CustomRoleRow | undefined => (role && !role.removed ? role.role : undefined),
  indexes: [['tenantId', 'nameOrder']],
});
