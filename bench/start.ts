import { startPlatformProcess } from '../proofs/platform-process.ts';
import { alternately, type Bench } from './goal.ts';
import { processorSeconds } from './load.ts';
import { dataWith, LONG_LOG, logIn, passAll } from './long-log.ts';

/** P16: a start looks at what is new in the log, not at the log. */
export const start: Bench = {
  goals: ['P16'],
  run: async ({ rounds, folder, say }) => {
    const side = async (name: 'long' | 'none', events: number): Promise<() => Promise<number>> => {
      const dataDir = await dataWith(events, folder);
      passAll(logIn(dataDir));
      return async () => {
        const before = performance.now();
        const platform = await startPlatformProcess(dataDir);
        await ready(platform.url);
        const milliseconds = performance.now() - before;
        const cpuMs = processorSeconds(platform.pid) * 1_000;
        await platform.stop();
        say(`  ${name}: ready after ${milliseconds.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU`);
        return cpuMs;
      };
    };
    const { ratio, ours, theirs } = await alternately(rounds, await side('long', LONG_LOG), await side('none', 0));
    return [
      {
        goal: 'P16',
        what: `CPU of a start until /health/ready, ${String(LONG_LOG)} events stored and folded`,
        against: 'a start with none',
        ratio,
        bound: { atMost: 1.3 },
        seen: `${(ours[0] ?? 0).toFixed(0)} ms against ${(theirs[0] ?? 0).toFixed(0)} ms`,
      },
    ];
  },
};

const ready = async (url: string): Promise<void> => {
  while ((await fetch(`${url}/health/ready`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 5));
};
