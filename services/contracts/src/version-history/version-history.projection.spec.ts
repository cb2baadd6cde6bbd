import { describe, expect, it } from '@jest/globals';
import { type ContractsEvent } from '#libs/published/contracts';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { contractId, customer, drafted, noon, path, statusChanged, terms, versionSaved } from '../testing/sample-contracts.ts';
import { versionHistory } from './version-history.projection.ts';

const first = contractId('first');
const second = contractId('second');
const rows = (...events: ContractsEvent[]) =>
  rowsOf(versionHistory, [history<ContractsEvent>('contracts.tenantContracts-customer', ...events)]);

describe('the history of a contract', () => {
  const renamed = terms({ name: 'Agreement 2' });
  const [contract] = rows(
    drafted(first),
    versionSaved(first, 2, renamed, '2026-02-01', noon('2026-01-20')),
    statusChanged(first, 'draft', 'active', '2026-01-01'),
    statusChanged(first, 'active', 'superseded', '2026-03-01', { supersededBy: second, reason: 'replaced' }),
    drafted(second),
  );

  it('holds every version with its terms, when it was saved and from when it holds', () => {
    expect(contract?.versions).toEqual([
      { version: 1, effectiveFrom: '2026-01-01', savedAt: noon('2025-12-01'), reason: 'drafted', terms: terms() },
      { version: 2, effectiveFrom: '2026-02-01', savedAt: noon('2026-01-20'), reason: 'saved', terms: renamed },
    ]);
  });
  it('holds every change of status with its reason', () => {
    expect(contract?.statusChanges).toEqual([
      { from: 'draft', to: 'active', effectiveFrom: '2026-01-01', reason: 'signed', changedAt: noon('2025-12-01') },
      {
        from: 'active',
        to: 'superseded',
        effectiveFrom: '2026-03-01',
        reason: 'replaced',
        changedAt: noon('2025-12-01'),
        supersededBy: second,
      },
    ]);
  });
  it('knows whose it is, its status and the revision of the last event that touched it', () => {
    expect(contract).toMatchObject({ id: first, tenantId: customer, path, tier: 'T3', status: 'superseded', revision: 3 });
  });
});

projectionTwins(versionHistory, [
  history<ContractsEvent>(
    'contracts.tenantContracts-customer',
    drafted(first),
    drafted(second),
    versionSaved(first, 2, terms({ name: 'Agreement 2' }), '2026-02-01', noon('2026-01-20')),
    statusChanged(second, 'draft', 'active', '2026-01-01'),
    statusChanged(first, 'draft', 'cancelled', '2026-03-01'),
  ),
  history<ContractsEvent>(
    'contracts.tenantContracts-other',
    drafted(contractId('third')),
    statusChanged(contractId('third'), 'draft', 'active', '2026-01-01'),
  ),
]);
