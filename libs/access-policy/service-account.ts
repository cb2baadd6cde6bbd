import { type Revision } from '#libs/event-sourcing/event';
import { type ServiceAccountEvent } from '#libs/published/acting';
import { type ServiceAccountId, type TenantId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { type Instant } from '#libs/time/time';
import { type TenantPermission } from './roles.ts';

/** `until`: it counts no longer then; null: until it is revoked. */
export type ServiceAccountKey = Readonly<{ number: number; issuedAt: Instant; until: Instant | null; revokedAt: Instant | null }>;

/** Another system that acts for a tenant. */
export type ServiceAccountRow = Readonly<{
  id: ServiceAccountId;
  tenantId: TenantId;
  name: string;
  /** `alphabetical`: what lists sort the name by. */
  nameOrder: string;
  permissions: readonly TenantPermission[];
  createdAt: Instant;
  /** Those that count, and the last few that no longer do, in the order of their numbers. */
  keys: readonly ServiceAccountKey[];
  /** Null while it is there; what it did keeps its name. */
  removedAt: Instant | null;
  /** That of its last event: its ETag. */
  revision: Revision;
}>;

/** However often keys are rotated, what is asked on every request stays short; the activity log tells of all of them. */
const ENDED_SHOWN = 10;

const lasts = ({ until, revokedAt }: ServiceAccountKey, now: Instant): boolean =>
  revokedAt === null && (until === null || until > now);

const shownAt = (keys: readonly ServiceAccountKey[], now: Instant): readonly ServiceAccountKey[] => {
  const forgotten = new Set(keys.filter((key) => !lasts(key, now)).slice(0, -ENDED_SHOWN));
  return keys.filter((key) => !forgotten.has(key));
};

/** A service account after one more event: what is decided on, and what is shown. */
export const serviceAccountAfter = (
  known: ServiceAccountRow | undefined,
  { type, data }: ServiceAccountEvent,
  revision: Revision,
): ServiceAccountRow => {
  if (type === 'ServiceAccountCreated') {
    const { serviceAccountId: id, tenantId, name, permissions, createdAt } = data;
    return { id, tenantId, name, nameOrder: alphabetical(name), permissions, createdAt, keys: [], removedAt: null, revision };
  }
  if (!known) throw new Error(`${type} before the service account was created`);
  const before = { ...known, revision };
  switch (type) {
    case 'ServiceAccountScopeChanged':
      return { ...before, name: data.name, nameOrder: alphabetical(data.name), permissions: data.permissions };
    case 'ServiceAccountKeyIssued': {
      const { number, issuedAt, until } = data;
      return { ...before, keys: [...shownAt(before.keys, issuedAt), { number, issuedAt, until, revokedAt: null }] };
    }
    case 'ServiceAccountKeyRevoked': {
      const { number, revokedAt } = data;
      return { ...before, keys: before.keys.map((key) => (key.number === number ? { ...key, revokedAt } : key)) };
    }
    case 'ServiceAccountRemoved':
      return { ...before, removedAt: data.removedAt };
  }
};

/** @param now of the wall clock */
export const keyCounts = ({ keys, removedAt }: ServiceAccountRow, number: number, now: Instant): boolean => {
  const key = keys.find((one) => one.number === number);
  return removedAt === null && key !== undefined && lasts(key, now);
};
