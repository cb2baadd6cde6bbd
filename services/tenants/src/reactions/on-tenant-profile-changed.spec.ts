import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { handleClaiming } from '#libs/event-sourcing/claims';
import { present } from '#libs/event-sourcing/handle';
import { SqliteEventStore } from '#libs/event-sourcing/sqlite/sqlite-event-store';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { deliverAll } from '#libs/messaging/testing/deliver-all';
import { currency } from '#libs/money/currency';
import { type TenantId } from '#libs/published/ids';
import { openSqlite } from '#libs/sqlite/database';
import { type Instant } from '#libs/time/time';
import { changeProfile, claimOfCode, codeToClaim, type Profile, register, registered, tenant } from '../tenant/tenant.ts';
import { onTenantProfileChanged } from './on-tenant-profile-changed.ts';

const now = '2026-01-01T00:00:00.000Z' as Instant;
const [A, B] = ['a', 'b'] as TenantId[] as [TenantId, TenantId];

let store: SqliteEventStore;
beforeEach(() => {
  store = new SqliteEventStore(openSqlite('sqlite::memory:'));
});
afterEach(() => {
  store.close();
});

const registering = (id: TenantId, customerCode: string) => {
  const registration = { tier: 'reseller', name: id, customerCode, primaryDomain: null, currency: currency('USD') } as const;
  const claims = [claimOfCode([id], customerCode)];
  return handleClaiming(store, tenant, id, register(id, null, registration, now), { command: aCommand(), claims });
};

const changing = async (id: TenantId, change: Partial<Profile>) => {
  const before = registered((await present(store, tenant, id)).state);
  const code = codeToClaim(before, change);
  const claims = code === null ? [] : [claimOfCode([id], code)];
  return handleClaiming(store, tenant, id, changeProfile(change, code), { command: aCommand(), claims });
};

const react = (): Promise<void> => deliverAll(store, onTenantProfileChanged(store));

describe('a customer code that is given up', () => {
  it('stays taken until the reaction has run, then it is free', async () => {
    await registering(A, 'X');
    await changing(A, { customerCode: 'Y' });
    await expect(registering(B, 'x')).rejects.toMatchObject({ code: 'customer-code-taken' });
    await react();
    await expect(registering(B, 'x')).resolves.toMatchObject({ revision: 0 });
  });

  it('is freed by taking the code away, also after changes that kept it', async () => {
    await registering(A, 'X');
    await changing(A, { name: 'Another name' });
    await changing(A, { customerCode: 'x' });
    await changing(A, { customerCode: null });
    await react();
    await expect(registering(B, 'X')).resolves.toMatchObject({ revision: 0 });
  });

  it('stays taken when its owner has come back to it before the reaction ran', async () => {
    await registering(A, 'X');
    await changing(A, { customerCode: 'Y' });
    await changing(A, { customerCode: 'X' });
    await react();
    await expect(registering(B, 'X')).rejects.toMatchObject({ code: 'customer-code-taken' });
    await expect(registering(B, 'Y')).resolves.toMatchObject({ revision: 0 });
  });

  it('may be freed again and again: a later owner keeps it', async () => {
    await registering(A, 'X');
    await changing(A, { customerCode: 'Y' });
    await react();
    await registering(B, 'X');
    await react();
    await expect(registering('c' as TenantId, 'X')).rejects.toMatchObject({ code: 'customer-code-taken' });
  });
});
