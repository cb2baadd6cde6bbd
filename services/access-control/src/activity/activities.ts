import { shownData } from '#libs/access-policy/shown-data';
import { categoryOf, type JsonValue, type Recorded } from '#libs/event-sourcing/event';

/** What the log of a tenant can be filtered by. */
export const ACTIVITY_CATEGORIES = ['tenants', 'accounts', 'usage', 'contracts', 'users', 'access'] as const;
export type ActivityCategory = (typeof ACTIVITY_CATEGORIES)[number];

/** `warning`: somebody lost something, or acted in a way that an auditor looks for. */
export type ActivityLevel = 'info' | 'warning';

type Told = Readonly<{
  category: ActivityCategory;
  level?: ActivityLevel;
  message: string;
}>;

/** What people did, by the event that it left. An event that is not here is a consequence, or nobody's business. */
const TOLD: Readonly<Record<string, Told>> = {
  TenantRegistered: {
    category: 'tenants',
    message: 'Registered a tenant',
  },
  TenantProfileChanged: {
    category: 'tenants',
    message: 'Changed the profile',
  },
  LinkedAccountLinked: {
    category: 'accounts',
    message: 'Linked an account',
  },
  LinkedAccountUnlinked: {
    category: 'accounts',
    message: 'Unlinked an account',
  },
  AutoAssignmentTurnedOn: {
    category: 'accounts',
    message: 'Turned automatic assignment on',
  },
  AutoAssignmentTurnedOff: {
    category: 'accounts',
    message: 'Turned automatic assignment off',
  },
  DataSourceRegistered: {
    category: 'usage',
    message: 'Registered a data source',
  },
  DataSourceChanged: {
    category: 'usage',
    message: 'Changed a data source',
  },
  ContractDrafted: { category: 'contracts', message: 'Drafted a contract' },
  ContractVersionSaved: {
    category: 'contracts',
    message: 'Saved a version of a contract',
  },
  ContractStatusChanged: {
    category: 'contracts',
    message: 'Changed the status of a contract',
  },
  CompanyProfileSaved: { category: 'tenants', message: 'Changed what the company says about itself' },
  ContactAdded: { category: 'tenants', message: 'Added a contact' },
  ContactChanged: { category: 'tenants', message: 'Changed a contact' },
  ContactRemoved: { category: 'tenants', message: 'Removed a contact' },
  MembershipGranted: {
    category: 'users',
    message: 'Gave a user a role',
  },
  MembershipDisabled: { category: 'users', level: 'warning', message: 'Disabled a user' },
  MembershipEnabled: { category: 'users', message: 'Enabled a user' },
  MembershipRevoked: { category: 'users', level: 'warning', message: 'Took a user out of the tenant' },
  CustomerLinked: { category: 'access', message: 'Linked a user of a tenant above' },
  CustomerLinkRoleChanged: {
    category: 'access',
    message: 'Changed the role of a linked user',
  },
  CustomerLinkRevoked: {
    category: 'access',
    level: 'warning',
    message: 'Unlinked a user of a tenant above',
  },
  AccessModelChosen: {
    category: 'access',
    level: 'warning',
    message: 'Chose whether roles carry over to customers',
  },
  ActivityMirrorChosen: {
    category: 'access',
    message: 'Chose whether this log refers to what is done in customers',
  },
  RoleDefined: { category: 'access', message: 'Defined a role' },
  RoleRemoved: { category: 'access', level: 'warning', message: 'Removed a role' },
  ServiceAccountCreated: {
    category: 'access',
    message: 'Created a service account',
  },
  ServiceAccountScopeChanged: {
    category: 'access',
    message: 'Changed a service account',
  },
  ServiceAccountKeyIssued: { category: 'access', message: 'Issued a key' },
  ServiceAccountKeyRevoked: {
    category: 'access',
    level: 'warning',
    message: 'Revoked a key',
  },
  ServiceAccountRemoved: {
    category: 'access',
    level: 'warning',
    message: 'Removed a service account',
  },
  ImpersonationStarted: {
    category: 'access',
    level: 'warning',
    message: 'Began to act as a user',
  },
  ImpersonationEnded: { category: 'access', message: 'Ended acting as a user' },
  DelegatedAccessRequested: {
    category: 'access',
    message: 'Asked for access for a while',
  },
  DelegatedAccessApproved: {
    category: 'access',
    level: 'warning',
    message: 'Granted access for a while',
  },
  DelegatedAccessDeclined: { category: 'access', message: 'Declined access' },
  DelegatedAccessEnded: { category: 'access', message: 'Ended access before its time' },
};

export type Activity = Readonly<{
  category: ActivityCategory;
  level: ActivityLevel;
  message: string;
  changes: Readonly<Record<string, JsonValue>>;
}>;

export const isTold = ({ type }: Pick<Recorded, 'type'>): boolean => type in TOLD;

/** @throws Error for an event that is not told */
export const activityOf = ({ type, data, stream }: Pick<Recorded, 'type' | 'data' | 'stream'>): Activity => {
  const told = TOLD[type];
  if (!told) throw new Error(`${type} is told in no log`);
  const { category, level = 'info', message } = told;
  return { category, level, message, changes: shownData(categoryOf(stream), type, data) ?? {} };
};

/** The tenant that the event itself names. */
export const tenantIn = (data: unknown): string | undefined => {
  const tenantId: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'tenantId') : undefined;
  return typeof tenantId === 'string' ? tenantId : undefined;
};
