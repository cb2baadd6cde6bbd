import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { ASKED_TO_END, type CheckpointWork, ENDED } from './checkpoints.ts';

const { file, everyMs, flags } = workerData as CheckpointWork;
const connection = new DatabaseSync(file, { timeout: 0 });
const checkpoint = connection.prepare('PRAGMA wal_checkpoint(PASSIVE)');
while (Atomics.wait(flags, ASKED_TO_END, 0, everyMs) === 'timed-out') {
  try {
    checkpoint.get();
  } catch {
    // A full or broken disk is told to whoever writes next: nothing is lost while the write-ahead log is there.
  }
}
connection.close();
Atomics.store(flags, ENDED, 1);
Atomics.notify(flags, ENDED);
