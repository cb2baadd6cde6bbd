import { type ContractsEvent, type ContractStatus, type ContractTier } from '#libs/published/contracts';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { alphabetical } from '#libs/read-models/alphabetical';
import { part, projection } from '#libs/read-models/projection';
import { type Day, type Instant } from '#libs/time/time';

export type ContractListRow = Readonly<{
  id: ContractId;
  tenantId: TenantId;
  parentId: TenantId | null;
  /** From the root to the contract's tenant. */
  path: readonly TenantId[];
  tier: ContractTier;
  name: string;
  /** `alphabetical`: what lists sort the name by. */
  nameOrder: string;
  /** Number of the current version and when it was saved. */
  version: number;
  versionDate: Instant;
  status: ContractStatus;
  /** First day on which the status rules; null for a draft that was never anything else. */
  statusFrom: Day | null;
  start: Day;
  end: Day | null;
  renewalPolicy: Terms['renewalPolicy'];
}>;

const ofTerms = ({ name, start, end, renewalPolicy }: Terms) => ({
  name,
  nameOrder: alphabetical(name),
  start,
  end,
  renewalPolicy,
});

export const contractList = projection({
  name: 'contract-list',
  version: 4,
  parts: {
    contract: part<ContractsEvent, ContractListRow>('contracts.tenantContracts', {
      document: ({ data }) => data.contractId,
      evolve: (contract, event) => {
        if (event.type === 'ContractDrafted') {
          const { contractId, tenantId, path, tier, terms, draftedAt } = event.data;
          const place = { id: contractId, tenantId, parentId: path.at(-2) ?? null, path, tier };
          return { ...place, ...ofTerms(terms), version: 1, versionDate: draftedAt, status: 'draft', statusFrom: null };
        }
        if (!contract) throw new Error(`${event.type} before the contract was drafted`);
        switch (event.type) {
          case 'ContractVersionSaved': {
            const { version, savedAt, terms } = event.data;
            return { ...contract, ...ofTerms(terms), version, versionDate: savedAt };
          }
          case 'ContractStatusChanged':
            return { ...contract, status: event.data.to, statusFrom: event.data.effectiveFrom };
        }
      },
    }),
  },
  row: ({ contract }): ContractListRow | undefined => contract,
  indexes: [
    ['tenantId', 'nameOrder'],
    ['parentId', 'nameOrder'],
    ['status', 'start'],
    ['status', 'end'],
  ],
  elements: ['path'],
});
