import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { handleClaiming } from '#libs/event-sourcing/claims';
import { handle, present } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { deliverAll } from '#libs/messaging/testing/deliver-all';
import { type RoleId, type TenantId } from '#libs/published/ids';
import { openSqlite } from '#libs/sqlite/database';
import { claimOfName, customRoleOf, define, existing, nameToClaim, redefine, remove } from '../role/role.ts';
import { onRoleChanged } from './on-role-changed.ts';

const OURS = { id: 'ours' as TenantId, path: ['ours' as TenantId] };
const THEIRS = { id: 'theirs' as TenantId, path: ['theirs' as TenantId] };
const [A, B, C] = ['a', 'b', 'c'] as [RoleId, RoleId, RoleId];

let store: SqliteEventStore;
beforeEach(() => {
  store = new SqliteEventStore(openSqlite('sqlite::memory:'));
});
afterEach(() => {
  store.close();
});

const defining = (id: RoleId, name: string, tenant = OURS) =>
  handleClaiming(store, customRoleOf, id, define(tenant, id, { name, permissions: ['tenants:read'] }), {
    command: aCommand(),
    claims: [claimOfName(tenant.id, name)],
  });

const renaming = async (id: RoleId, name: string) => {
  const wanted = { name, permissions: ['tenants:read'] } as const;
  const claimed = nameToClaim(existing((await present(store, customRoleOf, id)).state, OURS.id), wanted);
  const claims = claimed === null ? [] : [claimOfName(OURS.id, claimed)];
  return handleClaiming(store, customRoleOf, id, redefine(OURS, id, wanted, claimed), { command: aCommand(), claims });
};

const removing = (id: RoleId) => handle(store, customRoleOf, id, remove(OURS.id, id), { command: aCommand() });

const react = (): Promise<void> => deliverAll(store, onRoleChanged(store));

const TAKEN = { code: 'role-name-taken', message: expect.stringContaining('CLERK') };

describe('the name of a role', () => {
  it('is one role’s of its tenant, whatever the case, and free to other tenants', async () => {
    await defining(A, 'Clerk');
    await expect(defining(B, 'CLERK')).rejects.toMatchObject(TAKEN);
    await defining(B, 'Biller');
    await expect(renaming(B, 'CLERK')).rejects.toMatchObject(TAKEN);
    await defining(C, 'CLERK', THEIRS);
    await renaming(A, 'clerk');
  });

  it('is free once it is given up, and not before', async () => {
    await defining(A, 'Clerk');
    await renaming(A, 'clerk');
    await renaming(A, 'Biller');
    await expect(defining(B, 'CLERK')).rejects.toMatchObject(TAKEN);
    await react();
    await defining(B, 'Clerk');
    await expect(defining(C, 'biller')).rejects.toMatchObject({ code: 'role-name-taken' });
  });

  it('is free once the role is removed, and stays with whoever took it then', async () => {
    await defining(A, 'Clerk');
    await removing(A);
    await react();
    await defining(B, 'Clerk');
    await react();
    await expect(defining(C, 'CLERK')).rejects.toMatchObject(TAKEN);
  });
});
