import { describe, expect, it } from '@jest/globals';
import { type Currency } from '#libs/money/currency';
import { type ContractId, type TenantId } from '#libs/published/ids';
import { type Bill, type ProformaLine } from '#libs/published/invoicing';
import { viewedLine, viewedParts } from './bill-view.ts';

const [d1, r1, c1, stranger] = ['d1', 'r1', 'c1', 'x1'] as TenantId[] as [TenantId, TenantId, TenantId, TenantId];

const bill: Pick<Bill, 'path' | 'figures' | 'contracts' | 'warnings' | 'pricedUpstream'> = {
  pricedUpstream: false,
  path: [d1, r1, c1],
  figures: [
    {
      currency: 'USD' as Currency,
      billed: '10',
      resold: null,
      margin: null,
      rated: '8',
      excluded: [
        { by: d1, amount: '1' },
        { by: r1, amount: '0.25' },
        { by: c1, amount: '-0.5' },
      ],
      unbilled: '0',
      unassigned: '0',
      marginParts: [],
    },
  ],
  contracts: [d1, r1, c1].map((tenantId) => ({ tenantId, contractId: `contract of ${tenantId}` as ContractId, version: 1 })),
  warnings: [
    { code: 'a', message: 'anybody', by: null },
    { code: 'r', message: 'of the reseller', by: r1 },
  ],
};

describe('what a viewer sees of a bill', () => {
  it.each([
    ['platform', '0.75', ['d1', 'r1', 'c1'], ['a', 'r'], r1],
    [d1, '0.75', ['d1', 'r1', 'c1'], ['a', 'r'], r1],
    [r1, '-0.25', ['r1', 'c1'], ['a', 'r'], r1],
    [c1, '-0.5', ['c1'], ['a'], null],
  ] as const)(
    '%s: what tiers above exclude, their contracts and warnings do not show',
    (viewer, excluded, contracts, warnings, parentId) => {
      const view = viewedParts(bill, viewer as TenantId | 'platform');
      expect(view.figures.map((figures) => figures.excluded)).toEqual([excluded]);
      expect(view.contracts.map(({ tenantId }) => tenantId)).toEqual(contracts);
      expect(view.warnings).toEqual(warnings.map((code) => ({ code, message: code === 'a' ? 'anybody' : 'of the reseller' })));
      expect(view.parentId).toBe(parentId);
      expect(JSON.stringify(view.figures)).not.toContain('by');
    },
  );

  it.each([
    ['platform', '8'],
    [d1, '8'],
    [r1, '8'],
    [c1, null],
  ] as const)('%s: source amounts do not show to a tenant that is priced by its upstream tier', (viewer, rated) => {
    const priced = { ...bill, pricedUpstream: true };
    const { figures } = viewedParts(priced, viewer as TenantId | 'platform');
    expect(figures).toMatchObject([{ billed: '10', rated }]);
    expect(figures[0]?.excluded === null).toBe(rated === null);
  });

  it('shows no rule of any tier to whoever is not on the way', () => {
    expect(viewedParts(bill, stranger)).toMatchObject({ contracts: [], parentId: null, figures: [{ excluded: '0' }] });
    expect(viewedParts(bill, null)).toMatchObject({ contracts: [], figures: [{ excluded: '0' }] });
  });
});

describe('a line of a reseller’s document', () => {
  const line: ProformaLine = {
    id: 'l1',
    kind: 'usage',
    text: 'C1: Compute, Usage',
    amount: '10',
    unrounded: '10',
    contractId: 'k1' as ContractId,
    customerId: c1,
    managementAccountId: null,
    serviceName: 'Compute',
    chargeCategory: 'Usage',
    ruleId: null,
    sourceLines: 1,
  };

  it('names the customer to whoever reaches it', () => {
    expect(viewedLine(line, 'all')).toEqual(line);
    expect(viewedLine(line, [r1, c1])).toEqual(line);
    expect(viewedLine({ ...line, customerId: null }, [r1])).toEqual({ ...line, customerId: null });
  });

  it('keeps its amount and no more than its service for whoever does not', () => {
    expect(viewedLine(line, [r1])).toEqual({ ...line, customerId: null, text: 'Compute' });
    expect(viewedLine({ ...line, serviceName: null }, [r1]).text).toBe('A customer');
  });
});
