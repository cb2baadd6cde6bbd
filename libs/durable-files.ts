import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the content of a file, or the names in a folder, outlive a crash. */
export const makeDurable = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * Writes a file whole or not at all, in place of an earlier one; it is durable when this ends. The folder is there already. `attempt`
 * is random, so that two writers never meet; `mode` as for `open`.
 */
export const writeDurably = (file: string, text: string, attempt: string, mode?: number): Promise<void> =>
  write(file, text, attempt, mode, rename);

/** The same, unless the file is there: of several writers the first one's stays. @throws EEXIST */
export const createDurably = (file: string, text: string, attempt: string, mode?: number): Promise<void> =>
  write(file, text, attempt, mode, async (unfinished) => {
    await link(unfinished, file);
    await rm(unfinished);
  });

const write = async (
  file: string,
  text: string,
  attempt: string,
  mode: number | undefined,
  put: (unfinished: string, file: string) => Promise<void>,
): Promise<void> => {
  const unfinished = `${file}.${attempt}`;
  try {
    const handle = await open(unfinished, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await put(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await makeDurable(dirname(file));
};
