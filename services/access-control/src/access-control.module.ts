import { Module } from '@nestjs/common';
import { accessSettings } from '#libs/access-policy/access-settings.projection';
import { customRoles } from '#libs/access-policy/custom-roles.projection';
import { customerLinks } from '#libs/access-policy/customer-links.projection';
import { delegatedAccesses } from '#libs/access-policy/delegated-accesses.projection';
import { impersonations } from '#libs/access-policy/impersonations.projection';
import { memberships } from '#libs/access-policy/memberships.projection';
import { serviceAccounts } from '#libs/access-policy/service-accounts.projection';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { userAccess } from '#libs/access-policy/user-access.projection';
import { openMail } from '#libs/mail/mail';
import { type Platform, type ServiceDefinition } from '#libs/platform/service';
import { AccessSettingsController } from './access-settings/access-settings.controller.ts';
import { ActivityController } from './activity/activity.controller.ts';
import { activityLog } from './activity/activity-log.projection.ts';
import { UsersAbout } from './activity/users-about.ts';
import { credentials } from './credentials/credentials.ts';
import { CustomerLinkController } from './customer-link/customer-link.controller.ts';
import { DelegatedAccessController } from './delegated-access/delegated-access.controller.ts';
import { ImpersonationController } from './impersonation/impersonation.controller.ts';
import { identities } from './identity/identity.ts';
import { Acceptance } from './invitation/acceptance.ts';
import { AcceptanceController } from './invitation/acceptance.controller.ts';
import { InvitationConfiguration } from './invitation/invitation-configuration.ts';
import { InvitationController } from './invitation/invitation.controller.ts';
import { InvitationTokens } from './invitation/invitation-tokens.ts';
import { Invitations } from './invitation/invitations.ts';
import { invitationList } from './invitation-list/invitation-list.projection.ts';
import { invitationQuota } from './invitation-quota/invitation-quota.ts';
import { OidcConfiguration } from './oidc/oidc-configuration.ts';
import { OidcController } from './oidc/oidc.controller.ts';
import { OidcLogin } from './oidc/oidc-login.ts';
import { onActivity } from './reactions/on-activity.ts';
import { onDelegatedAccessRequested } from './reactions/on-delegated-access-requested.ts';
import { onImpersonationStarted } from './reactions/on-impersonation-started.ts';
import { onInvitationAccepted } from './reactions/on-invitation-accepted.ts';
import { onInvitationSent } from './reactions/on-invitation-sent.ts';
import { onMembershipEnded } from './reactions/on-membership-ended.ts';
import { onRoleChanged } from './reactions/on-role-changed.ts';
import { Lockouts } from './login-attempts/lockouts.ts';
import { loginAttempts } from './login-attempts/login-attempts.ts';
import { MembershipController } from './membership/membership.controller.ts';
import { RoleController } from './role/role.controller.ts';
import { ServiceAccountController } from './service-account/service-account.controller.ts';
import { serviceAccountSecrets } from './service-account/service-account-secret.ts';
import { PasswordLogin } from './session/password-login.ts';
import { RequestRate } from './session/request-rate.ts';
import { SessionConfiguration } from './session/session-configuration.ts';
import { sessionsOf } from './session/session.ts';
import { Sessions } from './session/sessions.ts';
import { SessionController } from './session/session.controller.ts';
import { TenantSwitchController } from './tenant-switch/tenant-switch.controller.ts';
import { UserController } from './user/user.controller.ts';
import { userList } from './user-list/user-list.projection.ts';
import { tellLockout } from './visit/visits.ts';

@Module({
  controllers: [
    SessionController,
    UserController,
    ActivityController,
    ServiceAccountController,
    TenantSwitchController,
    ImpersonationController,
    DelegatedAccessController,
    MembershipController,
    CustomerLinkController,
    RoleController,
    AccessSettingsController,
    InvitationController,
    AcceptanceController,
    OidcController,
  ],
})
class AccessControlModule {}

const lockouts = new WeakMap<Platform, Lockouts>();
const lockoutsOf = (platform: Platform): Lockouts => {
  const found = lockouts.get(platform) ?? new Lockouts(platform, (lockout, command) => tellLockout(platform, lockout, command));
  lockouts.set(platform, found);
  return found;
};

export const accessControlService: ServiceDefinition = {
  name: 'access-control',
  module: AccessControlModule,
  projections: [
    userList,
    memberships,
    userAccess,
    tenantTree,
    accessSettings,
    activityLog,
    serviceAccounts,
    impersonations,
    delegatedAccesses,
    customerLinks,
    customRoles,
    invitationList,
  ],
  configuration: [SessionConfiguration, InvitationConfiguration, OidcConfiguration],
  providers: (platform) => {
    const users = new UsersAbout(platform);
    const passwords = new PasswordLogin(platform, lockoutsOf(platform));
    return [
      { provide: PasswordLogin, useValue: passwords },
      { provide: Sessions, useValue: new Sessions(platform, users) },
      { provide: RequestRate, useValue: new RequestRate(platform.configuration(SessionConfiguration).loginsPerMinute) },
      { provide: OidcLogin, useValue: new OidcLogin(platform) },
      { provide: Invitations, useValue: new Invitations(platform) },
      { provide: Acceptance, useValue: new Acceptance(platform, new InvitationTokens(platform.accessTokens), passwords) },
    ];
  },
  secrets: [
    credentials.category,
    loginAttempts.category,
    sessionsOf.category,
    serviceAccountSecrets.category,
    invitationQuota.category,
    identities.category,
  ],
  consumers: (platform) => {
    const { mailUrl, mailFrom, publicUrl } = platform.configuration(InvitationConfiguration);
    const mail = openMail({ url: mailUrl, from: mailFrom, dataDir: platform.dataDir });
    return [
      onInvitationSent(platform, { mail, tokens: new InvitationTokens(platform.accessTokens), publicUrl }),
      onInvitationAccepted(platform.store),
      onImpersonationStarted(platform, mail),
      onDelegatedAccessRequested(platform, mail),
      onMembershipEnded(platform),
      onRoleChanged(platform.store),
      onActivity(new UsersAbout(platform)),
    ];
  },
  background: (platform) => [lockoutsOf(platform).background()],
};
