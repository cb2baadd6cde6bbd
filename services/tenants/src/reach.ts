import { effective, type Standing } from '#libs/access-policy/policy';
import { type TenantId } from '#libs/published/ids';

/** As whose user somebody acts: that tenant and all below it are within reach; `platform` reaches every tree. */
export type Reach = TenantId | 'platform' | null;

/** Is the tenant at the end of `path` (from its root) within reach? */
export const reaches = (reach: Reach, path: readonly TenantId[]): boolean =>
  reach === 'platform' || (reach !== null && path.includes(reach));

/** A path from below the last tenant that is hidden: nobody learns who stands above them, or between them and whom they are linked to. */
export const visiblePath = (standing: Standing, path: readonly TenantId[]): readonly TenantId[] => {
  const above = path.slice(0, -1);
  return path.slice(above.findLastIndex((_, index) => !effective(standing, above.slice(0, index + 1))) + 1);
};
