import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { aCommand } from '#libs/event-sourcing/testing/command';
import { type Decision } from '#libs/event-sourcing/decider';
import { handle, present } from '#libs/event-sourcing/handle';
import { openEmbedded } from '#libs/platform/embedded-storage';
import { type Storage } from '#libs/platform/storage';
import { type ContractsEvent } from '#libs/published/contracts';
import { type Terms } from '#libs/published/contract-terms';
import { type Revision } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { type TenantId } from '#libs/published/ids';
import { day } from '#libs/time/time';
import { changeStatus, draft, saveVersion, type TenantContracts, tenantContracts } from './contract/contract.ts';
import { contractList } from './contract-list/contract-list.projection.ts';
import { settleAll } from './scheduler.ts';
import { contractId, customer, noon, path, root, terms } from './testing/sample-contracts.ts';
import { versionHistory } from './version-history/version-history.projection.ts';

let storage: Storage;
beforeEach(async () => {
  storage = await openEmbedded('sqlite::memory:', [contractList, versionHistory], {});
});
afterEach(() => storage.close());

const first = contractId('first');
const december = noon('2025-12-01');

const decide = (decision: Decision<TenantContracts, ContractsEvent>, seen?: Revision) =>
  handle(storage.store, tenantContracts, customer, decision, {
    command: aCommand(),
    ...(seen === undefined
      ? {}
      : { expected: { revision: seen, of: ({ contracts }: TenantContracts) => contracts.get(first)?.revision } }),
  });

const scheduled = async (of: Terms): Promise<void> => {
  await decide(draft({ id: first, tenantId: customer, rootId: root }, path, 'T3', of, december));
  await decide(changeStatus(first, { to: 'active', reason: 'signed' }, december));
};

const eventsAfterMarking = async () => {
  const { events } = await storage.store.read(tenantContracts.stream(customer));
  return events.slice(2).map(({ type, data, metadata }) => ({ type, data, time: metadata.time }));
};

describe('the scheduler of contracts', () => {
  it('does nothing before its day', async () => {
    await scheduled(terms());
    await settleAll(storage, day('2025-12-31'));
    expect(await eventsAfterMarking()).toEqual([]);
  });
  it('appends what was due after a long pause, in due order and as of when it was due', async () => {
    await scheduled(terms({ renewalPolicy: 'auto-renewal' }));
    await settleAll(storage, day('2028-05-01'));
    expect(await eventsAfterMarking()).toMatchObject([
      { type: 'ContractStatusChanged', data: { to: 'active' }, time: '2026-01-01T00:00:00.000Z' },
      { type: 'ContractVersionSaved', data: { terms: { end: '2027-12-31' } }, time: '2027-01-01T00:00:00.000Z' },
      { type: 'ContractVersionSaved', data: { terms: { end: '2028-12-31' } }, time: '2028-01-01T00:00:00.000Z' },
    ]);
    expect(await storage.readModels.of(contractList).get(first)).toMatchObject({ status: 'active', version: 3 });
  });
  it('appends nothing twice, neither again nor beside another scheduler', async () => {
    await scheduled(terms());
    await Promise.all([settleAll(storage, day('2027-01-01')), settleAll(storage, day('2027-01-01'))]);
    await settleAll(storage, day('2027-01-01'));
    expect((await eventsAfterMarking()).map(({ data }) => data)).toMatchObject([{ to: 'active' }, { to: 'expired' }]);
  });
  it('lets no tenant that fails hold up another, and says so', async () => {
    const other = '00000000-0000-4000-8000-0000000000ff' as TenantId;
    const second = contractId('second');
    await scheduled(terms());
    const inOther = (decision: Decision<TenantContracts, ContractsEvent>) =>
      handle(storage.store, tenantContracts, other, decision, { command: aCommand() });
    await inOther(draft({ id: second, tenantId: other, rootId: root }, [root, other], 'T3', terms(), december));
    await inOther(changeStatus(second, { to: 'active', reason: 'signed' }, december));
    const list = storage.readModels.of(contractList);
    const [failing, spared] = (await list.all({ status: 'scheduled' })).map(({ tenantId }) => tenantId);
    const { store: whole } = storage;
    const store: EventStore = {
      logId: whole.logId,
      read: (stream, range) =>
        stream === tenantContracts.stream(failing ?? customer) ? Promise.reject(new Error('damaged')) : whole.read(stream, range),
      append: (...given) => whole.append(...given),
      appendBatches: (...given) => whole.appendBatches(...given),
      subscribe: (...given) => whole.subscribe(...given),
      head: () => whole.head(),
    };
    await expect(settleAll({ store, readModels: storage.readModels }, day('2026-01-02'))).rejects.toThrow('1 tenant(s)');
    expect((await list.all({ status: 'active' })).map(({ tenantId }) => tenantId)).toEqual([spared]);
  });
  it('renews again when a person took a renewal back', async () => {
    const year = terms({ renewalPolicy: 'auto-renewal' });
    await scheduled(year);
    await settleAll(storage, day('2027-01-01'));
    await decide(saveVersion(first, { ...year, name: 'Shorter' }, undefined, noon('2027-01-01')));
    await settleAll(storage, day('2027-01-02'));
    const { state } = await present(storage.store, tenantContracts, customer);
    expect(state.contracts.get(first)).toMatchObject({ version: 4, terms: { end: '2027-12-31', name: 'Shorter' } });
  });
});

describe('two writers on one version of a contract', () => {
  it('one saves the next version, the other learns that it is stale, nothing is lost', async () => {
    await scheduled(terms());
    const { state } = await present(storage.store, tenantContracts, customer);
    const seen = state.contracts.get(first)?.revision;
    const save = (name: string) => decide(saveVersion(first, terms({ name }), undefined, december), seen);
    const outcomes = await Promise.allSettled([save('A'), save('B')]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { refusal: 'stale' } });
    expect((await storage.readModels.of(versionHistory).get(first))?.versions.map(({ terms: { name } }) => name)).toEqual([
      'Agreement',
      outcomes[0].status === 'fulfilled' ? 'A' : 'B',
    ]);
  });
  it('a change of another contract of the tenant makes nobody stale', async () => {
    await scheduled(terms());
    const second = contractId('second');
    const { state } = await present(storage.store, tenantContracts, customer);
    await decide(draft({ id: second, tenantId: customer, rootId: root }, path, 'T3', terms(), december));
    const { events } = await decide(
      saveVersion(first, terms({ name: 'A' }), undefined, december),
      state.contracts.get(first)?.revision,
    );
    expect(events).toHaveLength(1);
  });
});
