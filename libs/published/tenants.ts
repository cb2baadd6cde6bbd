import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type Day, type Instant } from '#libs/time/time';
import {
  type ContactId,
  type DataSourceId,
  type InvitationId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
  type UserId,
} from './ids.ts';
import { type HealthStatus } from './ingestion.ts';

export type Tier = 'distributor' | 'reseller' | 'endCustomer';

/**
 * - `add`: nobody is told; whoever adds it hands over the login
 * - `wizard`: listed at once, its admin is invited next or later
 * - `invite`: listed once an invited admin has accepted and set up the account
 */
export type CreationMode = 'add' | 'wizard' | 'invite';

/** Stream `tenants.tenant-<tenantId>`. */
export type TenantEvent =
  | DomainEvent<
      'TenantRegistered',
      {
        tenantId: TenantId;
        /** From the root to the tenant itself: a tenant never moves. The first is the root, the last but one the parent. */
        path: readonly TenantId[];
        tier: Tier;
        name: string;
        customerCode: string | null;
        primaryDomain: string | null;
        currency: Currency;
        registeredAt: Instant;
        /** How it came to be; left out: added. */
        mode?: CreationMode;
      }
    >
  | DomainEvent<
      'TenantProfileChanged',
      { tenantId: TenantId; path: readonly TenantId[]; name: string; customerCode: string | null; primaryDomain: string | null }
    >;

/** Stream `tenants.linkedAccount-<dataSourceId>~<account>`: to whom the account belongs since which day. */
export type LinkedAccountEvent =
  | DomainEvent<
      'LinkedAccountLinked',
      {
        dataSourceId: DataSourceId;
        managementAccountId: ManagementAccountId;
        accountId: LinkedAccountId;
        tenantId: TenantId;
        /** Root of the tenant's tree. */
        rootId: TenantId;
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        /** First day; null: since the beginning. Replaces whatever held on the days of [from, to); other days stay as they were. */
        from: Day | null;
        /** First day no longer; null: without end. */
        to: Day | null;
        /** Other tenants that held a day of [from, to): those days are no longer theirs. */
        takenFrom: readonly TenantId[];
      }
    >
  /** The tenant no longer holds the account on any day from `from` on; what others hold stays. */
  | DomainEvent<
      'LinkedAccountUnlinked',
      {
        dataSourceId: DataSourceId;
        managementAccountId: ManagementAccountId;
        accountId: LinkedAccountId;
        tenantId: TenantId;
        rootId: TenantId;
        /** First day no longer. */
        from: Day;
      }
    >;

/** Stream `tenants.autoAssignment-<dataSourceId>`: which one customer takes in the accounts that nobody holds. */
export type AutoAssignmentEvent =
  | DomainEvent<
      'AutoAssignmentTurnedOn',
      {
        dataSourceId: DataSourceId;
        managementAccountId: ManagementAccountId;
        tenantId: TenantId;
        rootId: TenantId;
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        /** First day; null: since the beginning. Without end; replaces what the same tenant had from that day on. */
        from: Day | null;
        /** Whole-name patterns; an account whose name (or, without one, id) matches any is left out. */
        exclude: readonly string[];
      }
    >
  /** The tenant no longer has it on from `from` on. */
  | DomainEvent<
      'AutoAssignmentTurnedOff',
      { dataSourceId: DataSourceId; managementAccountId: ManagementAccountId; tenantId: TenantId; rootId: TenantId; from: Day }
    >;

/** `admin`, `technical` (maintenance, outages), `billing` and `requestAlias`. A contact is no user and cannot log in. */
export type ContactType = 'admin' | 'technical' | 'billing' | 'requestAlias';

type ContactDetails = Readonly<{
  tenantId: TenantId;
  /** Of the tenant, from the root. */
  path: readonly TenantId[];
  contactId: ContactId;
  contactType: ContactType;
  name: string;
  /** May be that of a distribution list. */
  email: string;
  phone: string | null;
  /** The one account that a billing contact is for; null: all of them. */
  billingAccount: string | null;
}>;

/** Stream `tenants.contacts-<tenantId>`: all contacts of one company. Personal data. */
export type ContactEvent =
  | DomainEvent<'ContactAdded', ContactDetails>
  /** The whole contact as it is now. */
  | DomainEvent<'ContactChanged', ContactDetails>
  | DomainEvent<'ContactRemoved', { tenantId: TenantId; path: readonly TenantId[]; contactId: ContactId }>;

export type Address = Readonly<{
  line1: string;
  line2: string | null;
  city: string;
  region: string | null;
  postalCode: string | null;
  /** ISO 3166-1, two letters. */
  country: string;
}>;

/** Stream `tenants.companyProfile-<tenantId>`: the whole profile as it is now. */
export type CompanyProfileEvent = DomainEvent<
  'CompanyProfileSaved',
  {
    tenantId: TenantId;
    /** Of the tenant, from the root. */
    path: readonly TenantId[];
    legalName: string | null;
    taxId: string | null;
    phone: string | null;
    website: string | null;
    address: Address | null;
  }
>;

/** What is to be done before a tenant is set up; which of them concern it, its tier says. */
export type OnboardingTask =
  | 'activateAccount'
  | 'createBaseContract'
  | 'addTenant'
  | 'createContract'
  | 'inviteAdmin'
  | 'addCustomer'
  | 'assignContract'
  | 'connectCloudAccount';

type OfOnboarding<Data> = Readonly<{ tenantId: TenantId; /** Of the tenant, from the root. */ path: readonly TenantId[] }> & Data;

/** Stream `tenants.onboarding-<tenantId>`: what happened on the way, beside the tenant's own profile and contracts. */
export type OnboardingEvent =
  | DomainEvent<'OnboardingTaskStarted', OfOnboarding<{ task: OnboardingTask; startedAt: Instant }>>
  | DomainEvent<'OnboardingTaskSkipped', OfOnboarding<{ task: OnboardingTask; reason: string; skippedAt: Instant }>>
  /** Somebody was invited to be its admin, however often a letter was sent. */
  | DomainEvent<'AdminInvited', OfOnboarding<{ invitationId: InvitationId; invitedAt: Instant }>>
  | DomainEvent<'AdminInvitationAccepted', OfOnboarding<{ invitationId: InvitationId; userId: UserId; acceptedAt: Instant }>>
  /** `membershipRevision`: that of the event in the membership's stream, so that an older one changes nothing. */
  | DomainEvent<'CustomerAdminGained', OfOnboarding<{ userId: UserId; membershipRevision: number; gainedAt: Instant }>>
  | DomainEvent<'CustomerAdminLost', OfOnboarding<{ userId: UserId; membershipRevision: number; lostAt: Instant }>>
  /** Usage came for the first time from an account or a data source of the tenant. */
  | DomainEvent<'SourceDataArrived', OfOnboarding<{ dataSourceId: DataSourceId; arrivedAt: Instant }>>;

/**
 * Stream `tenants.sourceData-<tenantId>`: the worst of the sources that serve the tenant or anybody below it. `Not available` masks
 * nothing.
 */
export type SourceDataEvent = DomainEvent<
  'SourceDataRolledUp',
  {
    tenantId: TenantId;
    /** Of the tenant, from the root. */
    path: readonly TenantId[];
    status: HealthStatus;
    /** Of the sources of the tenant itself: those that it owns and those that serve its accounts. */
    own: HealthStatus;
    rolledUpAt: Instant;
  }
>;
