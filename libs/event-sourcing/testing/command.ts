import { randomUUID } from 'node:crypto';
import { type Instant } from '#libs/time/time';
import { type Command } from '../command.ts';
import { type CommandId } from '../event.ts';

/** A command as the shell would make it: of an operator, with a fresh id and no key, unless told otherwise. */
export const aCommand = (told: Partial<Command> = {}): Command => ({
  id: randomUUID() as CommandId,
  keyed: false,
  bodyHash: 'a'.repeat(64),
  principal: { id: 'operator' },
  tenant: null,
  time: '2025-01-15T12:00:00.000Z' as Instant,
  ...told,
});
