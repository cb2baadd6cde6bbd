import { type Allowed, includes } from '#libs/access-policy/reach';
import { Decimal } from '#libs/money/decimal';
import { type TenantId } from '#libs/published/ids';
import { type Bill, type Figures, type ProformaLine } from '#libs/published/invoicing';

/** As whose user somebody looks: that tenant and all below it are theirs to see; `platform` sees every tree. */
export type Viewer = TenantId | 'platform' | null;

type Bucket = 'rated' | 'excluded' | 'unbilled' | 'unassigned';

/** Source amounts are null where basis `UPSTREAM` hides them. */
type ViewedFigures = Omit<Figures, Bucket | 'marginParts'> &
  Readonly<Record<Bucket, string | null>> &
  Readonly<{
    marginParts: readonly (Omit<Figures['marginParts'][number], 'sourceAmount'> & Readonly<{ sourceAmount: string | null }>)[];
  }>;

/** What of a bill depends on who looks. */
export type ViewedParts = Readonly<{
  parentId: TenantId | null;
  figures: readonly ViewedFigures[];
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
 * versions and warnings do not show either, and nobody learns who stands above them. A tenant that is priced by what its upstream tier
 * is billed (`UPSTREAM`) does not see its source amounts: they could be just that.
 */
export const viewedParts = (
  {
    path,
    figures,
    contracts,
    warnings,
    pricedUpstream,
  }: Pick<Bill, 'path' | 'figures' | 'contracts' | 'warnings' | 'pricedUpstream'>,
  viewer: Viewer,
): ViewedParts => {
  const above = aboveViewer(path, viewer);
  const parentId = path.at(-2) ?? null;
  const hidden = pricedUpstream && parentId !== null && above.has(parentId);
  const shown = (sourceAmount: string): string | null => (hidden ? null : sourceAmount);
  return {
    parentId: parentId !== null && above.has(parentId) ? null : parentId,
    figures: figures.map(({ rated, excluded, unbilled, unassigned, marginParts, ...amounts }) => ({
      ...amounts,
      rated: shown(rated),
      excluded: shown(
        Decimal.sum(excluded.filter(({ by }) => !above.has(by)).map(({ amount }) => Decimal.of(amount))).toString(),
      ),
      unbilled: shown(unbilled),
      unassigned: shown(unassigned),
      marginParts: marginParts.map((part) => ({ ...part, sourceAmount: shown(part.sourceAmount) })),
    })),
    contracts: contracts.filter(({ tenantId }) => !above.has(tenantId)),
    warnings: warnings.filter(({ by }) => by === null || !above.has(by)).map(({ code, message }) => ({ code, message })),
  };
};

/** Is a line of a reseller's document about the usage of a customer whose bills the viewer may not see? */
export const isOfNobodyReached = ({ customerId }: Pick<ProformaLine, 'customerId'>, reached: Allowed): boolean =>
  customerId !== null && !includes(reached, customerId);

/** A line as somebody sees it who may see the document, but not each customer on it. */
export const viewedLine = (line: ProformaLine, reached: Allowed): ProformaLine =>
  isOfNobodyReached(line, reached)
    ? { ...line, customerId: null, text: line.serviceName ?? 'A customer', managementAccountId: null }
    : line;
