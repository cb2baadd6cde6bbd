import { differenceOfRepeat } from '../crash-test/desk.ts';
import { headOf, untilAtRest } from '../crash-test/site.ts';
import { deleteReadModels } from '../crash-test/stored-documents.ts';
import { termsOf } from '../crash-test/terms.ts';
import { type Case, Ground, idOf } from './case.ts';

const CONNECTIONS = 4;

export const repeatsAfterARebuild: Case = {
  name: 'a keyed POST, SIGKILL, read models deleted, the same POST',
  run: (dataDir) =>
    Ground.for(dataDir, CONNECTIONS, async (ground) => {
      const faults: string[] = [];
      const root = idOf(await ground.post('/tenants', { tier: 'distributor', name: 'Root', currency: 'USD' }, 201));
      const before = await headOf(ground.line);
      const customer = { tier: 'reseller', name: 'Reseller' };
      const reseller = idOf(await ground.post(`/tenants/${root}/customers`, customer, 201));
      const after = await headOf(ground.line);
      if (after !== before + 1) faults.push(`one customer made ${String(after - before)} events`);
      await ground.post(`/tenants/${root}/customers`, { ...customer, customerCode: 'A-1' }, 201);
      const contracts = `/tenants/${reseller}/contracts`;
      const contract = idOf(await ground.post(contracts, termsOf(1), 201));
      await ground.post(`${contracts}/${contract}/status`, { to: 'active', reason: 'signed' }, 200);
      const source = { managementAccountId: 'payer', name: 'AWS' };
      const dataSourceId = idOf(await ground.post(`/tenants/${root}/data-sources`, source, 201));
      await ground.post(`/tenants/${reseller}/linked-accounts`, { dataSourceId, accountId: 'account' }, 200);
      await untilAtRest(ground.line, [root]);
      const head = await headOf(ground.line);
      await ground.kill();
      deleteReadModels(ground.site.dataDir);
      await ground.restart();
      const { acknowledged } = ground.desk;
      for (const one of acknowledged) {
        const difference = await differenceOfRepeat(ground.line, one);
        if (difference !== undefined) faults.push(difference);
      }
      await untilAtRest(ground.line, [root]);
      const grown = (await headOf(ground.line)) - head;
      if (grown !== 0) faults.push(`the repeats made ${String(grown)} events`);
      const seen = `${String(acknowledged.length)} commands answered alike in status, body and ETag, 0 further events`;
      return { seen, faults };
    }),
};
