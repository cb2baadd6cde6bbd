import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type CommandId, type DomainEvent, NO_STREAM, type StreamName } from '#libs/event-sourcing/event';
import { currency } from '#libs/money/currency';
import { type Platform } from '#libs/platform/service';
import { type CustomLineItem, type PriceRule, type Scope, type Terms } from '#libs/published/contract-terms';
import { type ContractsEvent, type ContractTier } from '#libs/published/contracts';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type RuleId,
  type TenantId,
} from '#libs/published/ids';
import { type DataSourceEvent, type UsageMonthEvent } from '#libs/published/ingestion';
import { type LinkedAccountEvent, type TenantEvent, type Tier } from '#libs/published/tenants';
import { type Day, type Instant, type Month } from '#libs/time/time';
import { columnNames, COLUMNS, identifier, quoted } from '#libs/usage-store/columns';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { UsageFiles, usageFolderOf } from '#libs/usage-store/usage-files';

/** A distributor, its resellers, their customers, and a month of usage of all of them, said as the other services say it. */

export const MONTH = '2026-01' as Month;
export const ROOT = 'd1' as TenantId;
const NOW = '2026-02-01T00:00:00.000Z' as Instant;
const START = '2025-01-01' as Day;
const USD = currency('USD');

export const ACCOUNTS = 1_000;
const PAYERS = 4;
const RESELLERS = 20;
export const CUSTOMERS = 300;
const USAGE_TYPES = 60;
const SERVICES = 12;

const resellerOf = (customer: number): string => `r${String(customer % RESELLERS)}`;
const customerOf = (account: number): string => `c${String(account % CUSTOMERS)}`;
const payerOf = (account: number): string => `payer-${String(account % PAYERS)}`;
const accountOf = (account: number): string => `account-${String(account)}`;

const EVERY_MONTH = { type: 'recurring', from: '2025-01' as Month, to: null } as const;
const WHOLE_BASE = {
  managementAccounts: 'all',
  includeCredits: false,
  includeMarketplace: false,
  frequency: EVERY_MONTH,
} as const;
const ruleId = (text: string): RuleId => text as RuleId;

const when = (conditions: Readonly<Record<string, readonly string[]>>, formula: string | null = null): Scope => ({
  conditions: Object.entries(conditions).map(([dimension, values], index) => ({
    letter: String.fromCharCode(65 + index),
    dimension,
    values,
  })),
  formula,
});
const price = (priority: number, scope: Scope, pricing: PriceRule['pricing'], separateLine: string | null = null): PriceRule => ({
  id: ruleId(`p${String(priority)}`),
  name: `Rule ${String(priority)}`,
  priority,
  scope,
  includeCredits: false,
  excludeMarketplace: false,
  separateLine,
  pricing,
});
const exclude = (id: string, scope: Scope) => ({ id: ruleId(id), name: id, managementAccounts: 'all' as const, scope });
const item = (id: string) => ({ id: ruleId(id), name: id, description: null });
const fixed = (id: string, amount: string): CustomLineItem => ({
  ...item(id),
  type: 'fixedCharge',
  amount,
  prorate: false,
  managementAccounts: 'all',
  frequency: EVERY_MONTH,
});

const terms = (own: Partial<Terms>): Terms => ({
  name: 'Contract',
  start: START,
  end: null,
  managementAccounts: 'all',
  renewalPolicy: 'auto-renewal',
  entitlements: [],
  invoicePrefix: null,
  billingDetails: null,
  billingRules: [],
  priceBooks: [],
  customLineItems: [],
  ...own,
});

const ofRoot = terms({ billingRules: [exclude('kept', when({ x_LineItemType: ['DistributorDiscount', 'SppDiscount'] }))] });

/** `discount` is the percentage of its first price rule. */
const ofReseller = (reseller: number, discount: string): Terms =>
  terms({
    billingRules: [exclude('edp', when({ x_LineItemType: ['EdpDiscount'], ServiceName: ['Service *'] }, 'A AND B'))],
    priceBooks: [
      {
        id: ruleId('book'),
        name: 'Book',
        managementAccounts: 'all',
        basis: 'LIST',
        rules: [
          price(10, when({ ServiceName: [`Service ${String(reseller % SERVICES)}`] }), {
            type: 'percentageDiscount',
            percentage: discount,
          }),
          price(90, when({ ServiceName: ['*'] }), { type: 'percentageDiscount', percentage: '2' }),
        ],
      },
    ],
    customLineItems: [
      { ...item('partner'), ...WHOLE_BASE, type: 'percentageDiscount', percentage: '3' },
      fixed('platform fee', '25'),
    ],
  });

const ofCustomer = (customer: number, discount: string): Terms =>
  terms({
    billingRules: [
      exclude('support', when({ ServiceName: ['Service 3'], x_LineItemType: ['Fee'] }, 'A AND B')),
      ...(customer % 3 === 0 ? [exclude('spot', when({ ResourceId: ['*-spot-*'] }))] : []),
      ...(customer % 2 === 0 ? [exclude('credits', when({ ChargeCategory: ['Credit'] }))] : []),
    ],
    priceBooks: [
      {
        id: ruleId('book'),
        name: 'Book',
        managementAccounts: 'all',
        basis: customer % 4 === 0 ? 'UPSTREAM' : 'LIST',
        rules: [
          price(
            10,
            when({ x_UsageType: ['BoxUsage-1*'], RegionId: ['region-1', 'region-2'] }),
            { type: 'percentageDiscount', percentage: discount },
            customer % 4 === 1 ? 'Discount' : null,
          ),
          price(20, when({ x_UsageType: [`BoxUsage-${String(customer % USAGE_TYPES)}`] }), { type: 'unitRate', rate: '0.0215' }),
          price(30, when({ x_Marketplace: ['true'] }), { type: 'percentageDiscount', percentage: '0' }),
          price(40, when({ 'Tags/team': ['red*'] }), { type: 'percentageCharge', percentage: '7.5' }),
          price(50, when({ ServiceName: ['Service 5'] }), { type: 'fixedRate', amount: '40' }),
          price(90, when({ ServiceName: ['*'] }), { type: 'percentageCharge', percentage: '5' }),
        ],
      },
    ],
    customLineItems: [
      fixed('managed service', '150'),
      {
        ...item('support bands'),
        ...WHOLE_BASE,
        type: 'supportBands',
        minimum: '100',
        resolution: 'customer',
        bands: [
          { upTo: '10000', percentage: '10' },
          { upTo: '80000', percentage: '7' },
          { upTo: null, percentage: '3' },
        ],
      },
      { ...item('VAT'), type: 'tax', percentage: '19', frequency: EVERY_MONTH },
    ],
  });

/** Says events on a platform's log. */
export class RatedTree {
  readonly #paths = new Map<string, readonly TenantId[]>();
  readonly #versions = new Map<string, number>();

  constructor(
    private readonly platform: Pick<Platform, 'store' | 'dataDir'>,
    private readonly duckDb: DuckDb,
  ) {}

  /** Tenants, data sources, links (some accounts move within the month) and contracts (some have a new version within it). */
  async build(): Promise<void> {
    await this.#tenant(ROOT, null, 'distributor');
    await this.#contract(ROOT, 'T1', ofRoot);
    for (let reseller = 0; reseller < RESELLERS; reseller += 1) {
      await this.#tenant(`r${String(reseller)}`, ROOT, 'reseller');
      await this.#contract(`r${String(reseller)}`, 'T2', ofReseller(reseller, '4'));
    }
    for (let customer = 0; customer < CUSTOMERS; customer += 1) {
      await this.#tenant(`c${String(customer)}`, resellerOf(customer), 'endCustomer');
      await this.#contract(`c${String(customer)}`, 'T3', ofCustomer(customer, '8'));
      if (customer % 30 === 0) await this.#version(`c${String(customer)}`, ofCustomer(customer, '10'), '2026-01-16' as Day);
    }
    for (let payer = 0; payer < PAYERS; payer += 1) await this.#source(payerOf(payer));
    for (let account = 0; account < ACCOUNTS; account += 1) {
      await this.#link(account, customerOf(account), null);
      if (account % 100 === 7) await this.#link(account, customerOf(account + 1), '2026-01-16' as Day);
    }
  }

  /** The customer's discount becomes another one, since its contract began. */
  async changeCustomer(customer: number, discount: string): Promise<void> {
    await this.#version(`c${String(customer)}`, ofCustomer(customer, discount), START);
  }

  async changeReseller(reseller: number, discount: string): Promise<void> {
    await this.#version(`r${String(reseller)}`, ofReseller(reseller, discount), START);
  }

  /** Lines spread over `signatures` kinds of lines, as files of the usage store; answers their absolute paths. */
  async writeMonth(name: string, lines: number, signatures: number): Promise<readonly UsageSlice[]> {
    const files = new UsageFiles(usageFolderOf(this.platform.dataDir));
    const slices: UsageSlice[] = [];
    for (let payer = 0; payer < PAYERS; payer += 1) {
      const relative = files.relativePath(payerOf(payer) as DataSourceId, MONTH, name as ImportId, 'made');
      const file = await files.prepare(relative);
      await this.duckDb.run(`COPY (${linesOf(payer, lines, signatures)}) TO ${quoted(file)} (FORMAT parquet, COMPRESSION zstd)`);
      slices.push({ payer, relative, file, rows: Math.floor(lines / PAYERS), bytes: (await stat(file)).size });
    }
    return slices;
  }

  /** A delivery of the month is done: from now on it serves. */
  async deliver(slices: readonly UsageSlice[]): Promise<void> {
    const importId = randomUUID() as ImportId;
    for (const { payer, relative, rows } of slices) {
      const accounts = Array.from({ length: ACCOUNTS / PAYERS }, (_, index) => accountOf(index * PAYERS + payer));
      await this.#say<UsageMonthEvent>(`ingestion.usageMonth-${payerOf(payer)}~${MONTH}`, {
        type: 'UsageImported',
        data: {
          dataSourceId: payerOf(payer) as DataSourceId,
          managementAccountId: payerOf(payer) as ManagementAccountId,
          month: MONTH,
          files: [{ path: relative, sha256: '', rows }],
          rows,
          billedCost: [],
          contentHash: importId,
          accounts: accounts.map((account) => ({
            accountId: account as LinkedAccountId,
            name: null,
            firstDay: '2026-01-01' as Day,
            lastDay: '2026-01-31' as Day,
          })),
          importId,
          tenantId: ROOT,
          rootId: ROOT,
          importedAt: NOW,
        },
      });
    }
  }

  async #tenant(id: string, parent: string | null, tier: Tier): Promise<void> {
    const path = [...(parent === null ? [] : this.#pathOf(parent)), id as TenantId];
    this.#paths.set(id, path);
    const data = { tenantId: id as TenantId, path, tier, name: id, customerCode: null, currency: USD, primaryDomain: null };
    await this.#say<TenantEvent>(`tenants.tenant-${id}`, { type: 'TenantRegistered', data: { ...data, registeredAt: NOW } });
  }

  async #source(payer: string): Promise<void> {
    await this.#say<DataSourceEvent>(`ingestion.dataSource-${payer}`, {
      type: 'DataSourceRegistered',
      data: {
        dataSourceId: payer as DataSourceId,
        tenantId: ROOT,
        path: [ROOT],
        managementAccountId: payer as ManagementAccountId,
        name: payer,
        scheduleHours: null,
        ownPublishers: [],
        registeredAt: NOW,
      },
    });
  }

  async #link(account: number, tenant: string, from: Day | null): Promise<void> {
    await this.#say<LinkedAccountEvent>(`tenants.linkedAccount-${payerOf(account)}~${accountOf(account)}`, {
      type: 'LinkedAccountLinked',
      data: {
        dataSourceId: payerOf(account) as DataSourceId,
        managementAccountId: payerOf(account) as ManagementAccountId,
        accountId: accountOf(account) as LinkedAccountId,
        tenantId: tenant as TenantId,
        rootId: ROOT,
        path: this.#pathOf(tenant),
        from,
        to: null,
        takenFrom: [],
      },
    });
  }

  async #contract(tenant: string, tier: ContractTier, own: Terms): Promise<void> {
    const ids = this.#contractOf(tenant);
    this.#versions.set(tenant, 1);
    await this.#say<ContractsEvent>(
      `contracts.tenantContracts-${tenant}`,
      { type: 'ContractDrafted', data: { ...ids, path: this.#pathOf(tenant), tier, terms: own, draftedAt: NOW } },
      {
        type: 'ContractStatusChanged',
        data: { ...ids, from: 'draft', to: 'active', effectiveFrom: START, reason: '', changedAt: NOW },
      },
    );
  }

  async #version(tenant: string, own: Terms, effectiveFrom: Day): Promise<void> {
    const version = (this.#versions.get(tenant) ?? 1) + 1;
    this.#versions.set(tenant, version);
    const data = { ...this.#contractOf(tenant), version, effectiveFrom, terms: own, savedAt: NOW, reason: 'saved' as const };
    await this.#say<ContractsEvent>(`contracts.tenantContracts-${tenant}`, { type: 'ContractVersionSaved', data });
  }

  #contractOf(tenant: string) {
    return { tenantId: tenant as TenantId, rootId: ROOT, contractId: `contract-${tenant}` as ContractId };
  }

  #pathOf(id: string): readonly TenantId[] {
    const found = this.#paths.get(id);
    if (!found) throw new Error(`there is no tenant ${id}`);
    return found;
  }

  async #say<E extends DomainEvent>(stream: string, ...events: readonly E[]): Promise<void> {
    const { store } = this.platform;
    const name = stream as StreamName;
    const { revision } = await store.read(name).catch(() => ({ revision: NO_STREAM }));
    const principal = { id: 'bench' };
    await store.append(name, events, revision, {
      commandId: randomUUID() as CommandId,
      bodyHash: '',
      principal,
      tenant: null,
      time: NOW,
    });
  }
}

/** One slice's file. */
export type UsageSlice = Readonly<{ payer: number; relative: string; file: string; rows: number; bytes: number }>;

/**
 * Every column of the store for one management account's lines. A line's kind is its number modulo the signatures: account, usage type,
 * service, region, charge category; days, amounts, resources and tags vary from line to line.
 */
const linesOf = (payer: number, lines: number, signatures: number): string => {
  const kinds = Math.max(1, Math.round(signatures / ACCOUNTS));
  const perPayer = ACCOUNTS / PAYERS;
  const made: Readonly<Record<string, string>> = {
    BilledCost: `CASE WHEN kind % 17 IN (5, 9) THEN -1 ELSE 1 END * ((i * 7919) % 1000003)::DECIMAL(38,18) * 0.000137`,
    BillingAccountId: quoted(payerOf(payer)),
    BillingAccountName: quoted(payerOf(payer)),
    BillingCurrency: `'USD'`,
    BillingPeriodStart: `TIMESTAMP '${MONTH}-01 00:00:00'`,
    BillingPeriodEnd: `TIMESTAMP '2026-02-01 00:00:00'`,
    ChargeCategory: `CASE kind % 17 WHEN 3 THEN 'Purchase' WHEN 5 THEN 'Credit' WHEN 7 THEN 'Tax' WHEN 9 THEN 'Adjustment' ELSE 'Usage' END`,
    ChargeDescription: `'Usage of kind ' || kind || ' in hour ' || (i % 24)`,
    ChargePeriodStart: `TIMESTAMP '${MONTH}-01 00:00:00' + to_hours(hour)`,
    ChargePeriodEnd: `TIMESTAMP '${MONTH}-01 01:00:00' + to_hours(hour)`,
    ConsumedQuantity: `((i * 31) % 9973)::DECIMAL(38,18) * 0.25`,
    EffectiveCost: `((i * 7919) % 1000003)::DECIMAL(38,18) * 0.000137`,
    ListCost: `((i * 7919) % 1000003)::DECIMAL(38,18) * 0.00016`,
    PricingQuantity: `CASE WHEN i % 10 = 0 AND kind % 2 = 0 THEN NULL ELSE ((i * 31) % 9973)::DECIMAL(38,18) * 0.25 END`,
    PricingUnit: `'Hrs'`,
    ProviderName: `'AWS'`,
    PublisherName: `'AWS'`,
    RegionId: `'region-' || (kind // ${String(USAGE_TYPES)} % 6)`,
    ResourceId: `'arn:aws:ec2:i-' || (CASE WHEN i % 20 = 0 THEN 'spot-' ELSE '' END) || (i % 50000)`,
    ServiceName: `'Service ' || (kind % ${String(SERVICES)})`,
    SkuId: `'SKU' || kind`,
    SubAccountId: `'account-' || account`,
    SubAccountName: `'Account ' || account`,
    Tags: `'{"Name":"host-' || (i % 5000) || '","team":"' || (CASE kind % 4 WHEN 1 THEN 'red-a' ELSE 'blue' END) || '"}'`,
    x_LineItemId: `hash(i)::VARCHAR`,
    x_LineItemType: `CASE kind % 17 WHEN 3 THEN 'Fee' WHEN 5 THEN 'Credit' WHEN 7 THEN 'Tax'
      WHEN 9 THEN ['SppDiscount', 'EdpDiscount', 'DistributorDiscount'][1 + kind % 3] ELSE 'Usage' END`,
    x_Marketplace: `CASE WHEN kind % 31 = 0 THEN 'true' ELSE 'false' END`,
    x_Operation: `'Operation ' || (kind % ${String(USAGE_TYPES)})`,
    x_UsageType: `'BoxUsage-' || (kind % ${String(USAGE_TYPES)})`,
    x_Row: 'i + 1',
  };
  const columns = columnNames.map((name) => `(${made[name] ?? 'NULL'})::${COLUMNS[name]} AS ${identifier(name)}`);
  return `SELECT ${columns.join(', ')} FROM (
    SELECT i, (i % ${String(perPayer)}) * ${String(PAYERS)} + ${String(payer)} AS account,
      i // ${String(perPayer)} % ${String(kinds)} AS kind, (i // ${String(perPayer * kinds)} * 397 + i * 7) % 744 AS hour
    FROM range(${String(Math.floor(lines / PAYERS))}) AS numbers(i))`;
};
