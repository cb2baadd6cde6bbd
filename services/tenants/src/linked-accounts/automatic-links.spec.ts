import { describe, expect, it } from '@jest/globals';
import { type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { day } from '#libs/time/time';
import { automaticLinks } from './automatic-links.ts';

const customer = { id: 'c' as TenantId, path: ['r', 'c'] as TenantId[], exclude: ['* SP*'] };
const account = (accountId: string, name: string | null = null) => ({ accountId: accountId as LinkedAccountId, name });
const always = { from: null, to: null };

describe('automatic links', () => {
  it('take in every account that the usage has shown, and say which pattern leaves one out', () => {
    const found = automaticLinks(
      { holdings: [{ ...always, holder: customer }] },
      [account('1'), account('2', 'PRODSP1')],
      () => [],
    );
    expect(found.map(({ accountId, excludedBy, intervals }) => [accountId, excludedBy, intervals])).toEqual([
      ['1', null, [always]],
      ['2', '* SP*', [always]],
    ]);
  });

  it('cover only the days that no explicit link covers', () => {
    const feb = day('2026-02-01');
    const linkedOn = (id: LinkedAccountId) => (id === '1' ? [{ from: feb, to: null }] : [always]);
    const found = automaticLinks({ holdings: [{ ...always, holder: customer }] }, [account('1'), account('2')], linkedOn);
    expect(found.map(({ accountId, intervals }) => [accountId, intervals])).toEqual([['1', [{ from: null, to: feb }]]]);
  });
});
