import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type Day, type Instant } from '#libs/time/time';
import { type DataSourceId, type LinkedAccountId, type ManagementAccountId, type TenantId } from './ids.ts';

export type Tier = 'distributor' | 'reseller' | 'endCustomer';

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
