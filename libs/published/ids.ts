import { type Brand } from '#libs/brand';

export type TenantId = Brand<string, 'TenantId'>;
export type ContractId = Brand<string, 'ContractId'>;
export type UserId = Brand<string, 'UserId'>;
export type DataSourceId = Brand<string, 'DataSourceId'>;
export type ImportId = Brand<string, 'ImportId'>;
/** FOCUS `BillingAccountId`, an AWS payer account. */
export type ManagementAccountId = Brand<string, 'ManagementAccountId'>;
/** FOCUS `SubAccountId`: AWS usage account, Azure subscription, project. */
export type LinkedAccountId = Brand<string, 'LinkedAccountId'>;
/** A rule or custom line item inside a contract; it keeps its id from version to version. */
export type RuleId = Brand<string, 'RuleId'>;
