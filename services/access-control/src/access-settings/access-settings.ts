import { decider } from '#libs/event-sourcing/decider';
import { type AccessModel, type AccessSettingsEvent } from '#libs/published/access-control';
import { type TenantId } from '#libs/published/ids';

/** What a tenant chose for its own users. */
export type AccessSettings = Readonly<{ accessModel: AccessModel; activityMirror: boolean }>;

export const accessSettingsOf = decider<AccessSettings, AccessSettingsEvent, TenantId>(
  'access-control.accessSettings',
  { accessModel: 'perCustomer', activityMirror: false },
  (before, { type, data }) =>
    type === 'AccessModelChosen' ? { ...before, accessModel: data.accessModel } : { ...before, activityMirror: data.mirror },
);

export const choose =
  (tenantId: TenantId, { accessModel, activityMirror }: Partial<AccessSettings>) =>
  (present: AccessSettings): AccessSettingsEvent[] => [
    ...(accessModel === undefined || accessModel === present.accessModel
      ? []
      : [{ type: 'AccessModelChosen', data: { tenantId, accessModel } } as const]),
    ...(activityMirror === undefined || activityMirror === present.activityMirror
      ? []
      : [{ type: 'ActivityMirrorChosen', data: { tenantId, mirror: activityMirror } } as const]),
  ];
