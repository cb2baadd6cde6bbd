import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fetchJars, freePort, listens, startJava } from './java-engine.ts';

/** It keeps everything in memory: some hundred thousand documents and their indexes. */
const HEAP = '2g';

/**
 * Starts a server that speaks MongoDB's wire protocol and keeps nothing on disk. It shows that the adapter speaks to a server and
 * handles conflicts, and proves nothing about MongoDB itself. It listens on the port `wanted` or a free one. @returns its address for
 * READ_MODELS_URL
 */
export const startMongoStandIn = async (folder: string, pomFolder: string, wanted?: number): Promise<string> => {
  mkdirSync(folder, { recursive: true });
  const jars = await fetchJars(join(pomFolder, 'pom.xml'), folder);
  const port = wanted ?? (await freePort());
  await startJava(
    {
      name: 'The stand-in for MongoDB',
      folder,
      arguments: [`-Xmx${HEAP}`, '-XX:+ExitOnOutOfMemoryError', resolve(pomFolder, 'Start.java'), String(port)],
      answers: () => listens(port),
    },
    jars,
  );
  return `mongodb://127.0.0.1:${String(port)}/tributary`;
};
