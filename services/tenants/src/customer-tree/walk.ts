import { type Allowed } from '#libs/access-policy/reach';
import { type TenantTreeRow } from '#libs/access-policy/tenant-tree.projection';
import { type TenantId } from '#libs/published/ids';
import { type Filter, type Sort } from '#libs/read-models/read-model';
import { type Instant } from '#libs/time/time';

/** Whose activity somebody sees, of those shown. */
export type Sight = Readonly<{
  of: ReadonlySet<TenantId>;
  /** Of these whoever gave no sign since then does not match; null: that does not matter. */
  since: Instant | null;
}>;

/**
 * @param allowed who of the tenant and those below it may be shown; by name where `sight` is given
 * @param sight where activity matters and is not seen of all of them
 */
export type Walk = Readonly<{ top: TenantTreeRow; allowed: Allowed; filter: Filter; sort: Sort; sight?: Sight }>;
