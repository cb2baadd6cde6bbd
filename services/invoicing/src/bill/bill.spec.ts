import { describe, expect, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type TenantId } from '#libs/published/ids';
import { type Bill, type BillEvent } from '#libs/published/invoicing';
import { type Instant, type Month } from '#libs/time/time';
import { bill, contentHashOf, revise } from './bill.ts';

const now = '2026-02-01T00:00:00.000Z' as Instant;
const content: Bill = {
  tenantId: 'c1' as TenantId,
  path: ['d1', 'c1'] as TenantId[],
  tier: 'endCustomer',
  name: 'C1',
  month: '2026-01' as Month,
  figures: [],
  proforma: null,
  reason: { code: 'no-contract', message: 'No contract covers a day of the month.' },
  contracts: [],
  imports: [],
  pricedUpstream: false,
  warnings: [],
  unassigned: [],
  unbilled: [],
};
const revised = (of: Bill, inputDigest: string): BillEvent => ({
  type: 'BillRevised',
  data: { ...of, contentHash: contentHashOf(of), inputDigest, revisedAt: now },
});

describe('revising a bill', () => {
  it('says what the month comes to', () =>
    given(bill)
      .when(revise(content, 'input-1', now))
      .then(revised(content, 'input-1')));

  it('changes nothing when a later input comes to the same', () =>
    given(bill, revised(content, 'input-1'))
      .when(revise(content, 'input-2', now))
      .thenNothing());

  it('says it anew when anything differs', () => {
    const renamed = { ...content, name: 'Other' };
    given(bill, revised(content, 'input-1'))
      .when(revise(renamed, 'input-2', now))
      .then(revised(renamed, 'input-2'));
  });

  it('goes back to what it was before', () => {
    const renamed = { ...content, name: 'Other' };
    given(bill, revised(content, 'input-1'), revised(renamed, 'input-2'))
      .when(revise(content, 'input-1', now))
      .then(revised(content, 'input-1'));
  });

  it('does not depend on the order of fields', () => {
    const reordered = Object.fromEntries(Object.entries(content).reverse()) as unknown as Bill;
    expect(contentHashOf(reordered)).toBe(contentHashOf(content));
  });
});
