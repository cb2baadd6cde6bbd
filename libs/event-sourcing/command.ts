import { type CommandId, type Metadata } from './event.ts';

/**
 * One wish of a caller, with what its events will carry. `id` is derived from the caller and its `Idempotency-Key` (or random
 * without one); reactions derive theirs from the event that caused them. The shell makes it; decisions never see it.
 */
export type Command = Readonly<Omit<Metadata, 'commandId'> & { id: CommandId }>;
