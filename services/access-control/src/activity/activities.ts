import { shownData } from '#libs/access-policy/shown-data';
import { type Category, categoryOf, type JsonValue, type Recorded } from '#libs/event-sourcing/event';

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

/** What people did, by the event that it left. What is not here is a consequence, or nobody's business: the spec says which. */
const TOLD: Readonly<Record<string, Readonly<Record<string, Told>>>> = {
  'tenants.tenant': {
    TenantRegistered: { category: 'tenants', message: 'Registered a tenant' },
    TenantProfileChanged: { category: 'tenants', message: 'Changed the profile' },
  },
  'tenants.onboarding': {
    OnboardingTaskStarted: { category: 'tenants', message: 'Began a task of the onboarding' },
    OnboardingTaskSkipped: { category: 'tenants', message: 'Skipped a task of the onboarding' },
  },
  'tenants.companyProfile': {
    CompanyProfileSaved: { category: 'tenants', message: 'Changed what the company says about itself' },
  },
  'tenants.contacts': {
    ContactAdded: { category: 'tenants', message: 'Added a contact' },
    ContactChanged: { category: 'tenants', message: 'Changed a contact' },
    ContactRemoved: { category: 'tenants', message: 'Removed a contact' },
  },
  'tenants.linkedAccount': {
    LinkedAccountLinked: { category: 'accounts', message: 'Linked an account' },
    LinkedAccountUnlinked: { category: 'accounts', message: 'Unlinked an account' },
  },
  'tenants.autoAssignment': {
    AutoAssignmentTurnedOn: { category: 'accounts', message: 'Turned automatic assignment on' },
    AutoAssignmentTurnedOff: { category: 'accounts', message: 'Turned automatic assignment off' },
  },
  'ingestion.dataSource': {
    DataSourceRegistered: { category: 'usage', message: 'Registered a data source' },
    DataSourceChanged: { category: 'usage', message: 'Changed a data source' },
  },
  'ingestion.import': {
    ImportRequested: { category: 'usage', message: 'Asked for an import' },
    ImportCancelled: { category: 'usage', level: 'warning', message: 'Cancelled an import' },
  },
  'contracts.tenantContracts': {
    ContractDrafted: { category: 'contracts', message: 'Drafted a contract' },
    ContractVersionSaved: { category: 'contracts', message: 'Saved a version of a contract' },
    ContractStatusChanged: { category: 'contracts', message: 'Changed the status of a contract' },
  },
  'access-control.membership': {
    MembershipGranted: { category: 'users', message: 'Gave a user a role' },
    MembershipDisabled: { category: 'users', level: 'warning', message: 'Disabled a user' },
    MembershipEnabled: { category: 'users', message: 'Enabled a user' },
    MembershipRevoked: { category: 'users', level: 'warning', message: 'Took a user out of the tenant' },
  },
  'access-control.visits': {
    UserLoggedIn: { category: 'access', message: 'Logged in' },
    UserSwitchedIn: { category: 'access', message: 'Switched into the tenant' },
    UserLoggedOut: { category: 'access', message: 'Logged out' },
    UserLockedOut: {
      category: 'access',
      level: 'warning',
      message: 'Kept a user out for a while, after too many wrong passwords',
    },
  },
  'access-control.invitation': {
    InvitationSent: { category: 'users', message: 'Sent an invitation' },
    InvitationRevoked: { category: 'users', level: 'warning', message: 'Withdrew an invitation' },
    InvitationAccepted: { category: 'users', message: 'Accepted an invitation' },
  },
  'access-control.customerLink': {
    CustomerLinked: { category: 'access', message: 'Linked a user of a tenant above' },
    CustomerLinkRoleChanged: { category: 'access', message: 'Changed the role of a linked user' },
    CustomerLinkRevoked: { category: 'access', level: 'warning', message: 'Unlinked a user of a tenant above' },
  },
  'access-control.accessSettings': {
    AccessModelChosen: { category: 'access', level: 'warning', message: 'Chose whether roles carry over to customers' },
    ActivityMirrorChosen: { category: 'access', message: 'Chose whether this log refers to what is done in customers' },
  },
  'access-control.role': {
    RoleDefined: { category: 'access', message: 'Defined a role' },
    RoleRemoved: { category: 'access', level: 'warning', message: 'Removed a role' },
  },
  'access-control.serviceAccount': {
    ServiceAccountCreated: { category: 'access', message: 'Created a service account' },
    ServiceAccountScopeChanged: { category: 'access', message: 'Changed a service account' },
    ServiceAccountKeyIssued: { category: 'access', message: 'Issued a key' },
    ServiceAccountKeyRevoked: { category: 'access', level: 'warning', message: 'Revoked a key' },
    ServiceAccountRemoved: { category: 'access', level: 'warning', message: 'Removed a service account' },
  },
  'access-control.impersonation': {
    ImpersonationStarted: { category: 'access', level: 'warning', message: 'Began to act as a user' },
    ImpersonationEnded: { category: 'access', message: 'Ended acting as a user' },
  },
  'access-control.delegatedAccess': {
    DelegatedAccessRequested: { category: 'access', message: 'Asked for access for a while' },
    DelegatedAccessApproved: { category: 'access', level: 'warning', message: 'Granted access for a while' },
    DelegatedAccessDeclined: { category: 'access', message: 'Declined access' },
    DelegatedAccessEnded: { category: 'access', message: 'Ended access before its time' },
  },
};

/** Kinds of streams that hold something to tell. */
export const TOLD_CATEGORIES: readonly Category[] = Object.keys(TOLD).map((category) => category as Category);

const toldOf = ({ stream, type }: Pick<Recorded, 'stream' | 'type'>): Told | undefined => TOLD[categoryOf(stream)]?.[type];

export type Activity = Readonly<{
  category: ActivityCategory;
  level: ActivityLevel;
  message: string;
  changes: Readonly<Record<string, JsonValue>>;
}>;

export const isTold = (event: Pick<Recorded, 'stream' | 'type'>): boolean => toldOf(event) !== undefined;

/** @throws Error for an event that is not told */
export const activityOf = (event: Pick<Recorded, 'type' | 'data' | 'stream'>): Activity => {
  const told = toldOf(event);
  if (!told) throw new Error(`${event.type} is told in no log`);
  const { category, level = 'info', message } = told;
  return { category, level, message, changes: shownData(categoryOf(event.stream), event.type, event.data) ?? {} };
};

/** The tenant that the event itself names. */
export const tenantIn = (data: unknown): string | undefined => {
  const tenantId: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'tenantId') : undefined;
  return typeof tenantId === 'string' ? tenantId : undefined;
};
