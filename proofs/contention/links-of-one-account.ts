import { setTimeout as pause } from 'node:timers/promises';
import { asked } from '../crash-test/customer.ts';
import { type Acknowledged, differenceOfRepeat } from '../crash-test/desk.ts';
import { Random } from '../random.ts';
import { allAtOnce, type Case, Ground, idOf } from './case.ts';

type Tenants = Readonly<{ root: string; dataSourceId: string; customers: readonly string[] }>;

const LOOK_MS = 1;

const planted = async (ground: Ground, size: number): Promise<Tenants> => {
  const root = idOf(await ground.post('/tenants', { tier: 'distributor', name: 'Root', currency: 'USD' }, 201));
  const source = { managementAccountId: 'payer', name: 'AWS' };
  const dataSourceId = idOf(await ground.post(`/tenants/${root}/data-sources`, source, 201));
  const reseller = idOf(await ground.post(`/tenants/${root}/customers`, { tier: 'reseller', name: 'Reseller' }, 201));
  const customers = await allAtOnce(size, async (n) => {
    const customer = { tier: 'endCustomer', name: `Customer ${String(n)}` };
    return idOf(await ground.post(`/tenants/${reseller}/customers`, customer, 201));
  });
  return { root, dataSourceId, customers };
};

const linkToAll = (ground: Ground, { dataSourceId, customers }: Tenants): Promise<readonly Acknowledged[]> => {
  const body = { dataSourceId, accountId: 'wanted' };
  return Promise.all(customers.map((id) => ground.post(`/tenants/${id}/linked-accounts`, body, 200, 422)));
};

const faultsOf = async (ground: Ground, tenants: Tenants, answers: readonly Acknowledged[]): Promise<readonly string[]> => {
  const { root } = tenants;
  const faults: string[] = [];
  const linked = answers.filter(({ status }) => status === 200);
  const [winner] = linked.map(({ body }) => (body as { tenantId: string }).tenantId);
  if (linked.length !== 1 || !winner) faults.push(`${String(linked.length)} were linked`);
  for (const { status, text, body } of answers) {
    const named = (body as { code?: string }).code === 'account-already-linked' && winner !== undefined && text.includes(winner);
    if (status !== 200 && !named) faults.push(`refused without the reason: ${text}`);
  }
  const { body } = await asked<{ total: number; items: readonly { tenantId: string }[] }>(
    ground.line,
    `/tenants/${root}/linked-accounts?scope=subtree&accountId=wanted`,
  );
  if (body.total !== 1 || body.items[0]?.tenantId !== winner) faults.push(`it is held by ${JSON.stringify(body.items)}`);
  for (const answer of answers) {
    const difference = await differenceOfRepeat(ground.line, answer);
    if (difference !== undefined) faults.push(difference);
  }
  return faults;
};

export const linksOfOneAccount: Case = {
  name: 'links of one account to as many customers at once',
  run: (dataDir, { size }) =>
    Ground.for(dataDir, size, async (ground) => {
      const tenants = await planted(ground, size);
      const answers = await linkToAll(ground, tenants);
      const faults = await faultsOf(ground, tenants, answers);
      return {
        seen: `${String(size)} sent, 1 linked, ${String(size - 1)} refused with 422 account-already-linked that names the holder`,
        faults,
      };
    }),
};

export const linksThroughACrash: Case = {
  name: 'the same through a SIGKILL, unanswered ones sent again',
  run: (dataDir, { size, seed }) =>
    Ground.for(dataDir, size, async (ground) => {
      const tenants = await planted(ground, size);
      const before = ground.desk.acknowledged.length;
      const answered = (): number => ground.desk.acknowledged.length - before;
      const links = linkToAll(ground, tenants);
      const enough = new Random(seed).int(1, Math.ceil(size / 2));
      while (answered() < enough) await pause(LOOK_MS);
      await ground.kill();
      const early = answered();
      await ground.restart();
      const faults = [...(await faultsOf(ground, tenants, await links))];
      if (early >= size) faults.push('all were answered before the kill');
      return {
        seen: `${String(size)} sent, killed after ${String(early)} answers, ${String(ground.desk.repeated)} sent again, 1 linked in the end`,
        faults,
      };
    }),
};
