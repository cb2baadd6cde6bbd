import { type DataSourceId, type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type Holders } from './coverage.ts';
import { entryOf } from './entry-of.ts';
import { type Group, type RatedSource, type RatedTenant, type RatingInput } from './rating-input.ts';

/** Lines of one account in one segment of days: they belong to one tenant and meet the same contract versions. */
export type Place = Readonly<{ source: RatedSource; unassigned: boolean; groups: readonly Group[] }>;

/** Whose lines they are: the tenant to which their account is linked or, unassigned, the owner of the data source. */
export type Share = Readonly<{ tenant: RatedTenant; places: readonly Place[] }>;

type Growing = Readonly<{ place: Place; groups: Group[] }>;

/** Yields now and then, since there may be very many groups. */
const GROUPS_A_STEP = 5_000;

/** Deals the usage out to those whose it is; no contract has a say in it. Shares come in the order of the tenants. */
export const shareOut = function* (
  { tenants, dataSources }: Pick<RatingInput, 'tenants' | 'dataSources'>,
  holders: Holders,
  groups: readonly Group[],
): Generator<void, readonly Share[]> {
  const sources = new Map(dataSources.map((source) => [source.id, source]));
  const shares = new Map<TenantId, Place[]>(tenants.map(({ id }) => [id, []]));
  const known = new Map<DataSourceId, Map<LinkedAccountId, Map<number, Growing>>>();
  const newPlace = (group: Group): Growing => {
    const source = sources.get(group.dataSourceId);
    if (!source) throw new Error(`the rating input does not list the data source ${group.dataSourceId}`);
    // All days of a segment are alike: the first line's day stands for them.
    const holder = holders.on(group, group.firstDay);
    const share = shares.get(holder ?? source.ownerId);
    if (!share) throw new Error(`the rating input does not list the tenant ${holder ?? source.ownerId}`);
    const own: Group[] = [];
    const place = { source, unassigned: holder === null, groups: own };
    share.push(place);
    return { place, groups: own };
  };
  for (const [index, group] of groups.entries()) {
    const accounts = entryOf(known, group.dataSourceId, () => new Map<LinkedAccountId, Map<number, Growing>>());
    const segments = entryOf(accounts, group.accountId, () => new Map<number, Growing>());
    entryOf(segments, group.segment, () => newPlace(group)).groups.push(group);
    if (index % GROUPS_A_STEP === 0) yield;
  }
  return tenants.map((tenant) => ({ tenant, places: shares.get(tenant.id) ?? [] })).filter(({ places }) => places.length > 0);
};
