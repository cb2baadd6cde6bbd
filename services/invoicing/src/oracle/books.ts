import { type Contract, type CustomLineItem, type Tenant, type UsageLine } from './case.ts';
import { Exact } from './exact.ts';
import { entry } from './keyed.ts';
import { type StatementLine, type UnpricedAccount } from './statement.ts';

type Figures = {
  billed: Exact;
  /** Billed of the direct children. */
  resold: Exact;
  rated: Exact;
  readonly excluded: Map<string, Exact>;
  unbilled: Exact;
  unassigned: Exact;
  readonly marginParts: Map<string, { amount: Exact; sourceAmount: Exact }>;
};

/** A printed line before it is rounded. */
export type Printed = Omit<StatementLine<Exact>, 'amount'>;

/** One amount that percentages may be taken of. `always`: whatever is ticked. */
type BasePart = Readonly<{ credit: boolean; marketplace: boolean; always: boolean; amount: Exact }>;

/** A fixed rate that at least one line matched; `day`: the last one on which one did. */
type FixedRate = Readonly<{
  contract: Contract;
  ruleId: string;
  account: string;
  customer: string;
  customerId: string | null;
  day: string;
  lines: number;
}>;

export type TaxItem = Readonly<{ contractId: string; item: CustomLineItem & { type: 'tax' } }>;

export const add = <Key>(map: Map<Key, Exact>, key: Key, amount: Exact): void => {
  map.set(key, (map.get(key) ?? new Exact(0)).plus(amount));
};

/** Everything that is noted about one tenant's month. */
export class Books {
  readonly tenant: Tenant;
  readonly figures = new Map<string, Figures>();
  /** By currency, then by what makes a line its own. */
  readonly printed = new Map<string, Map<string, Printed>>();
  readonly passThroughTax = new Map<string, Exact>();
  /** By contract and management account: days of lines rated under it, of linked accounts. */
  readonly #ratedDays = new Map<string, Set<string>>();
  /** By contract: days of lines rated under it whose accounts are nobody's. */
  readonly #strayOfNobody = new Map<string, Set<string>>();
  readonly #bases = new Map<string, { currency: string; parts: BasePart[] }>();
  readonly fixedRates = new Map<string, FixedRate>();
  readonly taxItems: TaxItem[] = [];
  readonly unassigned = new Map<string, UnpricedAccount<Exact>>();
  readonly unbilled = new Map<string, UnpricedAccount<Exact>>();
  /** A line was rated in another currency than the tenant's. */
  refused = false;
  hasCoveredDay = false;

  constructor(tenant: Tenant) {
    this.tenant = tenant;
  }

  get resells(): boolean {
    return this.tenant.tier !== 'endCustomer';
  }

  in(currency: string): Figures {
    return entry(this.figures, currency, () => ({
      billed: new Exact(0),
      resold: new Exact(0),
      rated: new Exact(0),
      excluded: new Map(),
      unbilled: new Exact(0),
      unassigned: new Exact(0),
      marginParts: new Map(),
    }));
  }

  /** Whatever is billed below the root goes through here: no figure without a printed line. */
  print(currency: string, line: Printed): void {
    const figures = this.in(currency);
    figures.billed = figures.billed.plus(line.unrounded);
    const { kind, contractId, customerId, managementAccountId, serviceName, chargeCategory, ruleId } = line;
    const key = JSON.stringify([kind, contractId, customerId, managementAccountId, serviceName, chargeCategory, ruleId]);
    const lines = entry(this.printed, currency, () => new Map<string, Printed>());
    const found = lines.get(key);
    const sourceLines = (found?.sourceLines ?? 0) + line.sourceLines;
    lines.set(key, { ...line, unrounded: line.unrounded.plus(found?.unrounded ?? 0), sourceLines });
  }

  rated(contractId: string, account: string, day: string, linked: boolean): void {
    const days = linked
      ? entry(this.#ratedDays, `${contractId}|${account}`, () => new Set<string>())
      : entry(this.#strayOfNobody, contractId, () => new Set<string>());
    days.add(day);
  }

  ratedDays(contractId: string, account: string): readonly string[] {
    return [...(this.#ratedDays.get(`${contractId}|${account}`) ?? [])];
  }

  strayOfNobody(contractId: string): readonly string[] {
    return [...(this.#strayOfNobody.get(contractId) ?? [])];
  }

  addToBase(contractId: string, account: string, customer: string, currency: string, part: BasePart): void {
    const key = JSON.stringify([contractId, account, customer, currency]);
    entry(this.#bases, key, () => ({ currency, parts: [] })).parts.push(part);
  }

  base(contractId: string, account: string, customer: string, currency: string): readonly BasePart[] {
    return this.#bases.get(JSON.stringify([contractId, account, customer, currency]))?.parts ?? [];
  }

  /** Its own, and every one of a base. */
  get currencies(): readonly string[] {
    return [...new Set([this.tenant.currency, ...[...this.#bases.values()].map(({ currency }) => currency)])];
  }

  matchedFixedRate(contract: Contract, ruleId: string, account: string, customerId: string | null, day: string): void {
    const key = JSON.stringify([contract.id, ruleId, account, customerId]);
    const found = this.fixedRates.get(key);
    this.fixedRates.set(key, {
      contract,
      ruleId,
      account,
      customer: customerId ?? this.tenant.id,
      customerId,
      day: found && found.day > day ? found.day : day,
      lines: (found?.lines ?? 0) + 1,
    });
  }

  addMarginPart(reason: string, currency: string, amount: Exact, sourceAmount: Exact): void {
    const part = entry(this.in(currency).marginParts, reason, () => ({ amount: new Exact(0), sourceAmount: new Exact(0) }));
    part.amount = part.amount.plus(amount);
    part.sourceAmount = part.sourceAmount.plus(sourceAmount);
  }
}

/** Lists a line that has no price. */
export const list = (
  accounts: Map<string, UnpricedAccount<Exact>>,
  { dataSourceId, currency, day, billedCost }: UsageLine,
  accountId: string,
): void => {
  const key = JSON.stringify([dataSourceId, accountId, currency]);
  const found = accounts.get(key);
  accounts.set(key, {
    dataSourceId,
    accountId,
    currency,
    amount: new Exact(billedCost).plus(found?.amount ?? 0),
    lines: (found?.lines ?? 0) + 1,
    firstDay: found && found.firstDay < day ? found.firstDay : day,
    lastDay: found && found.lastDay > day ? found.lastDay : day,
  });
};
