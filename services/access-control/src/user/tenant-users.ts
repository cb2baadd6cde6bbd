import { memberships, type MembershipRow } from '#libs/access-policy/memberships.projection';
import { type Role } from '#libs/access-policy/roles';
import { type TenantId, type UserId } from '#libs/published/ids';
import { alphabetical, alphabeticalPart } from '#libs/read-models/alphabetical';
import { every } from '#libs/read-models/every';
import { cursorAfter, totalOrder, valuesOf } from '#libs/read-models/query';
import { type Filter, type Page, type Query, type ReadModels, type Sort } from '#libs/read-models/read-model';
import { type TenantUser } from '../membership/tenant-user.ts';
import { userList, type UserRow } from '../user-list/user-list.projection.ts';

export type Wanted = Readonly<{ search?: string; role?: Role; enabled?: boolean }>;

/** What lists of users can be sorted by. */
export const SORTABLE = { name: 'nameOrder', email: 'emailOrder' } as const;

type Placed = Readonly<{ id: UserId; nameOrder: string; emailOrder: string; user: TenantUser }>;

/**
 * The users of a tenant as they are now, page by page in the order of `sort`. Who belongs to it and how people are called stand in
 * documents of their own: they are put together here, for the whole tenant at once.
 */
export const openUsers = async (
  readModels: ReadModels,
  tenantId: TenantId,
  { search, role, enabled }: Wanted,
  sort: Sort,
): Promise<(asked: Pick<Query, 'limit' | 'cursor'>) => Page<TenantUser>> => {
  const held = await every(readModels.of(memberships), {
    tenantId,
    ...(role === undefined ? {} : { role }),
    ...(enabled === undefined ? {} : { enabled }),
  });
  const rows = await every(readModels.of(userList), { id: { in: held.map(({ userId }) => userId) } });
  const people = new Map(rows.map((row) => [row.id, row]));
  const part = search === undefined ? '' : alphabeticalPart(search);
  const order = totalOrder(sort);
  const placed = held
    .map((one) => placedOf(one, people.get(one.userId)))
    .filter(({ nameOrder, emailOrder }) => nameOrder.includes(part) || emailOrder.includes(part))
    .map((one) => ({ ...one, values: order.map(({ by }) => textAt(one, by)) }))
    .toSorted((a, b) => compared(a.values, b.values, order));
  const filter: Filter = { tenantId, search: search ?? null, role: role ?? null, enabled: enabled ?? null };
  return ({ limit, cursor }) => {
    const after = cursor === undefined ? undefined : valuesOf(cursor, NAME, filter, order).map(String);
    const rest = after ? placed.filter(({ values }) => compared(values, after, order) > 0) : placed;
    const page = rest.slice(0, limit);
    const last = rest.length > page.length ? page.at(-1) : undefined;
    return {
      items: page.map(({ user }) => user),
      nextCursor: last ? cursorAfter(last.values, NAME, filter, order) : null,
      total: placed.length,
    };
  };
};

const NAME = 'tenant-users';

const placedOf = ({ userId: id, role, extras, childTenantRole, enabled }: MembershipRow, person: UserRow | undefined): Placed => {
  const { email = '', name = '', nameOrder = alphabetical(''), emailOrder = alphabetical('') } = person ?? {};
  return { id, nameOrder, emailOrder, user: { id, email, name, role, extras, childTenantRole, enabled } };
};

const textAt = ({ id, nameOrder, emailOrder }: Placed, path: string): string =>
  path === SORTABLE.name ? nameOrder : path === SORTABLE.email ? emailOrder : id;

const compared = (a: readonly string[], b: readonly string[], order: Sort): number => {
  for (const [index, { direction }] of order.entries()) {
    const [one = '', other = ''] = [a[index], b[index]];
    if (one !== other) return one < other === (direction === 'ascending') ? -1 : 1;
  }
  return 0;
};
