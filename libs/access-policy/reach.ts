import { type TenantId } from '#libs/published/ids';
import { type Filter, type ReadModels } from '#libs/read-models/read-model';
import { invitedTenants } from './invited-tenants.projection.ts';
import { decide, type Standing } from './policy.ts';
import { type Permission } from './roles.ts';
import { tenantTree, type TenantTreeRow } from './tenant-tree.projection.ts';

/** Of a tenant and those below it: all, or these. A few for whoever depends on links, so that a query can name them. */
export type Allowed = 'all' | readonly TenantId[];

/** A tenant from which on down, `platform` for every tree, somebody reaches something. */
export type Area = Readonly<{ top: TenantId | 'platform'; allowed: Allowed }>;

type Place = Pick<TenantTreeRow, 'id' | 'path'>;

/** Stands for any tenant below that nobody was given anything in. */
const ANY = '' as TenantId;

const held = ({ memberships, links }: Standing): readonly (TenantId | 'platform')[] => [
  ...new Set([...memberships, ...links].map(({ tenantId }) => tenantId)),
];

/** Those of them that are not below another. */
const outermost = (places: readonly Place[]): readonly Place[] => {
  const ids = new Set(places.map(({ id }) => id));
  return places.filter(({ id, path }) => !path.some((above) => above !== id && ids.has(above)));
};

/** What decides in a tree: its top, any tenant below that nobody was given anything in, and those where somebody was. */
const decidedIn = async (
  readModels: ReadModels,
  standing: Standing,
  permission: Permission,
  top: Place,
): Promise<Readonly<{ isAllowed: (place: Pick<Place, 'path'>) => boolean; byDefault: boolean; special: readonly Place[] }>> => {
  const isAllowed = ({ path }: Pick<Place, 'path'>): boolean => decide(standing, permission, path) === 'allowed';
  const tree = readModels.of(tenantTree);
  const { within } = standing;
  const places = new Set([...held(standing), ...(within ? held(within) : [])]);
  const elsewhere = [...places].filter((tenantId) => tenantId !== 'platform' && !top.path.includes(tenantId));
  const known = elsewhere.length === 0 ? [] : await tree.all({ id: { in: elsewhere }, path: { has: top.id } });
  const special = (await Promise.all(outermost(known).map(({ id }) => tree.all({ path: { has: id } })))).flat();
  return { isAllowed, byDefault: isAllowed({ path: [...top.path, ANY] }), special };
};

/**
 * In which tenants, of this one and those below, the policy allows it: what a list over a subtree may show. The whole subtree is read
 * only where something below lowers what would hold for all of it.
 */
export const allowedWithin = async (
  readModels: ReadModels,
  standing: Standing,
  permission: Permission,
  top: Place,
): Promise<Allowed> => {
  const { isAllowed, byDefault, special } = await decidedIn(readModels, standing, permission, top);
  if (!byDefault) return [top, ...special].filter(isAllowed).map(({ id }) => id);
  if (isAllowed(top) && special.every(isAllowed)) return 'all';
  return (await readModels.of(tenantTree).all({ path: { has: top.id } })).filter(isAllowed).map(({ id }) => id);
};

/** What a list shows of a tenant and those below it: as `Allowed`, or all but these. */
type Listed = Allowed | Readonly<{ allBut: readonly TenantId[] }>;

/** As `allowedWithin`, but for those below who were invited and have not set up the account yet: they stand on no list. */
export const listedWithin = async (
  readModels: ReadModels,
  standing: Standing,
  permission: Permission,
  top: Place,
): Promise<Listed> => {
  const allowed = await allowedWithin(readModels, standing, permission, top);
  const invited = (await readModels.of(invitedTenants).all({ path: { has: top.id } })).map(({ id }) => id);
  const unlisted = invited.filter((id) => id !== top.id);
  if (unlisted.length === 0) return allowed;
  return allowed === 'all' ? { allBut: unlisted } : allowed.filter((id) => !unlisted.includes(id));
};

/** Does the policy allow it in this tenant and all below? Never reads the whole subtree to tell. */
export const allowedThroughout = async (
  readModels: ReadModels,
  standing: Standing,
  permission: Permission,
  top: Place,
): Promise<boolean> => {
  const { isAllowed, byDefault, special } = await decidedIn(readModels, standing, permission, top);
  return byDefault && isAllowed(top) && special.every(isAllowed);
};

/** Everything somebody reaches for a purpose; no tenant is in two areas. */
export const areasOf = async (readModels: ReadModels, standing: Standing, permission: Permission): Promise<readonly Area[]> => {
  const tenants = held(standing);
  if (tenants.includes('platform')) return [{ top: 'platform', allowed: 'all' }];
  const tops = outermost(await readModels.of(tenantTree).all({ id: { in: tenants } }));
  const areas = tops.map(async (top): Promise<Area> => ({
    top: top.id,
    allowed: await allowedWithin(readModels, standing, permission, top),
  }));
  return (await Promise.all(areas)).filter(({ allowed }) => allowed.length > 0);
};

/** What a query adds so that it finds nothing else. @param field of the row that names the tenant */
export const among = (listed: Listed, field = 'tenantId'): Filter => {
  if (listed === 'all') return {};
  return { [field]: 'allBut' in listed ? { notIn: listed.allBut } : { in: listed } };
};

export const includes = (allowed: Allowed, tenantId: TenantId): boolean => allowed === 'all' || allowed.includes(tenantId);
