import { inThisThread, replayOfThisThread } from '#libs/platform/replay-thread';
import { openService } from './running-service.ts';

/** The thread in which a service of `replay-process.ts`, whose arguments it has, carries out a replay. */

const [, , messagingUrl = '', readModelsUrl = '', name = '', log = ''] = process.argv;
const replay = replayOfThisThread();
if (!replay) throw new Error('This is the program of a thread.');
await inThisThread(async (signal) => {
  const { readModels, close } = await openService(name, { messagingUrl, readModelsUrl, log });
  try {
    await readModels.carryOut(replay, signal);
  } finally {
    await close();
  }
});
