import { type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

/** What this process leaves neither when it fails nor at Ctrl-C: processes that it started, and folders of its own. */
const children = new Set<ChildProcess>();
const folders = new Set<string>();
let watching = false;

const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

const watch = (): void => {
  if (watching) return;
  watching = true;
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    // Those killed just now may still be writing.
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });
  for (const [signal, code] of SIGNALS)
    process.once(signal, () => {
      process.exit(code);
    });
};

/** It ends with this process, however that ends. */
export const endsWithUs = (child: ChildProcess): void => {
  watch();
  children.add(child);
  child.once('exit', () => children.delete(child));
};

/** A new folder below another, which goes with this process unless it is to stay. */
export const ownFolder = async (below: string, prefix: string, { stays = false } = {}): Promise<string> => {
  await mkdir(below, { recursive: true });
  watch();
  const folder = await mkdtemp(join(below, prefix));
  if (!stays) folders.add(folder);
  return folder;
};
