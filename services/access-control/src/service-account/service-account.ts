import { type TenantPermission } from '#libs/access-policy/roles';
import { keyCounts, serviceAccountAfter, type ServiceAccountRow } from '#libs/access-policy/service-account';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type ServiceAccountEvent } from '#libs/published/acting';
import { type ServiceAccountId, type TenantId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { refuseUnmet } from '../role/needs.ts';

/** Undefined until it is created. */
export type ServiceAccount = ServiceAccountRow | undefined;

/** That count at a time: one can take the place of another while both do. */
const MOST_KEYS = 5;

export const serviceAccount = decider<ServiceAccount, ServiceAccountEvent, ServiceAccountId>(
  'access-control.serviceAccount',
  undefined,
  serviceAccountAfter,
);

export type NewServiceAccount = Readonly<{
  serviceAccountId: ServiceAccountId;
  tenantId: TenantId;
  path: readonly TenantId[];
  name: string;
  permissions: readonly TenantPermission[];
}>;

export const create =
  (wanted: NewServiceAccount, now: Instant) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    if (account) throw new DomainError('conflict', 'service-account-exists', 'This service account exists already.');
    refuseUnmet(wanted.permissions);
    return [{ type: 'ServiceAccountCreated', data: { ...wanted, createdAt: now } }];
  };

/** @throws DomainError `not-found` for one that is not this tenant's, or is removed */
const own = (account: ServiceAccount, tenantId: TenantId): NonNullable<ServiceAccount> => {
  if (account?.tenantId !== tenantId || account.removedAt !== null)
    throw new DomainError('not-found', 'service-account-not-found', 'The tenant has no such service account.');
  return account;
};

/** How many keys were issued so far: the last one is always among those known. */
const issuedIn = ({ keys }: ServiceAccountRow): number => keys.at(-1)?.number ?? 0;

/** The numbers of those that count. */
export const countingKeys = (account: ServiceAccountRow, now: Instant): readonly number[] =>
  account.keys.map(({ number }) => number).filter((number) => keyCounts(account, number, now));

type Of = Readonly<{ serviceAccountId: ServiceAccountId; tenantId: TenantId }>;

export const changeScope =
  (of: Of, change: Partial<Readonly<{ name: string; permissions: readonly TenantPermission[] }>>) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    const { name, permissions } = own(account, of.tenantId);
    refuseUnmet(change.permissions ?? []);
    const changed = { name, permissions, ...change };
    const same = changed.name === name && JSON.stringify(changed.permissions) === JSON.stringify(permissions);
    return same ? [] : [{ type: 'ServiceAccountScopeChanged', data: { ...of, ...changed } }];
  };

/** It has the next number: of two at the same time each has its own. */
export const issueKey =
  (of: Of, until: Instant | null, now: Instant) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    const known = own(account, of.tenantId);
    if (until !== null && until <= now)
      throw new DomainError('rejected', 'key-ends-in-the-past', 'The key would have ended already.', [
        { path: 'until', message: 'must lie ahead' },
      ]);
    if (countingKeys(known, now).length >= MOST_KEYS)
      throw new DomainError(
        'rejected',
        'too-many-keys',
        `The service account has ${String(MOST_KEYS)} keys that count: revoke one of them first.`,
      );
    return [{ type: 'ServiceAccountKeyIssued', data: { ...of, number: issuedIn(known) + 1, issuedAt: now, until } }];
  };

export const revokeKey =
  (of: Of, number: number, now: Instant) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    const known = own(account, of.tenantId);
    if (!Number.isInteger(number) || number < 1 || number > issuedIn(known))
      throw new DomainError('not-found', 'key-not-found', 'The service account has no such key.');
    return keyCounts(known, number, now) ? [{ type: 'ServiceAccountKeyRevoked', data: { ...of, number, revokedAt: now } }] : [];
  };

export const remove =
  (of: Of, now: Instant) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    if (account?.tenantId === of.tenantId && account.removedAt !== null) return [];
    own(account, of.tenantId);
    return [{ type: 'ServiceAccountRemoved', data: { ...of, removedAt: now } }];
  };
