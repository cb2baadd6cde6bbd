import { type Category, type JsonValue } from '#libs/event-sourcing/event';

/**
 * What tenants are told of an event, in an activity log and in the feed of events, whatever their tier: by category and type, the
 * properties of its data. No amount, rate or price is among them, nothing that only a tenant above may know, and no tenant beside: a
 * contract is told by its version, a bill by its month; whoever reads the thing itself gets what they may see of it. An event that is
 * not here is shown to nobody.
 */
const SHOWN: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'tenants.tenant': {
    TenantRegistered: ['tenantId', 'tier', 'name', 'customerCode', 'primaryDomain', 'currency', 'mode'],
    TenantProfileChanged: ['tenantId', 'name', 'customerCode', 'primaryDomain'],
  },
  'tenants.linkedAccount': {
    LinkedAccountLinked: ['tenantId', 'dataSourceId', 'managementAccountId', 'accountId', 'from', 'to'],
    LinkedAccountUnlinked: ['tenantId', 'dataSourceId', 'managementAccountId', 'accountId', 'from'],
  },
  'tenants.autoAssignment': {
    AutoAssignmentTurnedOn: ['tenantId', 'dataSourceId', 'from', 'exclude'],
    AutoAssignmentTurnedOff: ['tenantId', 'dataSourceId', 'from'],
  },
  'tenants.contacts': {
    ContactAdded: ['tenantId', 'contactId', 'contactType', 'name', 'email', 'phone', 'billingAccount'],
    ContactChanged: ['tenantId', 'contactId', 'contactType', 'name', 'email', 'phone', 'billingAccount'],
    ContactRemoved: ['tenantId', 'contactId'],
  },
  'tenants.companyProfile': { CompanyProfileSaved: ['tenantId', 'legalName', 'taxId', 'phone', 'website', 'address'] },
  'tenants.onboarding': {
    OnboardingTaskStarted: ['tenantId', 'task'],
    OnboardingTaskSkipped: ['tenantId', 'task', 'reason'],
  },
  'ingestion.dataSource': {
    DataSourceRegistered: ['tenantId', 'dataSourceId', 'managementAccountId', 'name', 'scheduleHours', 'ownPublishers'],
    DataSourceChanged: ['dataSourceId', 'name', 'scheduleHours', 'ownPublishers'],
  },
  'ingestion.import': {
    ImportRequested: ['tenantId', 'importId', 'format'],
    ImportFinished: ['tenantId', 'importId', 'format', 'rows'],
    ImportFailed: ['tenantId', 'importId', 'problemCount'],
    ImportCancelled: ['tenantId', 'importId'],
  },
  'ingestion.usageMonth': { UsageImported: ['tenantId', 'dataSourceId', 'managementAccountId', 'month', 'importId'] },
  'contracts.tenantContracts': {
    ContractDrafted: ['tenantId', 'contractId', 'tier'],
    ContractVersionSaved: ['tenantId', 'contractId', 'version', 'effectiveFrom', 'reason'],
    ContractStatusChanged: ['tenantId', 'contractId', 'from', 'to', 'effectiveFrom', 'reason', 'supersededBy'],
  },
  'invoicing.bill': { BillRevised: ['tenantId', 'month'] },
  'access-control.membership': {
    MembershipGranted: ['tenantId', 'userId', 'role', 'roleId', 'extras', 'childTenantRole'],
    MembershipDisabled: ['tenantId', 'userId'],
    MembershipEnabled: ['tenantId', 'userId'],
    MembershipRevoked: ['tenantId', 'userId'],
  },
  'access-control.visits': {
    UserLoggedIn: ['tenantId', 'userId', 'method'],
    UserSwitchedIn: ['tenantId', 'userId'],
    UserLoggedOut: ['tenantId', 'userId', 'everywhere'],
    UserLockedOut: ['tenantId', 'userId', 'until'],
  },
  'access-control.invitation': {
    InvitationSent: [
      'tenantId',
      'invitationId',
      'email',
      'name',
      'jobFunction',
      'role',
      'roleId',
      'extras',
      'childTenantRole',
      'round',
      'expiresAt',
    ],
    InvitationRevoked: ['tenantId', 'invitationId'],
    InvitationAccepted: ['tenantId', 'invitationId', 'userId'],
  },
  'access-control.customerLink': {
    CustomerLinked: ['tenantId', 'userId', 'role', 'roleId'],
    CustomerLinkRoleChanged: ['tenantId', 'userId', 'role', 'roleId'],
    CustomerLinkRevoked: ['tenantId', 'userId'],
  },
  'access-control.accessSettings': {
    AccessModelChosen: ['tenantId', 'accessModel'],
    ActivityMirrorChosen: ['tenantId', 'mirror'],
  },
  'access-control.role': {
    RoleDefined: ['tenantId', 'roleId', 'name', 'permissions'],
    RoleRemoved: ['tenantId', 'roleId'],
  },
  'access-control.serviceAccount': {
    ServiceAccountCreated: ['tenantId', 'serviceAccountId', 'name', 'permissions'],
    ServiceAccountScopeChanged: ['tenantId', 'serviceAccountId', 'name', 'permissions'],
    ServiceAccountKeyIssued: ['tenantId', 'serviceAccountId', 'number', 'until'],
    ServiceAccountKeyRevoked: ['tenantId', 'serviceAccountId', 'number'],
    ServiceAccountRemoved: ['tenantId', 'serviceAccountId'],
  },
  'access-control.impersonation': {
    ImpersonationStarted: ['tenantId', 'impersonationId', 'userId', 'reason', 'until'],
    ImpersonationEnded: ['tenantId', 'impersonationId', 'userId'],
  },
  'access-control.delegatedAccess': {
    DelegatedAccessRequested: ['tenantId', 'delegatedAccessId', 'userId', 'role', 'hours', 'reason'],
    DelegatedAccessApproved: ['tenantId', 'delegatedAccessId', 'userId', 'from', 'until'],
    DelegatedAccessDeclined: ['tenantId', 'delegatedAccessId', 'userId'],
    DelegatedAccessEnded: ['tenantId', 'delegatedAccessId', 'userId'],
  },
};

export const SHOWN_CATEGORIES: readonly Category[] = Object.keys(SHOWN).map((category) => category as Category);

/** Undefined: the event is shown to nobody. */
export const shownData = (category: Category, type: string, data: unknown): Readonly<Record<string, JsonValue>> | undefined => {
  const names = SHOWN[category]?.[type];
  if (!names || typeof data !== 'object' || data === null) return undefined;
  return Object.fromEntries(names.flatMap((name) => (name in data ? [[name, Reflect.get(data, name) as JsonValue]] : [])));
};
