import { type ContractId, type TenantId } from '#libs/published/ids';
import { type ContractsEvent, type ContractStatus } from '#libs/published/contracts';
import { part, projection } from '#libs/read-models/projection';
import { type RatedContract } from '../rating/rating-input.ts';
import { type OneStream } from './one-stream.ts';

/** `covers`: it was marked active or scheduled and not set back to draft; what the status is today decides nothing. */
type Contract = RatedContract & Readonly<{ covers: boolean }>;
type ContractsPart = OneStream & Readonly<{ tenantId: TenantId; contracts: Readonly<Record<ContractId, Contract>> }>;

/** The contracts of one tenant that cover anything. */
export type ContractInput = OneStream & Readonly<{ id: TenantId; contracts: readonly RatedContract[] }>;

export const contractInputs = projection({
  name: 'invoicing-contract-inputs',
  version: 2,
  parts: {
    contracts: part<ContractsEvent, ContractsPart>('contracts.tenantContracts', {
      document: ({ data }) => data.tenantId,
      evolve: (before, event) => {
        const { tenantId, rootId, contractId } = event.data;
        return {
          tenantId,
          rootId,
          changes: event.revision + 1,
          contracts: { ...before?.contracts, [contractId]: evolve(before?.contracts[contractId], event) },
        };
      },
    }),
  },
  row: ({ contracts: tenant }): ContractInput | undefined =>
    tenant && {
      id: tenant.tenantId,
      rootId: tenant.rootId,
      changes: tenant.changes,
      contracts: Object.values(tenant.contracts)
        .filter(({ covers }) => covers)
        .map(({ covers: _covers, ...contract }) => contract),
    },
  indexes: [['rootId', 'changes']],
});

const evolve = (contract: Contract | undefined, event: ContractsEvent): Contract => {
  if (event.type === 'ContractDrafted') {
    const { contractId: id, tenantId, tier, terms } = event.data;
    return { id, tenantId, tier, versions: [{ version: 1, effectiveFrom: terms.start, terms }], endedOn: null, covers: false };
  }
  if (!contract) throw new Error(`contract ${event.data.contractId} changed before it was drafted`);
  switch (event.type) {
    case 'ContractVersionSaved': {
      const { version, effectiveFrom, terms } = event.data;
      return { ...contract, versions: [...contract.versions, { version, effectiveFrom, terms }] };
    }
    case 'ContractStatusChanged':
      return { ...contract, ...coverage(contract, event.data) };
  }
};

const coverage = (
  { covers, endedOn }: Contract,
  { to, from, effectiveFrom }: Readonly<{ from: ContractStatus; to: ContractStatus; effectiveFrom: RatedContract['endedOn'] }>,
): Pick<Contract, 'covers' | 'endedOn'> => {
  switch (to) {
    case 'draft':
      return { covers: false, endedOn };
    case 'scheduled':
    case 'active':
      return { covers: true, endedOn };
    case 'expired':
      // Activating a contract whose end has passed makes it expired at once: it was marked active all the same.
      return { covers: covers || from === 'draft', endedOn };
    case 'cancelled':
    case 'superseded':
      return {
        covers,
        endedOn: endedOn === null || (effectiveFrom !== null && effectiveFrom < endedOn) ? effectiveFrom : endedOn,
      };
  }
};
