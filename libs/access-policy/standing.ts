import { type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { systemClock } from '#libs/time/time';
import { accessSettings } from './access-settings.projection.ts';
import { customRoles } from './custom-roles.projection.ts';
import { customerLinks } from './customer-links.projection.ts';
import { delegatedAccesses } from './delegated-accesses.projection.ts';
import { memberships } from './memberships.projection.ts';
import { type CustomerLink, type Membership, type Standing } from './policy.ts';
import { type Permission, type Role, roleIdIn } from './roles.ts';

/** Whose role decides by itself what they are in the tenants below: the access model of their tenant changes nothing. */
const REACHING_DOWN: readonly Role[] = ['operator', 'admin'];

/** What the read models of this service know of a user at present; what they do not know yet permits nothing. */
export const standingOf = async (readModels: ReadModels, userId: UserId): Promise<Standing> => {
  const [held, everyLink, granted] = await Promise.all([
    readModels.of(memberships).all({ userId, enabled: true }),
    readModels.of(customerLinks).all({ userId }),
    readModels.of(delegatedAccesses).all({ userId, status: 'approved' }),
  ]);
  // A link is that of a tenant's user, and ends with being one.
  const isMember = (of: TenantId | 'platform'): boolean => held.some(({ tenantId }) => tenantId === of);
  const ofMembers = everyLink.filter(({ memberOf }) => isMember(memberOf));
  const now = granted.length > 0 ? systemClock.now() : null;
  const delegated = granted.filter(({ memberOf, until }) => now !== null && until !== null && until > now && isMember(memberOf));
  // What a tenant itself lets somebody do for a while counts instead of what those above did.
  const linked = ofMembers.filter(({ tenantId }) => !delegated.some((one) => one.tenantId === tenantId));
  const roles = new Set([...held, ...linked, ...delegated].map(({ role }) => role));
  const deciding = new Set(
    [...held, ...linked].flatMap(({ tenantId, role }) => (REACHING_DOWN.includes(role) ? [] : [tenantId])),
  );
  const settings = await Promise.all([...deciding].map((tenantId) => readModels.of(accessSettings).get(tenantId)));
  const carrying = new Set<string>(settings.flatMap((one) => (one?.accessModel === 'carryOver' ? [one.id] : [])));
  return {
    memberships: held.map(({ tenantId, role, extras, childTenantRole }): Membership => ({
      tenantId,
      role,
      extras,
      ...(childTenantRole === null ? {} : { childTenantRole }),
      carriesOver: carrying.has(tenantId),
    })),
    links: [
      ...linked.map(({ tenantId, role }): CustomerLink => ({ tenantId, role, carriesOver: carrying.has(tenantId) })),
      ...delegated.map(({ tenantId, role }): CustomerLink => ({ tenantId, role, delegated: true })),
    ],
    bundles: await bundlesOf(readModels, roles),
  };
};

const bundlesOf = async (
  readModels: ReadModels,
  roles: ReadonlySet<Role>,
): Promise<ReadonlyMap<Role, ReadonlySet<Permission>>> => {
  const bundles = new Map<Role, ReadonlySet<Permission>>();
  for (const role of roles) {
    const roleId = roleIdIn(role);
    const defined = roleId === undefined ? undefined : await readModels.of(customRoles).get(roleId);
    if (defined) bundles.set(role, new Set(defined.permissions));
  }
  return bundles;
};
