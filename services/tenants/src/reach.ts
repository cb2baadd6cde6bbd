import { type TenantId } from '#libs/published/ids';

/** As whose user somebody acts: that tenant and all below it are within reach; `platform` reaches every tree. */
export type Reach = TenantId | 'platform' | null;

/** Is the tenant at the end of `path` (from its root) within reach? */
export const reaches = (reach: Reach, path: readonly TenantId[]): boolean =>
  reach === 'platform' || (reach !== null && path.includes(reach));

/** A path as far as it is within reach: nobody learns who stands above them. */
export const visiblePath = (reach: Reach, path: readonly TenantId[]): readonly TenantId[] =>
  reach === 'platform' || reach === null ? path : path.slice(Math.max(0, path.indexOf(reach)));
