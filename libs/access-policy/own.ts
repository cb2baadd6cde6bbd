import { type TenantId } from '#libs/published/ids';
import { type Membership, type Standing } from './policy.ts';

type Held = Pick<Membership, 'tenantId' | 'role'>;
type Person = Readonly<{ memberships: readonly Held[]; within?: Standing }>;

/** What somebody is in person, in whatever context and as whomever they act. */
export const inPerson = (standing: Standing): Standing => standing.within ?? standing;

/**
 * The membership of the tenant at the end of `path` that somebody has who is one of its own users in person, and of no tenant above,
 * nor of the platform: whoever is that as well decides and sees as from there.
 */
export const ownMembership = ({ memberships, within }: Person, path: readonly TenantId[]): Held | undefined => {
  if (within) return ownMembership(within, path);
  const held = memberships.filter(({ tenantId }) => tenantId === 'platform' || path.includes(tenantId));
  return held.every(({ tenantId }) => tenantId === path.at(-1)) ? held[0] : undefined;
};
