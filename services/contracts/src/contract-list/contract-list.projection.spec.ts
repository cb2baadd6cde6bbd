import { describe, expect, it } from '@jest/globals';
import { type ContractsEvent } from '#libs/published/contracts';
import { alphabetical } from '#libs/read-models/alphabetical';
import { projectionTwins } from '#libs/read-models/projection-twins.contract';
import { history, rowsOf } from '#libs/read-models/testing/rows';
import { day } from '#libs/time/time';
import {
  contractId,
  customer,
  drafted,
  midnight,
  noon,
  path,
  reseller,
  statusChanged,
  terms,
  versionSaved,
} from '../testing/sample-contracts.ts';
import { contractList } from './contract-list.projection.ts';

const first = contractId('first');
const second = contractId('second');
const rows = (...events: ContractsEvent[]) =>
  rowsOf(contractList, [history<ContractsEvent>('contracts.tenantContracts-customer', ...events)]);

const draftRow = {
  id: first,
  tenantId: customer,
  parentId: reseller,
  path,
  tier: 'T3',
  name: 'Agreement',
  nameOrder: alphabetical('Agreement'),
  version: 1,
  versionDate: noon('2025-12-01'),
  status: 'draft',
  statusFrom: null,
  start: '2026-01-01',
  end: '2026-12-31',
  renewalPolicy: 'fixed-term',
};

describe('the list of contracts', () => {
  it('shows a draft with name, version, version date, status, start and end', () => {
    expect(rows(drafted(first))).toEqual([draftRow]);
  });
  it('shows the newest version and when it was saved', () => {
    const renamed = terms({ name: 'Agreement 2', end: day('2027-12-31') });
    expect(rows(drafted(first), versionSaved(first, 2, renamed, '2026-02-01', noon('2026-01-20')))).toEqual([
      {
        ...draftRow,
        name: 'Agreement 2',
        nameOrder: alphabetical('Agreement 2'),
        version: 2,
        versionDate: noon('2026-01-20'),
        end: '2027-12-31',
      },
    ]);
  });
  it('shows the status and from when it rules', () => {
    const events = [
      statusChanged(first, 'draft', 'active', '2026-01-01'),
      statusChanged(first, 'active', 'cancelled', '2026-03-01'),
    ];
    expect(rows(drafted(first), ...events)).toEqual([{ ...draftRow, status: 'cancelled', statusFrom: '2026-03-01' }]);
  });
  it('counts a renewal as saved when it fell due', () => {
    const renewed = versionSaved(first, 2, terms({ end: day('2027-12-31') }), '2026-01-01', midnight('2027-01-01'), 'renewed');
    expect(rows(drafted(first), renewed)).toMatchObject([{ version: 2, versionDate: midnight('2027-01-01') }]);
  });
  it('has a row for each contract of a tenant, touched by its own events only', () => {
    expect(rows(drafted(first), drafted(second), statusChanged(second, 'draft', 'active', '2026-01-01'))).toEqual([
      draftRow,
      { ...draftRow, id: second, status: 'active', statusFrom: '2026-01-01' },
    ]);
  });
});

projectionTwins(contractList, [
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
