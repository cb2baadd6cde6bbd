import { describe, expect, it } from '@jest/globals';
import { type TenantId } from '#libs/published/ids';
import { reaches, visiblePath } from './reach.ts';

const [D, R, C] = ['d', 'r', 'c'] as TenantId[] as [TenantId, TenantId, TenantId];

describe('reach', () => {
  it('is the tenant itself and everything below it, and every tree from the platform', () => {
    expect(reaches(R, [D, R, C])).toBe(true);
    expect(reaches(R, [D, R])).toBe(true);
    expect(reaches(R, [D])).toBe(false);
    expect(reaches('platform', [D])).toBe(true);
    expect(reaches(null, [D])).toBe(false);
  });

  it('shows a path from the tenant as whose user one acts', () => {
    expect(visiblePath(R, [D, R, C])).toEqual([R, C]);
    expect(visiblePath('platform', [D, R, C])).toEqual([D, R, C]);
  });
});
