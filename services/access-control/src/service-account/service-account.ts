import { type TenantPermission } from '#libs/access-policy/roles';
import { decider } from '#libs/event-sourcing/decider';
import { DomainError } from '#libs/event-sourcing/domain-error';
import { type Revision } from '#libs/event-sourcing/event';
import { type ServiceAccountEvent } from '#libs/published/acting';
import { type ServiceAccountId, type TenantId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { refuseUnmet } from '../role/needs.ts';

type Key = Readonly<{ number: number; until: Instant | null }>;

/** Undefined until it is created. */
export type ServiceAccount =
  | Readonly<{
      tenantId: TenantId;
      name: string;
      permissions: readonly TenantPermission[];
      /** How many were issued so far. */
      issued: number;
      /** Those that may count: however often keys are rotated, a few. */
      keys: readonly Key[];
      removed: boolean;
      /** That of its last event: its ETag. */
      revision: Revision;
    }>
  | undefined;

/** That count at a time: one can take the place of another while both do. */
const MOST_KEYS = 5;

export const serviceAccount = decider<ServiceAccount, ServiceAccountEvent, ServiceAccountId>(
  'access-control.serviceAccount',
  undefined,
  (before, { type, data }, revision) => {
    if (type === 'ServiceAccountCreated') {
      const { tenantId, name, permissions } = data;
      return { tenantId, name, permissions, issued: 0, keys: [], removed: false, revision };
    }
    if (!before) throw new Error(`${type} before the service account was created`);
    const account = { ...before, revision };
    switch (type) {
      case 'ServiceAccountScopeChanged':
        return { ...account, name: data.name, permissions: data.permissions };
      case 'ServiceAccountKeyIssued': {
        const { number, until, issuedAt } = data;
        return { ...account, issued: number, keys: [...counting(account.keys, issuedAt), { number, until }] };
      }
      case 'ServiceAccountKeyRevoked':
        return { ...account, keys: account.keys.filter(({ number }) => number !== data.number) };
      case 'ServiceAccountRemoved':
        return { ...account, removed: true };
    }
  },
);

const counting = (keys: readonly Key[], now: Instant): readonly Key[] =>
  keys.filter(({ until }) => until === null || until > now);

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
  if (account?.tenantId !== tenantId || account.removed)
    throw new DomainError('not-found', 'service-account-not-found', 'The tenant has no such service account.');
  return account;
};

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
    const { issued, keys } = own(account, of.tenantId);
    if (until !== null && until <= now)
      throw new DomainError('rejected', 'key-ends-in-the-past', 'The key would have ended already.', [
        { path: 'until', message: 'must lie ahead' },
      ]);
    if (counting(keys, now).length >= MOST_KEYS)
      throw new DomainError(
        'rejected',
        'too-many-keys',
        `The service account has ${String(MOST_KEYS)} keys that count: revoke one of them first.`,
      );
    return [{ type: 'ServiceAccountKeyIssued', data: { ...of, number: issued + 1, issuedAt: now, until } }];
  };

export const revokeKey =
  (of: Of, number: number, now: Instant) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    const { issued, keys } = own(account, of.tenantId);
    if (!Number.isInteger(number) || number < 1 || number > issued)
      throw new DomainError('not-found', 'key-not-found', 'The service account has no such key.');
    const revoked = !keys.some((key) => key.number === number);
    return revoked ? [] : [{ type: 'ServiceAccountKeyRevoked', data: { ...of, number, revokedAt: now } }];
  };

export const remove =
  (of: Of, now: Instant) =>
  (account: ServiceAccount): ServiceAccountEvent[] => {
    if (account?.tenantId === of.tenantId && account.removed) return [];
    own(account, of.tenantId);
    return [{ type: 'ServiceAccountRemoved', data: { ...of, removedAt: now } }];
  };
