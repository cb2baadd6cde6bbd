import { AnyContracts } from './any-contracts.ts';
import { AnyDay } from './any-day.ts';
import { anyTree } from './any-tree.ts';
import { anyUsage } from './any-usage.ts';
import { type Case } from './case.ts';
import { Random } from './random.ts';

/** The seed's month of one tree: small amounts, many edges, and at most one holder and one contract a day. */
export const anyCase = (seed: number): Case => {
  const random = new Random(seed);
  const month = random.pick(['2026-01', '2026-01', '2026-02', '2025-12']);
  const focus = random.pick(['any', 'prices', 'edges', 'outside'] as const);
  const days = new AnyDay(random, `${month}-01`, focus, random.chance(0.5));
  const currency = random.pick(['USD', 'USD', 'USD', 'USD', 'JPY', 'KWD']);
  const tenants = anyTree(random, currency);
  const accounts = Array.from({ length: random.int(1, 3) }, (_, index) => `m${String(index + 1)}`);
  const sources = accounts.map((account) => anyUsage(random, days, currency, account, tenants));
  const someContracts = new AnyContracts(random, days, accounts);
  const contracts = tenants.flatMap((tenant) => someContracts.of(tenant));
  return {
    input: {
      month,
      mode: random.chance(0.75) ? 'as-of' : 'current',
      tenants: random.chance(0.5) ? tenants : random.shuffled(tenants),
      dataSources: random.shuffled(sources.map(({ source }) => source)),
      links: random.shuffled(sources.flatMap(({ links }) => links)),
      autoAssignments: sources.flatMap(({ autoAssignments }) => autoAssignments),
      contracts: random.shuffled(contracts),
    },
    lines: sources.flatMap(({ lines }) => lines),
  };
};
