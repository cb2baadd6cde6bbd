import { describe, it } from '@jest/globals';
import { given } from '#libs/event-sourcing/testing/given';
import { type AccessSettingsEvent } from '#libs/published/access-control';
import { type TenantId } from '#libs/published/ids';
import { accessSettingsOf, choose } from './access-settings.ts';

const TENANT = 't' as TenantId;
const carryOver: AccessSettingsEvent = { type: 'AccessModelChosen', data: { tenantId: TENANT, accessModel: 'carryOver' } };
const mirror: AccessSettingsEvent = { type: 'ActivityMirrorChosen', data: { tenantId: TENANT, mirror: true } };

describe('choosing how users reach the tenants below', () => {
  it('is a link for each customer unless something else is chosen', () => {
    given(accessSettingsOf)
      .when(choose(TENANT, { accessModel: 'perCustomer', activityMirror: false }))
      .thenNothing();
  });
  it('takes what is given and leaves the rest', () => {
    given(accessSettingsOf)
      .when(choose(TENANT, { accessModel: 'carryOver' }))
      .then(carryOver);
    given(accessSettingsOf, carryOver)
      .when(choose(TENANT, { accessModel: 'carryOver', activityMirror: true }))
      .then(mirror);
  });
});
