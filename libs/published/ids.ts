import { type Brand } from '#libs/brand';

export type TenantId = Brand<string, 'TenantId'>;
export type ContractId = Brand<string, 'ContractId'>;
export type UserId = Brand<string, 'UserId'>;
/** One login of a user, and all that it is refreshed by. */
export type SessionId = Brand<string, 'SessionId'>;
export type InvitationId = Brand<string, 'InvitationId'>;
export type DataSourceId = Brand<string, 'DataSourceId'>;
export type ImportId = Brand<string, 'ImportId'>;
/** FOCUS `BillingAccountId`, an AWS payer account. */
export type ManagementAccountId = Brand<string, 'ManagementAccountId'>;
/** FOCUS `SubAccountId`: AWS usage account, Azure subscription, project. */
export type LinkedAccountId = Brand<string, 'LinkedAccountId'>;
/** A rule or custom line item inside a contract; it keeps its id from version to version. */
export type RuleId = Brand<string, 'RuleId'>;
export type ContactId = Brand<string, 'ContactId'>;
/** A bundle of permissions that a tenant put together. */
export type RoleId = Brand<string, 'RoleId'>;
export type ImpersonationId = Brand<string, 'ImpersonationId'>;
export type DelegatedAccessId = Brand<string, 'DelegatedAccessId'>;
export type ServiceAccountId = Brand<string, 'ServiceAccountId'>;
