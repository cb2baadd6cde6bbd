import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { ASKED_TO_END, type CheckpointWork, ENDED } from './checkpoints.ts';

/** Of the write-ahead log, from which on it is begun anew where nobody's own checkpoint can be sure to find it at rest. */
const PAGES_SHARED = 10_000;
/** Writers of all processes stand still so long at most, for a reader that is slow to leave. */
const STILL_MS = 50;

const { file, everyMs, shared, flags } = workerData as CheckpointWork;
const connection = new DatabaseSync(file, { timeout: shared ? STILL_MS : 0 });
const checkpoint = connection.prepare('PRAGMA wal_checkpoint(PASSIVE)');
const beginAnew = connection.prepare('PRAGMA wal_checkpoint(RESTART)');
while (Atomics.wait(flags, ASKED_TO_END, 0, everyMs) === 'timed-out') {
  try {
    const pages = Number(checkpoint.get()?.['log']);
    if (shared && pages > PAGES_SHARED) beginAnew.get();
  } catch {
    // A full or broken disk is told to whoever writes next: nothing is lost while the write-ahead log is there.
  }
}
connection.close();
Atomics.store(flags, ENDED, 1);
Atomics.notify(flags, ENDED);
