import { DomainError } from '#libs/event-sourcing/domain-error';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type ContractHistory, versionHistory } from './version-history.projection.ts';

/** The contract, if it is this tenant's. @throws DomainError `not-found` `contract-not-found` */
export const contractOf = async (readModels: ReadModels, tenantId: TenantId, id: ContractId): Promise<ContractHistory> => {
  const contract = await readModels.of(versionHistory).get(id);
  if (contract?.tenantId !== tenantId) throw new DomainError('not-found', 'contract-not-found', 'There is no such contract.');
  return contract;
};
