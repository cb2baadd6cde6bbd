import { accessSettings } from '#libs/access-policy/access-settings.projection';
import { impersonations } from '#libs/access-policy/impersonations.projection';
import { membershipId, memberships } from '#libs/access-policy/memberships.projection';
import { decide, effective, type Standing } from '#libs/access-policy/policy';
import { customRole } from '#libs/access-policy/roles';
import { keyCounts } from '#libs/access-policy/service-account';
import { serviceAccounts } from '#libs/access-policy/service-accounts.projection';
import { standingOf } from '#libs/access-policy/standing';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { userAccess } from '#libs/access-policy/user-access.projection';
import { type Revision, type WayOfActing } from '#libs/event-sourcing/event';
import { type ImpersonationId, type RoleId, type TenantId, type UserId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { sabotaged } from '#libs/sabotage';
import { systemClock } from '#libs/time/time';
import { type ActingClaims, type Origin, type VerifiedToken } from './access-tokens.ts';
import { type Caller, homeOf } from './caller.ts';
import { Unauthenticated } from './problem.ts';

type Claims<Kind extends ActingClaims['kind']> = Extract<ActingClaims, { kind: Kind }>;

/** As whom somebody is here, and with what. */
export type Identity = Readonly<{
  userId: UserId;
  standing: Standing;
  /** How they came to be that; absent: they logged in. */
  via?: WayOfActing;
  /** The person, where it is not the user. */
  actor?: Readonly<{ id: UserId; reason: string }>;
  impersonationId?: ImpersonationId;
  /** The tenant into whose context they have switched. */
  onBehalfOf?: TenantId;
  /** The tenant as whose user the person is here, where the standing does not say it. */
  home?: TenantId | 'platform';
}>;

/**
 * Whom a token stands for at present; undefined: nobody any longer. Whatever a token rests on is looked up on every request: the
 * person's access, what let them switch or impersonate, the key of a service account.
 */
export const identityOf = async (readModels: ReadModels, token: VerifiedToken): Promise<Identity | undefined> => {
  if (!remembers) return lookedUp(readModels, token);
  const identity = remembered.get(token) ?? (await lookedUp(readModels, token));
  if (identity) remembered.set(token, identity);
  return identity;
};

/** Sabotaged: whoever was let in once stays in as long as their token is known. */
const remembers = sabotaged('revocation');
const remembered = new WeakMap<VerifiedToken, Identity>();

const lookedUp = async (readModels: ReadModels, token: VerifiedToken): Promise<Identity | undefined> => {
  const { acting } = token;
  if (acting?.kind === 'service-account') return serviceAccountOf(readModels, token.userId, acting);
  const person = acting?.kind === 'impersonation' ? acting.actorId : token.userId;
  if (!(await counts(readModels, person, token))) return undefined;
  const standing = await standingOf(readModels, person);
  if (acting === null) return { userId: person, standing };
  if ((await memberSince(readModels, acting.origTenant, person)) !== acting.origSince) return undefined;
  switch (acting.kind) {
    case 'switch':
      return switched(readModels, person, standing, acting);
    case 'impersonation':
      return impersonated(readModels, token.userId, standing, acting);
  }
};

/**
 * The membership at present, by the revision at which it began; undefined: none. What was begun by an earlier one ended with it:
 * whoever has left a tenant and come back begins anew.
 */
const memberSince = async (
  readModels: ReadModels,
  tenantId: TenantId | 'platform',
  userId: UserId,
): Promise<Revision | undefined> => (await readModels.of(memberships).get(membershipId(tenantId, userId)))?.since;

/**
 * What a context that the caller opens rests on.
 * @throws Unauthenticated when they have left meanwhile
 */
export const originOf = async (readModels: ReadModels, caller: Caller): Promise<Origin> => {
  const origTenant = homeOf(caller);
  if (origTenant === null) throw new Error('somebody acts elsewhere who is of no tenant');
  const origSince = await memberSince(readModels, origTenant, caller.userId);
  if (origSince === undefined) throw new Unauthenticated();
  return { origTenant, origSince };
};

/** Whether the person's access is open, and the login that the token stems from has not been ended. */
const counts = async (
  readModels: ReadModels,
  person: UserId,
  { sessionId, authenticatedAt }: VerifiedToken,
): Promise<boolean> => {
  const access = await readModels.of(userAccess).get(person);
  if (access?.open !== true) return false;
  if (sessionId !== null && Object.hasOwn(access.endedSessions, sessionId)) return false;
  return access.issuedSince === null || authenticatedAt >= Date.parse(access.issuedSince);
};

/** What it was given, on the tenant and all below: as a role that nobody else has. */
const serviceAccountOf = async (
  readModels: ReadModels,
  userId: UserId,
  { number }: Claims<'service-account'>,
): Promise<Identity | undefined> => {
  const account = await readModels.of(serviceAccounts).get(userId);
  if (!account || !keyCounts(account, number, systemClock.now())) return undefined;
  const role = customRole(account.id as string as RoleId);
  return {
    userId,
    via: 'key',
    standing: {
      memberships: [{ tenantId: account.tenantId, role, carriesOver: true }],
      links: [],
      bundles: new Map([[role, new Set(account.permissions)]]),
    },
  };
};

/**
 * As one of the tenant's own, with the role that they have in it: whoever reaches it as an Admin is Admin there. What shuts them out
 * further below does so here, too.
 */
const nativeStanding = async (
  readModels: ReadModels,
  standing: Standing,
  tenantId: TenantId,
  path: readonly TenantId[],
): Promise<Standing | undefined> => {
  if (decide(standing, 'tenants:switch', path) !== 'allowed') return undefined;
  const found = effective(standing, path);
  if (!found) return undefined;
  const carriesOver = (await readModels.of(accessSettings).get(tenantId))?.accessModel === 'carryOver';
  const memberships = found.roles.map((role) => ({ tenantId, role: role === 'operator' ? 'admin' : role, carriesOver }) as const);
  return { memberships, links: [], ...(standing.bundles && { bundles: standing.bundles }), within: standing };
};

const switched = async (
  readModels: ReadModels,
  userId: UserId,
  standing: Standing,
  { tenantId, origTenant }: Claims<'switch'>,
): Promise<Identity | undefined> => {
  const tenant = await readModels.of(tenantTree).get(tenantId);
  const native = tenant && (await nativeStanding(readModels, standing, tenantId, tenant.path));
  return native && { userId, standing: native, via: 'switch', onBehalfOf: tenantId, home: origTenant };
};

const impersonated = async (
  readModels: ReadModels,
  userId: UserId,
  ofActor: Standing,
  { impersonationId, actorId, tenantId, origTenant, since }: Claims<'impersonation'>,
): Promise<Identity | undefined> => {
  const row = await readModels.of(impersonations).get(impersonationId);
  if (row?.endedAt !== null || row.until <= systemClock.now() || row.userId !== userId || row.actorId !== actorId)
    return undefined;
  if ((await memberSince(readModels, tenantId, userId)) !== since) return undefined;
  const access = await readModels.of(userAccess).get(userId);
  const standing = await standingOf(readModels, userId);
  if (access?.open !== true || !(await mayImpersonate(readModels, ofActor, standing))) return undefined;
  return {
    userId,
    standing: { ...standing, within: ofActor },
    via: 'impersonation',
    actor: { id: actorId, reason: row.reason },
    impersonationId,
    home: origTenant,
  };
};

/**
 * Whether everything that the one may anywhere lies where the other may impersonate users: so nobody gets beyond their own reach, and
 * never to a user of a tenant above, or of the platform.
 */
export const mayImpersonate = async (readModels: ReadModels, actor: Standing, user: Standing): Promise<boolean> => {
  const places = new Set([...user.memberships, ...user.links].map(({ tenantId }) => tenantId));
  for (const tenantId of places) {
    const tenant = tenantId === 'platform' ? undefined : await readModels.of(tenantTree).get(tenantId);
    if (decide(actor, 'users:impersonate', tenant?.path) !== 'allowed') return false;
  }
  return places.size > 0;
};
