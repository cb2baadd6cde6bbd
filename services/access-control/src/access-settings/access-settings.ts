import { decider } from '#libs/event-sourcing/decider';
import { type Revision } from '#libs/event-sourcing/event';
import { type AccessModel, type AccessSettingsEvent } from '#libs/published/access-control';
import { type TenantId } from '#libs/published/ids';

/** What a tenant chose for its own users. */
export type AccessSettings = Readonly<{ accessModel: AccessModel; activityMirror: boolean }>;

/** `revision` counts what was chosen, 0 before anything was: its ETag. */
type ChosenSettings = AccessSettings & Readonly<{ revision: Revision }>;

export const accessSettingsOf = decider<ChosenSettings, AccessSettingsEvent, TenantId>(
  'access-control.accessSettings',
  { accessModel: 'perCustomer', activityMirror: false, revision: 0 },
  (before, { type, data }, revision) => ({
    ...before,
    ...(type === 'AccessModelChosen' ? { accessModel: data.accessModel } : { activityMirror: data.mirror }),
    revision: revision + 1,
  }),
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
