import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Standing } from '#libs/access-policy/policy';
import { type TenantTreeRow, tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { happened } from '#libs/event-sourcing/testing/happened';
import { type TenantId } from '#libs/published/ids';
import { type ReadModels } from '#libs/read-models/read-model';
import { openInMemory } from '#libs/read-models/testing/in-memory';
import { MOST_IN_PART, seesActivityIn } from './sight.ts';

const [FEW, MANY] = ['few', 'many'] as [TenantId, TenantId];
const customerOf = (top: TenantId, number: number): TenantId => `${top}-${String(number)}` as TenantId;

let readModels: ReadModels;
let close: () => Promise<void>;

const top = async (id: TenantId): Promise<TenantTreeRow> => {
  const found = await readModels.of(tenantTree).get(id);
  if (!found) throw new Error(`there is no ${id}`);
  return found;
};

beforeAll(async () => {
  const opened = await openInMemory(tenantTree);
  ({ readModels, close } = opened);
  const paths = [FEW, MANY].flatMap((id) => [
    [id],
    ...Array.from({ length: id === MANY ? MOST_IN_PART : 3 }, (_, number) => [id, customerOf(id, number)]),
  ]);
  await Promise.all(paths.map((path) => happened(opened.store, `tenants.tenant-${path.at(-1) ?? ''}`, [tenantRegistered(path)])));
});
afterAll(() => close());

const regularOf = (tenantId: TenantId): Standing => ({
  memberships: [{ tenantId, role: 'regular', carriesOver: true }],
  links: [],
});
const supportOfOne = (tenantId: TenantId): Standing => ({
  ...regularOf(tenantId),
  links: [{ tenantId: customerOf(tenantId, 1), role: 'support' }],
});

describe('where somebody sees who was about', () => {
  it.each([FEW, MANY])('is everywhere where nothing below %s lessens it', async (id) => {
    expect(await seesActivityIn(readModels, regularOf(id), { top: await top(id), allowed: 'all' })).toBe('all');
  });

  it('is all of a few but those where they are Support', async () => {
    expect(await seesActivityIn(readModels, supportOfOne(FEW), { top: await top(FEW), allowed: 'all' })).toEqual([
      FEW,
      customerOf(FEW, 0),
      customerOf(FEW, 2),
    ]);
  });

  it('is nowhere where it would be a part of very many, whom each page would have to sort', async () => {
    expect(await seesActivityIn(readModels, supportOfOne(MANY), { top: await top(MANY), allowed: 'all' })).toEqual([]);
  });
});
