import { type DomainEvent } from '#libs/event-sourcing/event';
import { type Day, type Instant } from '#libs/time/time';
import { type Terms } from './contract-terms.ts';
import { type ContractId, type TenantId } from './ids.ts';

export type ContractTier = 'T1' | 'T2' | 'T3';
export type ContractStatus = 'draft' | 'scheduled' | 'active' | 'expired' | 'cancelled' | 'superseded';

type OfContract<Data> = Readonly<{ tenantId: TenantId; rootId: TenantId; contractId: ContractId }> & Data;

/** Stream `contracts.tenantContracts-<tenantId>`: all contracts of one tenant. */
export type ContractsEvent =
  /** `path`: from the root to the tenant itself. T1: the base contract of any root, also of one that is a reseller. */
  | DomainEvent<
      'ContractDrafted',
      OfContract<{ path: readonly TenantId[]; tier: ContractTier; terms: Terms; draftedAt: Instant }>
    >
  /**
   * `version` counts from 2: a draft is version 1, in force from the contract's start. A renewed version repeats the newest one
   * (its `effectiveFrom` too) with the next term's end, so it changes no bill.
   */
  | DomainEvent<
      'ContractVersionSaved',
      OfContract<{ version: number; effectiveFrom: Day; terms: Terms; savedAt: Instant; reason: 'saved' | 'renewed' }>
    >
  | DomainEvent<
      'ContractStatusChanged',
      OfContract<{
        from: ContractStatus;
        to: ContractStatus;
        /** First day on which the new status rules: a cancellation's or superseding's first day no longer covered. */
        effectiveFrom: Day;
        reason: string;
        changedAt: Instant;
        /** The contract that takes its place, on `superseded` by activating another. */
        supersededBy?: ContractId;
      }>
    >;
