import { type DomainEvent } from '#libs/event-sourcing/event';
import { type BuiltInRole, type ChildTenantRole, type Extra, type TenantPermission } from '#libs/access-policy/roles';
import { type Instant } from '#libs/time/time';
import { type InvitationId, type RoleId, type SessionId, type TenantId, type UserId } from './ids.ts';

/** Stream `access-control.user-<userId>`: who people are. Personal data: a reader takes of it only what it shows. */
export type UserEvent = DomainEvent<'UserRegistered', { userId: UserId; email: string; name: string }>;

/** Stream `access-control.membership-<tenantId>~<userId>`; ids only, no names. */
export type MembershipEvent =
  | DomainEvent<
      'MembershipGranted',
      {
        tenantId: TenantId | 'platform';
        userId: UserId;
        role: BuiltInRole | 'custom';
        /** Of the custom role. */
        roleId?: RoleId;
        /** None where it is not there. */
        extras?: readonly Extra[];
        /** What the user is in every tenant below; not there: what follows from the role. */
        childTenantRole?: ChildTenantRole;
      }
    >
  /** It does not count until it is enabled again. */
  | DomainEvent<'MembershipDisabled', { tenantId: TenantId | 'platform'; userId: UserId }>
  | DomainEvent<'MembershipEnabled', { tenantId: TenantId | 'platform'; userId: UserId }>
  /** The user was taken out of the tenant; what they did there stays theirs. */
  | DomainEvent<'MembershipRevoked', { tenantId: TenantId | 'platform'; userId: UserId }>;

/**
 * Stream `access-control.customerLink-<tenantId>~<userId>`: a user of a tenant above has a role in this one, whatever it is elsewhere.
 */
export type CustomerLinkEvent =
  | DomainEvent<
      'CustomerLinked',
      {
        tenantId: TenantId;
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        userId: UserId;
        /** The tenant above whose user it is: the link counts as long as they are one. */
        memberOf: TenantId;
        role: Exclude<BuiltInRole, 'operator'> | 'custom';
        /** Of the custom role. */
        roleId?: RoleId;
        linkedBy: UserId;
      }
    >
  | DomainEvent<
      'CustomerLinkRoleChanged',
      { tenantId: TenantId; userId: UserId; role: Exclude<BuiltInRole, 'operator'> | 'custom'; roleId?: RoleId }
    >
  | DomainEvent<'CustomerLinkRevoked', { tenantId: TenantId; userId: UserId }>;

/** Whether users of the tenant need a link for each tenant below, or have their own role there, too. */
export type AccessModel = 'perCustomer' | 'carryOver';

/** Stream `access-control.accessSettings-<tenantId>`. */
export type AccessSettingsEvent =
  | DomainEvent<'AccessModelChosen', { tenantId: TenantId; accessModel: AccessModel }>
  /** Whether what the tenant's users do on behalf of others is in the tenant's own activity log, too. */
  | DomainEvent<'ActivityMirrorChosen', { tenantId: TenantId; mirror: boolean }>;

/** Stream `access-control.role-<roleId>`: a bundle of permissions that a tenant put together for itself and those below. */
export type RoleEvent =
  | DomainEvent<
      'RoleDefined',
      {
        tenantId: TenantId;
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        roleId: RoleId;
        name: string;
        permissions: readonly TenantPermission[];
      }
    >
  /** Whoever has it may do nothing by it. */
  | DomainEvent<'RoleRemoved', { tenantId: TenantId; roleId: RoleId }>;

/**
 * Stream `access-control.userAccess-<userId>`: whose access tokens count. Instants are of the wall clock, as tokens' lives are; ids
 * only, so that every service can judge a token by itself.
 */
export type UserAccessEvent =
  | DomainEvent<'AccessOpened', { userId: UserId }>
  | DomainEvent<'AccessClosed', { userId: UserId }>
  /** Tokens issued before this instant count no longer. */
  | DomainEvent<'TokensRevoked', { userId: UserId; issuedBefore: Instant }>
  /** None of one session's tokens counts; the last of them ends at `until`, so nobody need remember it longer. */
  | DomainEvent<'SessionTokensRevoked', { userId: UserId; sessionId: SessionId; revokedAt: Instant; until: Instant }>;

/**
 * Stream `access-control.invitation-<invitationId>`: one e-mail address and one tenant, however often it is invited. Instants are of the
 * wall clock. The token in the letter is in no event.
 */
export type InvitationEvent =
  /** A letter goes out; whatever the letters before it held counts no longer. */
  | DomainEvent<
      'InvitationSent',
      {
        tenantId: TenantId;
        /** Of the tenant, from the root. */
        path: readonly TenantId[];
        invitationId: InvitationId;
        email: string;
        /** As the inviting user knows it; whoever accepts says their own. */
        name: string | null;
        jobFunction: string | null;
        role: Exclude<BuiltInRole, 'operator'> | 'custom';
        /** Of the custom role. */
        roleId?: RoleId;
        /** None where it is not there. */
        extras?: readonly Extra[];
        childTenantRole?: ChildTenantRole;
        /** Of the letter, from 1. */
        round: number;
        invitedBy: string;
        sentAt: Instant;
        expiresAt: Instant;
      }
    >
  | DomainEvent<'InvitationRevoked', { tenantId: TenantId; invitationId: InvitationId }>
  | DomainEvent<'InvitationAccepted', { tenantId: TenantId; invitationId: InvitationId; userId: UserId; acceptedAt: Instant }>;

/** How somebody showed who they are. */
export type LoginMethod = 'password' | 'oidc';

/** Stream `access-control.visits-<tenantId>~<userId>~<month>`: who came into the tenant, went, or was kept out, for its activity log. */
export type VisitEvent =
  /** To each tenant that they are a user of. */
  | DomainEvent<'UserLoggedIn', { tenantId: TenantId; userId: UserId; method: LoginMethod }>
  /** To act in its context from then on, as themselves. */
  | DomainEvent<'UserSwitchedIn', { tenantId: TenantId; userId: UserId }>
  /** To each tenant that they are a user of. `everywhere`: of all sessions, not of one. */
  | DomainEvent<'UserLoggedOut', { tenantId: TenantId; userId: UserId; everywhere: boolean }>
  /** To each tenant that they are a user of, once per lock. `until` is of the wall clock. */
  | DomainEvent<'UserLockedOut', { tenantId: TenantId; userId: UserId; until: Instant }>;
