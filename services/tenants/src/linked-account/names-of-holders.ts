import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { type Holdings } from '#libs/time/intervals';
import { type Holder } from './linked-account.ts';

/** For a refusal's message; someone who came to hold anything only now appears by id. */
export const namesOfHolders = async (
  readModels: ReadModels,
  holdings: Holdings<Holder>,
): Promise<(tenant: TenantId) => string> => {
  const ids = [...new Set(holdings.map(({ holder }) => holder.id))];
  const rows = ids.length > 0 ? await readModels.of(tenantTree).all({ id: { in: ids } }) : [];
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return (tenant) => names.get(tenant) ?? tenant;
};
