import { type AnyDay } from './any-day.ts';
import { type AutoAssignment, type DataSource, type Link, type Tenant, type UsageLine } from './case.ts';
import { addDays } from './days.ts';
import { type Random } from './random.ts';

const SERVICES = ['EC2', 'S3', 'Lambda', 'AWS Support'];
const CATEGORIES = ['Usage', 'Usage', 'Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'];
const REGIONS = ['us-east-1', 'eu-west-1', ''];
const TEAMS = ['red', 'PRODSP1', 'a.b', ''];
const RESOURCES = ['i-1', 'i-2', 'vol-2', ''];
const ACCOUNT_NAMES = ['PRODSP1', 'prod x', 'dev', 'X'];

/** Small ones, halves of a cent, and ones with all 18 decimals. */
const anyAmount = (random: Random): string => {
  switch (random.int(0, 7)) {
    case 0:
      return '0';
    case 1:
      return `${String(random.int(0, 9))}.${String(random.int(0, 99)).padStart(2, '0')}5`;
    case 2:
      return `0.${String(random.int(0, 999_999_999)).padStart(9, '0')}${String(random.int(0, 999_999_999)).padStart(9, '0')}`;
    case 3:
      return `${String(random.int(0, 20))}.005`;
    case 4:
      return `${String(random.int(1, 3))}.5`;
    default:
      return `${String(random.int(0, 300))}.${String(random.int(0, 999_999)).padStart(6, '0')}`;
  }
};

/** A data source with its links and its lines. */
type SourceMonth = Readonly<{
  source: DataSource;
  links: readonly Link[];
  autoAssignments: readonly AutoAssignment[];
  lines: readonly UsageLine[];
}>;

/** What one management account's month is made of. */
class AnySource {
  readonly #random: Random;
  readonly #days: AnyDay;
  readonly #currency: string;
  readonly #managementAccount: string;
  readonly #id: string;

  constructor(random: Random, days: AnyDay, currency: string, managementAccount: string) {
    this.#random = random;
    this.#days = days;
    this.#currency = currency;
    this.#managementAccount = managementAccount;
    this.#id = `ds-${managementAccount}`;
  }

  make(tenants: readonly Tenant[]): SourceMonth {
    const random = this.#random;
    const owner = random.chance(0.06) ? random.pick(tenants) : random.pick(tenants.filter(({ tier }) => tier !== 'endCustomer'));
    const holders = tenants.filter(({ path }) => path.includes(owner.id));
    const imported = random.chance(0.95);
    const accounts = ['a', 'b', 'c', 'd']
      .slice(0, random.int(1, 4))
      .map((letter) => (random.chance(0.1) ? this.#managementAccount : `${this.#managementAccount}-${letter}`));
    const used = [...new Set(accounts)];
    const links = used.flatMap((account) => this.#links(account, holders));
    const autoAssignments = this.#autoAssignments(holders);
    const names = new Map(used.map((account) => [account, random.chance(0.2) ? null : random.pick(ACCOUNT_NAMES)]));
    const count = imported ? random.int(0, this.#days.focus === 'prices' ? 16 : 10) : 0;
    const lines = Array.from({ length: count }, () => this.#line(random.pick(used)));
    const inSlice = new Set(lines.map(({ subAccountId }) => subAccountId ?? this.#managementAccount));
    const source = {
      id: this.#id,
      managementAccountId: this.#managementAccount,
      ownerId: owner.id,
      imported,
      accounts: [...inSlice].map((accountId) => ({ accountId, name: names.get(accountId) ?? null })),
    };
    return { source, links, autoAssignments, lines };
  }

  #links(accountId: string, holders: readonly Tenant[]): readonly Link[] {
    const random = this.#random;
    const links: Link[] = [];
    if (random.chance(0.2)) return links;
    let from: string | null = random.chance(0.7) ? null : this.#days.near();
    for (let n = random.int(1, 3); n > 0; n--) {
      const to: string | null = n === 1 && random.chance(0.8) ? null : addDays(from ?? this.#days.first, random.int(1, 30));
      // A gap now and then.
      if (random.chance(0.85)) links.push({ dataSourceId: this.#id, accountId, tenantId: random.pick(holders).id, from, to });
      if (to === null) break;
      from = to;
    }
    return links;
  }

  #autoAssignments(holders: readonly Tenant[]): readonly AutoAssignment[] {
    const random = this.#random;
    if (!random.chance(0.4)) return [];
    const from = random.chance(0.6) ? null : this.#days.near();
    const to = random.chance(0.7) ? null : addDays(from ?? this.#days.first, random.int(1, 25));
    const first = {
      dataSourceId: this.#id,
      tenantId: random.pick(holders).id,
      from,
      to,
      exclude: random.chance(0.5) ? [] : random.some(['* SP*', 'prod*', '*x', '*']),
    };
    if (to === null || !random.chance(0.5)) return [first];
    const tenantId = random.pick(holders).id;
    return [first, { dataSourceId: this.#id, tenantId, from: addDays(to, random.int(0, 2)), to: null, exclude: [] }];
  }

  #line(account: string): UsageLine {
    const random = this.#random;
    const chargeCategory = random.pick(CATEGORIES);
    const billedCost = this.#signed(anyAmount(random), chargeCategory === 'Credit' ? 0.9 : 0.15);
    return {
      dataSourceId: this.#id,
      subAccountId: account === this.#managementAccount ? null : account,
      day: this.#days.ofUsage(),
      currency: random.chance(0.04) ? 'EUR' : this.#currency,
      serviceName: random.pick(SERVICES),
      chargeCategory,
      marketplace: random.chance(0.2),
      columns: Object.fromEntries(
        [
          ['RegionId', random.pick(REGIONS)] as const,
          ['Tags/team', random.pick(TEAMS)] as const,
          ['ResourceId', random.pick(RESOURCES)] as const,
        ].filter(([, text]) => text !== ''),
      ),
      billedCost,
      pricingQuantity: this.#quantity(billedCost),
    };
  }

  #quantity(billedCost: string): string | null {
    if (this.#random.chance(0.25)) return null;
    if (this.#random.chance(0.15)) return '0';
    return this.#signed(anyAmount(this.#random), billedCost.startsWith('-') ? 0.8 : 0.1);
  }

  #signed(text: string, negative: number): string {
    return text !== '0' && this.#random.chance(negative) ? `-${text}` : text;
  }
}

export const anyUsage = (
  random: Random,
  days: AnyDay,
  currency: string,
  managementAccount: string,
  tenants: readonly Tenant[],
): SourceMonth => new AnySource(random, days, currency, managementAccount).make(tenants);
