import { type Revision } from '#libs/event-sourcing/event';
import { type ContractsEvent, type ContractStatus, type ContractTier } from '#libs/published/contracts';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';
import { type Day, type Instant } from '#libs/time/time';

export type SavedVersion = Readonly<{
  version: number;
  effectiveFrom: Day;
  savedAt: Instant;
  reason: 'drafted' | 'saved' | 'renewed';
  terms: Terms;
}>;

export type StatusChange = Readonly<{
  from: ContractStatus;
  to: ContractStatus;
  effectiveFrom: Day;
  reason: string;
  changedAt: Instant;
  supersededBy?: ContractId;
}>;

/** One contract with all that it ever said; versions ascending, at least one. */
export type ContractHistory = Readonly<{
  id: ContractId;
  tenantId: TenantId;
  /** From the root to the contract's tenant. */
  path: readonly TenantId[];
  tier: ContractTier;
  status: ContractStatus;
  versions: readonly [SavedVersion, ...SavedVersion[]];
  statusChanges: readonly StatusChange[];
  /** Of the last event that touched the contract: its ETag. */
  revision: Revision;
}>;

export const versionHistory = projection({
  name: 'contract-version-history',
  version: 1,
  parts: {
    contract: part<ContractsEvent, ContractHistory>('contracts.tenantContracts', {
      document: ({ data }) => data.contractId,
      evolve: (contract, event) => {
        const { revision } = event;
        if (event.type === 'ContractDrafted') {
          const { contractId: id, tenantId, path, tier, terms, draftedAt } = event.data;
          const first = { version: 1, effectiveFrom: terms.start, savedAt: draftedAt, reason: 'drafted', terms } as const;
          return { id, tenantId, path, tier, status: 'draft', versions: [first], statusChanges: [], revision };
        }
        if (!contract) throw new Error(`${event.type} before the contract was drafted`);
        switch (event.type) {
          case 'ContractVersionSaved': {
            const { version, effectiveFrom, savedAt, reason, terms } = event.data;
            const saved = { version, effectiveFrom, savedAt, reason, terms };
            return { ...contract, versions: [...contract.versions, saved], revision };
          }
          case 'ContractStatusChanged': {
            const { from, to, effectiveFrom, reason, changedAt, supersededBy } = event.data;
            const change = {
              from,
              to,
              effectiveFrom,
              reason,
              changedAt,
              ...(supersededBy === undefined ? {} : { supersededBy }),
            };
            return { ...contract, status: to, statusChanges: [...contract.statusChanges, change], revision };
          }
        }
      },
    }),
  },
  row: ({ contract }): ContractHistory | undefined => contract,
  indexes: [],
});
