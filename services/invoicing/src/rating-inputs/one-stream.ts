import { type TenantId } from '#libs/published/ids';

/** What every row of a rating input says of the one stream behind it: its tree, and how many events the stream had when it last changed. */
export type OneStream = Readonly<{ rootId: TenantId; changes: number }>;
