import { describe, expect, it } from '@jest/globals';
import { type LinkedAccountId, type TenantId } from '#libs/published/ids';
import { type Holdings } from '#libs/time/intervals';
import { day } from '#libs/time/time';
import { type Holder, holdersOf, type Taker, unassignedDays, type UsedAccount } from './account-days.ts';

const used = (first: string, last: string, name: string | null = null): UsedAccount => ({
  accountId: '111' as LinkedAccountId,
  name,
  firstDay: day(first),
  lastDay: day(last),
});
const tenant = (id: string): Holder => ({ id: id as TenantId, path: ['r', id] as TenantId[] });
const days = (from: string | null, to: string | null) => ({
  from: from === null ? null : day(from),
  to: to === null ? null : day(to),
});

const links = (explicit: Holdings<Holder>, automatic: Holdings<Taker> = []) => ({ explicit: () => explicit, automatic });
const JANUARY = used('2026-01-01', '2026-01-31', 'PRODSP1');

describe('days on which a used account is nobody’s', () => {
  it('are all days of its usage without a link', () => {
    expect(unassignedDays(JANUARY, links([]))).toEqual([days('2026-01-01', '2026-02-01')]);
  });

  it('are none when links cover the first to the last line, both included', () => {
    const two = [
      { ...days(null, '2026-01-16'), holder: tenant('a') },
      { ...days('2026-01-16', '2026-02-01'), holder: tenant('b') },
    ];
    expect(unassignedDays(JANUARY, links(two))).toEqual([]);
    expect(unassignedDays(used('2026-01-01', '2026-02-01'), links(two))).toEqual([days('2026-02-01', '2026-02-02')]);
  });

  it('are those before a link begins and after it ends', () => {
    expect(unassignedDays(JANUARY, links([{ ...days('2026-01-10', '2026-01-20'), holder: tenant('a') }]))).toEqual([
      days('2026-01-01', '2026-01-10'),
      days('2026-01-20', '2026-02-01'),
    ]);
  });

  it('are none of an automatic link’s, unless a pattern leaves the account out by its name or, without one, its id', () => {
    const taking = (...exclude: string[]) => links([], [{ ...days(null, null), holder: { ...tenant('a'), exclude } }]);
    expect(unassignedDays(JANUARY, taking('other'))).toEqual([]);
    expect(unassignedDays(JANUARY, taking('* SP*'))).toEqual([days('2026-01-01', '2026-02-01')]);
    expect(unassignedDays(used('2026-01-05', '2026-01-05'), taking('11*'))).toEqual([days('2026-01-05', '2026-01-06')]);
    expect(unassignedDays(JANUARY, taking('11*'))).toEqual([]);
  });
});

describe('whose a used account is', () => {
  it('is said by explicit links before automatic ones, on days of its usage only', () => {
    const automatic = [{ ...days(null, null), holder: { ...tenant('a'), exclude: [] } }];
    const held = holdersOf(JANUARY, links([{ ...days('2026-01-20', null), holder: tenant('b') }], automatic));
    expect(held.map(({ holder, from, to }) => [holder.id, from, to])).toEqual([
      ['b', '2026-01-20', '2026-02-01'],
      ['a', '2026-01-01', '2026-01-20'],
    ]);
  });
});
