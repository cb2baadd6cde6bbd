import { type TenantId } from '#libs/published/ids';
import { effective, type Standing } from './policy.ts';

/** Whether whatever they are in the tenant at the end of `path` they are by delegated access: for a while only. */
export const isDelegated = (standing: Standing, path: readonly TenantId[]): boolean => {
  if (standing.within && isDelegated(standing.within, path)) return true;
  const anchor = effective(standing, path)?.anchor;
  const links = standing.links.filter(({ tenantId }) => tenantId === anchor);
  const isMember = standing.memberships.some(({ tenantId }) => tenantId === anchor);
  return !isMember && links.length > 0 && links.every(({ delegated }) => delegated === true);
};
