import { type Facts, type Question, type Verdicts } from './facts.ts';

/**
 * The policy once more, from the words of the specification and without a line of the other: it walks down the tree and keeps what
 * has been said so far, where the policy looks up from the tenant; its matrix is a table of abilities, where the policy has bundles.
 */

const EVERYBODY = 'admin regular readOnly support sales';
const ALL_BUT_SUPPORT = 'admin regular readOnly sales';

/** Who has a permission by their role, but for the operator, who has all. */
const MATRIX: Readonly<Record<string, string>> = {
  'tenants:read': EVERYBODY,
  'tenants:write': 'admin',
  'tenants:switch': EVERYBODY,
  'profile:write': 'admin',
  'contacts:read': EVERYBODY,
  'contacts:write': 'admin',
  'onboarding:write': 'admin',
  'contracts:read': ALL_BUT_SUPPORT,
  'contracts:write': 'admin',
  'templates:write': '',
  'usage:read': ALL_BUT_SUPPORT,
  'usage:write': 'admin',
  'bills:read': ALL_BUT_SUPPORT,
  'rebilling:write': '',
  'financials:read': ALL_BUT_SUPPORT,
  'services:read': EVERYBODY,
  'services:write': 'admin regular',
  'services:troubleshoot': 'admin regular support',
  'quotes:read': 'admin sales',
  'quotes:write': 'admin sales',
  'users:read': 'admin readOnly sales',
  'users:write': 'admin',
  'users:impersonate': 'admin',
  'access:write': 'admin',
  'service-accounts:write': 'admin',
  'activity:read': EVERYBODY,
  'events:read': EVERYBODY,
  'roots:write': '',
  'operations:read': '',
  'operations:write': '',
};

export const ABILITIES: readonly string[] = Object.keys(MATRIX);

const EXTRA_OF: Readonly<Record<string, string>> = {
  'rebilling:write': 'billingUtilities',
  'templates:write': 'contractTemplates',
};

/** Seen or written, these are amounts: nothing of them for whoever is not to see amounts. */
const AMOUNTS = 'contracts:read contracts:write templates:write usage:read bills:read quotes:read quotes:write'.split(' ');

/** Whoever changes these is shown them. */
const SHOWN_BY: Readonly<Record<string, string>> = {
  'contracts:write': 'contracts:read',
  'quotes:write': 'quotes:read',
  'contacts:write': 'contacts:read',
  'users:write': 'users:read',
  'access:write': 'users:read',
  'tenants:write': 'tenants:read',
  'profile:write': 'tenants:read',
  'onboarding:write': 'tenants:read',
};

const can = (facts: Facts, role: string, permission: string): boolean => {
  if (role.startsWith('custom:')) {
    const wanted = [
      permission,
      SHOWN_BY[permission] ?? permission,
      AMOUNTS.includes(permission) ? 'financials:read' : permission,
    ];
    return wanted.every((one) => facts.custom[role]?.includes(one) ?? false);
  }
  return role === 'operator' || (MATRIX[permission] ?? '').split(' ').includes(role);
};

/** What holds at a step of the way down, said by the tenants before it. */
type Said = { adminAbove: boolean; child: string | undefined; carried: readonly string[]; salesAbove: boolean };

type Here = Readonly<{ roles: readonly string[]; looksOnly: boolean }>;

const rolesAt = ({ memberships, links }: Facts, tenant: string): readonly string[] =>
  [...memberships, ...links].filter((one) => one.tenant === tenant).map(({ role }) => role);

const listen = (facts: Facts, tenant: string, said: Said): void => {
  const roles = rolesAt(facts, tenant);
  const below = facts.memberships.filter((one) => one.tenant === tenant).map((one) => one.below);
  const child = below.includes('none')
    ? 'none'
    : below.includes('sales')
      ? 'sales'
      : below.includes('admin')
        ? 'admin'
        : undefined;
  if (child !== undefined) said.child = child;
  else if (roles.length > 0 && !roles.some((role) => role !== 'admin')) said.adminAbove = true;
  if (roles.length === 0) return;
  // Nearer ones replace what farther ones imply, whatever way they imply it.
  if (facts.carryOver.includes(tenant)) Object.assign(said, { carried: roles, salesAbove: false });
  else if (!roles.some((role) => role !== 'admin' && role !== 'sales')) Object.assign(said, { carried: [], salesAbove: true });
};

const hereBy = (facts: Facts, path: readonly string[]): Here | undefined => {
  const platform = rolesAt({ ...facts, links: [] }, 'platform');
  if (platform.length > 0) return { roles: platform, looksOnly: false };
  const said: Said = { adminAbove: false, child: undefined, carried: [], salesAbove: false };
  for (const tenant of path.slice(0, -1)) listen(facts, tenant, said);
  const own = rolesAt(facts, path.at(-1) ?? '');
  if (said.adminAbove) return { roles: ['admin'], looksOnly: false };
  if (own.length > 0) return { roles: own, looksOnly: false };
  if (said.child === 'none') return undefined;
  if (said.child !== undefined) return { roles: [said.child], looksOnly: false };
  if (said.carried.length > 0) return { roles: said.carried, looksOnly: false };
  return said.salesAbove ? { roles: ['sales'], looksOnly: true } : undefined;
};

const verdictOf = (facts: Facts, permission: string, path: readonly string[] | undefined): string => {
  const here = path && path.length > 0 ? hereBy(facts, path) : undefined;
  if (!here) return 'hidden';
  if (here.looksOnly && permission === 'tenants:switch') return 'denied';
  let lowest = true;
  for (const role of here.roles) lowest &&= can(facts, role, permission);
  const extra = EXTRA_OF[permission];
  const added =
    extra !== undefined &&
    !here.roles.some((role) => role !== 'admin') &&
    facts.memberships.some(({ tenant, extras }) => path?.includes(tenant) === true && extras.some((one) => one === extra));
  return lowest || added ? 'allowed' : 'denied';
};

export const oracle = (facts: Facts, { permission, path }: Question): Verdicts => {
  const here = verdictOf(facts, permission, path);
  const parent = path && path.length > 1 ? verdictOf(facts, permission, path.slice(0, -1)) : here;
  const anyRole = [
    ...facts.memberships.flatMap(({ role, below }) => (below === undefined || below === 'none' ? [role] : [role, below])),
    ...facts.links.map(({ role }) => role),
  ];
  return {
    here,
    fromAbove: here === 'hidden' ? 'hidden' : parent === 'hidden' ? 'denied' : parent,
    onPlatform: facts.memberships.some(({ tenant, role }) => tenant === 'platform' && can(facts, role, permission))
      ? 'allowed'
      : 'denied',
    anywhere: anyRole.some((role) => can(facts, role, permission)) ? 'allowed' : 'denied',
  };
};
