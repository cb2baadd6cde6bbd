import { setTimeout as pause } from 'node:timers/promises';
import { BilledMonth } from '../crash-test/billing-load.ts';
import { untilAtRest } from '../crash-test/site.ts';
import { Planting } from '../crash-test/trees.ts';
import { Random } from '../random.ts';
import { type Case, Ground } from './case.ts';

const CONNECTIONS = 16;
/** A rating takes all changes that came since the last one. */
const REPRICE_EVERY_MS = 40;

/** The smaller of the two stops when both are enough, so that each has the other beside it all the time. */
export const importsBesideRatings: Case = {
  name: 'imports of one month beside ratings of it',
  run: (dataDir, { size, seed }) =>
    Ground.for(dataDir, CONNECTIONS, async (ground) => {
      const enough = Math.ceil(size / 5);
      const tree = await new Planting(ground.desk).billedTree('Tree');
      const month = new BilledMonth(ground.desk, new Random(seed), tree);
      const roots = [tree.tenants.distributor];
      const faults: string[] = [];
      await month.deliver();
      await untilAtRest(ground.line, roots);
      let done = false;
      const actors = [
        async () => {
          while (month.deliveries < enough || month.ratings < enough) await month.deliver();
          done = true;
        },
        async () => {
          while (!done) {
            await month.reprice();
            await pause(REPRICE_EVERY_MS);
          }
        },
        async () => {
          while (!done) {
            await month.watch();
            faults.push(...month.judge());
          }
        },
      ];
      await Promise.all(actors.map((act) => act()));
      await untilAtRest(ground.line, roots);
      await month.watch();
      faults.push(...month.judge(), ...(await month.faults(ground.line)), ...(await month.faultsAtRest(ground.line)));
      const seen =
        `${String(month.deliveries)} imports, ${String(month.ratings)} ratings, ${String(month.compared)} bills seen meanwhile, ` +
        'each exactly that of one import and one version, at the end of the last ones';
      return { seen, faults };
    }),
};
