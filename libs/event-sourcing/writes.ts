import { AsyncLocalStorage } from 'node:async_hooks';
import { type Position, type StreamName } from './event.ts';

/** Where a command's last event stands. */
export type Write = Readonly<{ stream: StreamName; position: Position }>;

const notes = new AsyncLocalStorage<Write[]>();

/** Whatever `handle` answers within `work` is noted in `writes`, what it did an earlier time included. */
export const notingWrites = <Result>(writes: Write[], work: () => Result): Result => notes.run(writes, work);

export const notedWrites = (): Write[] | undefined => notes.getStore();
