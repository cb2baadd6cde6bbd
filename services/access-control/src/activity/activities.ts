import { type JsonValue, type Recorded } from '#libs/event-sourcing/event';

/** What the log of a tenant can be filtered by. */
export const ACTIVITY_CATEGORIES = ['tenants', 'accounts', 'usage', 'contracts', 'users', 'access'] as const;
export type ActivityCategory = (typeof ACTIVITY_CATEGORIES)[number];

/** `warning`: somebody lost something, or acted in a way that an auditor looks for. */
export type ActivityLevel = 'info' | 'warning';

type Told = Readonly<{
  category: ActivityCategory;
  level?: ActivityLevel;
  message: string;
  /** Properties of the event that say what changed. No amount or rate of anybody is among them: a contract is told by its version. */
  changes: readonly string[];
}>;

/** What people did, by the event that it left. An event that is not here is a consequence, or nobody's business. */
const TOLD: Readonly<Record<string, Told>> = {
  TenantRegistered: {
    category: 'tenants',
    message: 'Registered a tenant',
    changes: ['tenantId', 'tier', 'name', 'customerCode', 'primaryDomain', 'currency'],
  },
  TenantProfileChanged: {
    category: 'tenants',
    message: 'Changed the profile',
    changes: ['tenantId', 'name', 'customerCode', 'primaryDomain'],
  },
  LinkedAccountLinked: {
    category: 'accounts',
    message: 'Linked an account',
    changes: ['tenantId', 'dataSourceId', 'accountId', 'from', 'to'],
  },
  LinkedAccountUnlinked: {
    category: 'accounts',
    message: 'Unlinked an account',
    changes: ['tenantId', 'dataSourceId', 'accountId', 'from'],
  },
  AutoAssignmentTurnedOn: {
    category: 'accounts',
    message: 'Turned automatic assignment on',
    changes: ['tenantId', 'dataSourceId', 'from', 'exclude'],
  },
  AutoAssignmentTurnedOff: {
    category: 'accounts',
    message: 'Turned automatic assignment off',
    changes: ['tenantId', 'dataSourceId', 'from'],
  },
  DataSourceRegistered: {
    category: 'usage',
    message: 'Registered a data source',
    changes: ['dataSourceId', 'managementAccountId', 'name', 'scheduleHours', 'ownPublishers'],
  },
  DataSourceChanged: {
    category: 'usage',
    message: 'Changed a data source',
    changes: ['dataSourceId', 'name', 'scheduleHours', 'ownPublishers'],
  },
  ContractDrafted: { category: 'contracts', message: 'Drafted a contract', changes: ['contractId', 'tier'] },
  ContractVersionSaved: {
    category: 'contracts',
    message: 'Saved a version of a contract',
    changes: ['contractId', 'version', 'effectiveFrom', 'reason'],
  },
  ContractStatusChanged: {
    category: 'contracts',
    message: 'Changed the status of a contract',
    changes: ['contractId', 'from', 'to', 'effectiveFrom', 'reason', 'supersededBy'],
  },
  CompanyProfileSaved: { category: 'tenants', message: 'Changed what the company says about itself', changes: ['tenantId'] },
  ContactAdded: { category: 'tenants', message: 'Added a contact', changes: ['contactId', 'contactType', 'name', 'email'] },
  ContactChanged: { category: 'tenants', message: 'Changed a contact', changes: ['contactId', 'contactType', 'name', 'email'] },
  ContactRemoved: { category: 'tenants', message: 'Removed a contact', changes: ['contactId'] },
  MembershipGranted: {
    category: 'users',
    message: 'Gave a user a role',
    changes: ['userId', 'role', 'roleId', 'extras', 'childTenantRole'],
  },
  MembershipDisabled: { category: 'users', level: 'warning', message: 'Disabled a user', changes: ['userId'] },
  MembershipEnabled: { category: 'users', message: 'Enabled a user', changes: ['userId'] },
  MembershipRevoked: { category: 'users', level: 'warning', message: 'Took a user out of the tenant', changes: ['userId'] },
  CustomerLinked: { category: 'access', message: 'Linked a user of a tenant above', changes: ['userId', 'role', 'roleId'] },
  CustomerLinkRoleChanged: {
    category: 'access',
    message: 'Changed the role of a linked user',
    changes: ['userId', 'role', 'roleId'],
  },
  CustomerLinkRevoked: {
    category: 'access',
    level: 'warning',
    message: 'Unlinked a user of a tenant above',
    changes: ['userId'],
  },
  AccessModelChosen: {
    category: 'access',
    level: 'warning',
    message: 'Chose whether roles carry over to customers',
    changes: ['accessModel'],
  },
  ActivityMirrorChosen: {
    category: 'access',
    message: 'Chose whether this log refers to what is done in customers',
    changes: ['mirror'],
  },
  RoleDefined: { category: 'access', message: 'Defined a role', changes: ['roleId', 'name', 'permissions'] },
  RoleRemoved: { category: 'access', level: 'warning', message: 'Removed a role', changes: ['roleId'] },
  ServiceAccountCreated: {
    category: 'access',
    message: 'Created a service account',
    changes: ['serviceAccountId', 'name', 'permissions'],
  },
  ServiceAccountScopeChanged: {
    category: 'access',
    message: 'Changed a service account',
    changes: ['serviceAccountId', 'name', 'permissions'],
  },
  ServiceAccountKeyIssued: { category: 'access', message: 'Issued a key', changes: ['serviceAccountId', 'number', 'until'] },
  ServiceAccountKeyRevoked: {
    category: 'access',
    level: 'warning',
    message: 'Revoked a key',
    changes: ['serviceAccountId', 'number'],
  },
  ServiceAccountRemoved: {
    category: 'access',
    level: 'warning',
    message: 'Removed a service account',
    changes: ['serviceAccountId'],
  },
  ImpersonationStarted: {
    category: 'access',
    level: 'warning',
    message: 'Began to act as a user',
    changes: ['impersonationId', 'userId', 'reason', 'until'],
  },
  ImpersonationEnded: { category: 'access', message: 'Ended acting as a user', changes: ['impersonationId', 'userId'] },
  DelegatedAccessRequested: {
    category: 'access',
    message: 'Asked for access for a while',
    changes: ['delegatedAccessId', 'userId', 'role', 'hours', 'reason'],
  },
  DelegatedAccessApproved: {
    category: 'access',
    level: 'warning',
    message: 'Granted access for a while',
    changes: ['delegatedAccessId', 'userId', 'until'],
  },
  DelegatedAccessDeclined: { category: 'access', message: 'Declined access', changes: ['delegatedAccessId', 'userId'] },
  DelegatedAccessEnded: { category: 'access', message: 'Ended access before its time', changes: ['delegatedAccessId', 'userId'] },
};

export type Activity = Readonly<{
  category: ActivityCategory;
  level: ActivityLevel;
  message: string;
  changes: Readonly<Record<string, JsonValue>>;
}>;

export const isTold = ({ type }: Pick<Recorded, 'type'>): boolean => type in TOLD;

/** @throws Error for an event that is not told */
export const activityOf = ({ type, data }: Pick<Recorded, 'type' | 'data'>): Activity => {
  const told = TOLD[type];
  if (!told) throw new Error(`${type} is told in no log`);
  const { category, level = 'info', message, changes } = told;
  return { category, level, message, changes: picked(data, changes) };
};

/** The tenant that the event itself names. */
export const tenantIn = (data: unknown): string | undefined => {
  const { tenantId } = picked(data, ['tenantId']);
  return typeof tenantId === 'string' ? tenantId : undefined;
};

const picked = (data: unknown, names: readonly string[]): Readonly<Record<string, JsonValue>> => {
  if (typeof data !== 'object' || data === null) return {};
  return Object.fromEntries(names.flatMap((name) => (name in data ? [[name, Reflect.get(data, name) as JsonValue]] : [])));
};
