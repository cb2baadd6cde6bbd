import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { happened } from '#libs/event-sourcing/testing/happened';
import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { openInMemory } from '#libs/read-models/testing/in-memory';
import { decide, type Membership, type Standing } from './policy.ts';
import { allowedThroughout, allowedWithin, areasOf } from './reach.ts';
import { BUILT_IN_ROLES, CHILD_TENANT_ROLES, PERMISSIONS } from './roles.ts';
import { tenantTree } from './tenant-tree.projection.ts';
import { tenantRegistered } from './testing/tenant-registered.ts';

const PATHS = ['d', 'd r', 'd r c1', 'd r c2', 'd s', 'd s c3', 'x', 'x c4'].map((path) => path.split(' ') as TenantId[]);
const idIn = (path: readonly TenantId[]): TenantId => path.at(-1) ?? ('' as TenantId);
const IDS = PATHS.map(idIn);

let readModels: ReadModels;
let close: () => Promise<void>;
beforeAll(async () => {
  const opened = await openInMemory(tenantTree);
  ({ readModels, close } = opened);
  for (const path of PATHS) await happened(opened.store, `tenants.tenant-${idIn(path)}`, [tenantRegistered(path)]);
});
afterAll(() => close());

const tenantIds = fc.constantFrom(...IDS);
const roles = fc.constantFrom(...BUILT_IN_ROLES.filter((role) => role !== 'operator'));
const memberships: fc.Arbitrary<Membership> = fc.record(
  { tenantId: tenantIds, role: roles, childTenantRole: fc.constantFrom(...CHILD_TENANT_ROLES), carriesOver: fc.boolean() },
  { requiredKeys: ['tenantId', 'role'] },
);
const links = fc.record({ tenantId: tenantIds, role: roles });
const own: fc.Arbitrary<Standing> = fc.record({
  memberships: fc.array(memberships, { maxLength: 4 }),
  links: fc.array(links, { maxLength: 3 }),
});
const acting = fc.tuple(own, own).map(([user, within]): Standing => ({ ...user, within }));
const standings = fc.oneof(own, acting);
const permissions = fc.constantFrom(...PERMISSIONS);

const allowedAmong = (standing: Standing, permission: (typeof PERMISSIONS)[number], paths: readonly TenantId[][]) =>
  paths.filter((path) => decide(standing, permission, path) === 'allowed').map(idIn);

describe('what somebody reaches', () => {
  it('of a tenant and those below it is what the policy allows for each by itself', async () => {
    await fc.assert(
      fc.asyncProperty(standings, permissions, fc.constantFrom(...PATHS), async (standing, permission, path) => {
        const within = PATHS.filter((one) => one.includes(idIn(path)));
        const allowed = await allowedWithin(readModels, standing, permission, { id: idIn(path), path });
        const found = allowed === 'all' ? within.map(idIn) : allowed;
        expect(found.toSorted()).toEqual(allowedAmong(standing, permission, within).toSorted());
        expect(await allowedThroughout(readModels, standing, permission, { id: idIn(path), path })).toBe(allowed === 'all');
      }),
      { numRuns: 400 },
    );
  });

  it('anywhere is each tenant that the policy allows, once', async () => {
    await fc.assert(
      fc.asyncProperty(standings, permissions, async (standing, permission) => {
        const areas = await areasOf(readModels, standing, permission);
        const found = areas.flatMap(({ top, allowed }) =>
          allowed === 'all' ? PATHS.filter((path) => path.some((id) => id === top)).map(idIn) : allowed,
        );
        expect(found.toSorted()).toEqual(allowedAmong(standing, permission, PATHS).toSorted());
      }),
      { numRuns: 400 },
    );
  });

  it('is everything for whoever runs the platform', async () => {
    const standing: Standing = { memberships: [{ tenantId: 'platform', role: 'operator' }], links: [] };
    expect(await areasOf(readModels, standing, 'tenants:read')).toEqual([{ top: 'platform', allowed: 'all' }]);
  });
});
