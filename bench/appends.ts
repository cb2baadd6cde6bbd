import { join } from 'node:path';
import { EMMETT, emmettInstalled } from './emmett.ts';
import { alternately, type Bench, type Measured, ratioOf } from './goal.ts';
import { resultOf } from './process.ts';

const PROCESS = 'dist/bench/appends-process.js';
const AT_ONCE = 64;
const MILLISECONDS = 2_000;
const TO_ONE_STREAM = 1_000;

type Appended = Readonly<{ perSecond: number; stored: number; failed: number }>;

/** P3: appends of one event each, on a disk that is synced before the answer. */
export const appends: Bench = {
  goals: ['P3'],
  run: async ({ rounds, folder, say }) => {
    let files = 0;
    const side = async (name: string, atOnce: number, milliseconds: number): Promise<Appended> => {
      files += 1;
      const file = join(folder, `${name}-${String(files)}.sqlite`);
      const seen = await resultOf<Appended>(PROCESS, name, String(atOnce), String(milliseconds), file);
      say(
        `  ${name}, ${String(atOnce)} at once: ${seen.perSecond.toFixed(0)}/s, ${String(seen.stored)} stored, ${String(seen.failed)} failed`,
      );
      return seen;
    };
    const compared = async (goal: string, atLeast: number, ours: number, peer: string, theirs: number): Promise<Measured> => {
      const seen = await alternately(
        rounds,
        async () => (await side('ours', ours, MILLISECONDS)).perSecond,
        async () => (await side(peer, theirs, MILLISECONDS)).perSecond,
      );
      const settings = peer === 'best' ? 'one connection for all' : 'defaults';
      return {
        goal,
        what: `appends of one event each to new streams, ${inWords(ours)}, stored per second`,
        against: `${EMMETT}, ${settings}, ${inWords(theirs)}`,
        ratio: seen.ratio,
        bound: { atLeast },
        seen: `${(seen.ours[0] ?? 0).toFixed(0)}/s against ${(seen.theirs[0] ?? 0).toFixed(0)}/s`,
      };
    };
    const rows: Measured[] = [];
    if (await emmettInstalled(say)) {
      // On its defaults the peer refuses all but one of those that come at once: one by one is the best that it can do.
      rows.push(await compared('P3', 100, AT_ONCE, 'defaults', 1));
      rows.push(await compared('P3 best settings', 1, AT_ONCE, 'best', AT_ONCE));
      rows.push(await compared('P3 one by one', 1, 1, 'defaults', 1));
    }
    const { stored, failed } = await side('ours', TO_ONE_STREAM, 0);
    rows.push({
      goal: 'P3 failures',
      what: `${String(TO_ONE_STREAM)} commands on one stream at once, share that is stored`,
      against: 'all of them',
      ratio: ratioOf([stored / TO_ONE_STREAM]),
      bound: { atLeast: 1 },
      seen: `${String(failed)} failed`,
    });
    return rows;
  },
};

const inWords = (atOnce: number): string => (atOnce === 1 ? 'one by one' : `${String(atOnce)} at once`);
