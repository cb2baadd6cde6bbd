import { type AccessModel, type AccessSettingsEvent } from '#libs/published/access-control';
import { type TenantId } from '#libs/published/ids';
import { part, projection } from '#libs/read-models/projection';

/** What a tenant chose for its own users. */
export type AccessSettingsRow = Readonly<{ id: TenantId; accessModel: AccessModel; activityMirror: boolean }>;

/** What holds for a tenant that chose nothing, and so has no row. */
const DEFAULT_ACCESS_SETTINGS = { accessModel: 'perCustomer', activityMirror: false } as const;

export const accessSettings = projection({
  name: 'access-settings',
  version: 1,
  parts: {
    settings: part<AccessSettingsEvent, AccessSettingsRow>('access-control.accessSettings', {
      document: ({ data }) => data.tenantId,
      evolve: (before, { type, data }) => {
        const settings = before ?? { ...DEFAULT_ACCESS_SETTINGS, id: data.tenantId };
        return type === 'AccessModelChosen'
          ? { ...settings, accessModel: data.accessModel }
          : { ...settings, activityMirror: data.mirror };
      },
    }),
  },
  row: ({ settings }): AccessSettingsRow | undefined => settings,
  indexes: [],
});
