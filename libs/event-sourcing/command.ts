import { randomUUID } from 'node:crypto';
import { type Instant } from '#libs/time/time';
import { type CommandId, type Metadata } from './event.ts';

/**
 * One wish of a caller, with what its events will carry. `id` is a UUID: derived from the caller and its `Idempotency-Key` (or
 * random without one); reactions derive theirs from the event that caused them. The shell makes it; decisions never see it.
 */
export type Command = Readonly<
  Omit<Metadata, 'commandId'> & {
    id: CommandId;
    /** The caller may come again with this id, and then wants the first answer: also a command that changes nothing is remembered. */
    keyed: boolean;
  }
>;

/** What no request of a caller asks for, as a login or a watch over the clock: nobody comes again with its id. */
export const unrequested = (principalId: string, time: Instant, tenant: string | null = null): Command => ({
  id: randomUUID() as CommandId,
  keyed: false,
  bodyHash: '',
  principal: { id: principalId },
  tenant,
  time,
});

export const metadataOf = ({ id, keyed: _, ...carried }: Command): Metadata => ({ commandId: id, ...carried });
