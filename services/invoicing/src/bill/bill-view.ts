import { Decimal } from '#libs/money/decimal';
import { type TenantId } from '#libs/published/ids';
import { type Bill, type Figures } from '#libs/published/invoicing';

/** As whose user somebody looks: that tenant and all below it are theirs to see; `platform` sees every tree. */
export type Viewer = TenantId | 'platform' | null;

/** What of a bill depends on who looks. */
export type ViewedParts = Readonly<{
  parentId: TenantId | null;
  figures: readonly (Omit<Figures, 'excluded'> & Readonly<{ excluded: string }>)[];
  contracts: Bill['contracts'];
  warnings: readonly Readonly<{ code: string; message: string }>[];
}>;

/** Tenants above the viewer on the way to the bill's tenant: what their contracts do is not the viewer's to see. */
const aboveViewer = (path: readonly TenantId[], viewer: Viewer): ReadonlySet<TenantId> => {
  if (viewer === 'platform') return new Set();
  const at = viewer === null ? -1 : path.indexOf(viewer);
  // Who stands nowhere on the way has no right to the bill at all: show no tier's rules rather than all of them.
  return new Set(at < 0 ? path : path.slice(0, at));
};

/**
 * What a viewer may see of a bill. What a contract above the viewer excludes shows nowhere, neither as excluded nor in any total; its
 * versions and warnings do not show either, and nobody learns who stands above them.
 */
export const viewedParts = (
  { path, figures, contracts, warnings }: Pick<Bill, 'path' | 'figures' | 'contracts' | 'warnings'>,
  viewer: Viewer,
): ViewedParts => {
  const above = aboveViewer(path, viewer);
  const parentId = path.at(-2) ?? null;
  return {
    parentId: parentId !== null && above.has(parentId) ? null : parentId,
    figures: figures.map(({ excluded, ...amounts }) => ({
      ...amounts,
      excluded: Decimal.sum(excluded.filter(({ by }) => !above.has(by)).map(({ amount }) => Decimal.of(amount))).toString(),
    })),
    contracts: contracts.filter(({ tenantId }) => !above.has(tenantId)),
    warnings: warnings.filter(({ by }) => by === null || !above.has(by)).map(({ code, message }) => ({ code, message })),
  };
};
