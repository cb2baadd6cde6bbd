import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type TenantActivityEvent } from '#libs/published/acting';
import { type TenantId, type UserId } from '#libs/published/ids';
import { type Instant } from '#libs/time/time';
import { seen, tenantActivity } from './tenant-activity.ts';

const tenantId = 'c' as TenantId;
const about = (userId: string, at: string): TenantActivityEvent => ({
  type: 'TenantUserActive',
  data: { tenantId, userId: userId as UserId, at: `2026-01-31T${at}.000Z` as Instant },
});
const by = (userId: string, at: string) => seen(tenantId, userId as UserId, `2026-01-31T${at}.000Z` as Instant);

describe('the last activity of a tenant', () => {
  it('is kept', () => given(tenantActivity).when(by('ada', '12:00:00')).then(about('ada', '12:00:00')));
  it('is kept every five minutes at most, whoever it is', () => {
    given(tenantActivity, about('ada', '12:00:00')).when(by('bob', '12:04:59')).thenNothing();
    given(tenantActivity, about('ada', '12:00:00')).when(by('bob', '12:05:00')).then(about('bob', '12:05:00'));
  });
  it('never goes back', () => given(tenantActivity, about('ada', '12:00:00')).when(by('ada', '11:00:00')).thenNothing());
});
