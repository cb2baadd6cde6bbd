import { asked } from '../crash-test/customer.ts';
import { differenceOfRepeat } from '../crash-test/desk.ts';
import { termsOf } from '../crash-test/terms.ts';
import { allAtOnce, type Case, Ground, idOf } from './case.ts';

/** All contracts of a tenant are decided on one stream. */
export const appendsToOneStream: Case = {
  name: 'contracts drafted for one tenant at once',
  run: (dataDir, { size }) =>
    Ground.for(dataDir, size, async (ground) => {
      const root = idOf(await ground.post('/tenants', { tier: 'distributor', name: 'Root', currency: 'USD' }, 201));
      const path = `/tenants/${root}/contracts`;
      const drafted = await allAtOnce(size, () => ground.post(path, { ...termsOf(1), priceBooks: [] }, 201));
      const revisions = new Set(drafted.map(({ etag }) => etag));
      const expected = Array.from({ length: size }, (_, n) => `"${String(n)}"`);
      const { body } = await asked<{ total: number }>(ground.line, `${path}?limit=1`);
      const differences = await allAtOnce(size, (n) => {
        const one = drafted[n];
        return one ? differenceOfRepeat(ground.line, one) : Promise.resolve('never drafted');
      });
      const faults = differences.filter((difference) => difference !== undefined);
      if (expected.some((etag) => !revisions.has(etag))) faults.push('their revisions are not each once');
      if (body.total !== size) faults.push(`${String(body.total)} are listed`);
      return { seen: `${String(size)} sent, 0 failed, ${String(body.total)} there, all answered alike when repeated`, faults };
    }),
};
