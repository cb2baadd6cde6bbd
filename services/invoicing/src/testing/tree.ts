import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { tenantRegistered } from '#libs/access-policy/testing/tenant-registered';
import { type DomainEvent } from '#libs/event-sourcing/event';
import { type EventStore } from '#libs/event-sourcing/event-store';
import { happened } from '#libs/event-sourcing/testing/happened';
import { type Terms } from '#libs/published/contract-terms';
import { type ContractsEvent, type ContractStatus, type ContractTier } from '#libs/published/contracts';
import {
  type ContractId,
  type DataSourceId,
  type ImportId,
  type LinkedAccountId,
  type ManagementAccountId,
  type TenantId,
} from '#libs/published/ids';
import { type DataSourceEvent, type UsageMonthEvent } from '#libs/published/ingestion';
import { type LinkedAccountEvent, type TenantEvent, type Tier } from '#libs/published/tenants';
import { type Day, type Instant, type Month } from '#libs/time/time';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { type WrittenLine, writeUsage } from '#libs/usage-store/testing/write-usage';
import { usageFolderOf } from '#libs/usage-store/usage-files';
import { terms as termsWith } from '../rating/testing/scenario.ts';

const now = '2026-01-01T00:00:00.000Z' as Instant;

const plainTerms = termsWith({ name: 'Contract', start: '2025-01-01' });

/** Says on a log what the other services would say: the public events of a tree, its contracts and its usage. */
export class Tree {
  readonly #paths = new Map<string, readonly TenantId[]>();
  #imports = 0;

  constructor(
    private readonly store: EventStore,
    private readonly dataDir: string,
    private readonly duckDb: DuckDb,
  ) {}

  /** A tenant that is there already. */
  knows(id: string, path: readonly TenantId[]): void {
    this.#paths.set(id, path);
  }

  async tenant(id: string, parent: string | null, tier: Tier): Promise<void> {
    const path = [...(parent === null ? [] : this.#pathOf(parent)), id as TenantId];
    this.#paths.set(id, path);
    await this.#say(`tenants.tenant-${id}`, tenantRegistered(path, { tier, name: id.toUpperCase() }));
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#say<TenantEvent>(`tenants.tenant-${id}`, {
      type: 'TenantProfileChanged',
      data: { tenantId: id as TenantId, path: this.#pathOf(id), name, customerCode: null, primaryDomain: null },
    });
  }

  /** A data source named as its management account. */
  async source(payer: string, owner: string): Promise<void> {
    await this.#say<DataSourceEvent>(`ingestion.dataSource-${payer}`, {
      type: 'DataSourceRegistered',
      data: {
        dataSourceId: payer as DataSourceId,
        tenantId: owner as TenantId,
        path: this.#pathOf(owner),
        managementAccountId: payer as ManagementAccountId,
        name: payer,
        scheduleHours: null,
        ownPublishers: [],
        registeredAt: now,
      },
    });
  }

  async link(payer: string, account: string, tenant: string): Promise<void> {
    const pathToIt = this.#pathOf(tenant);
    await this.#say<LinkedAccountEvent>(`tenants.linkedAccount-${payer}~${account}`, {
      type: 'LinkedAccountLinked',
      data: {
        dataSourceId: payer as DataSourceId,
        managementAccountId: payer as ManagementAccountId,
        accountId: account as LinkedAccountId,
        tenantId: tenant as TenantId,
        rootId: this.#rootOf(tenant),
        path: pathToIt,
        from: null,
        to: null,
        takenFrom: [],
      },
    });
  }

  /** An active contract, or a further version of one that is there. */
  async contract(tenant: string, tier: ContractTier, terms: Partial<Terms> = {}): Promise<void> {
    const ids = { tenantId: tenant as TenantId, rootId: this.#rootOf(tenant), contractId: `contract-${tenant}` as ContractId };
    const whole = { ...plainTerms, ...terms };
    await this.#say<ContractsEvent>(
      `contracts.tenantContracts-${tenant}`,
      { type: 'ContractDrafted', data: { ...ids, path: this.#pathOf(tenant), tier, terms: whole, draftedAt: now } },
      status(ids, 'draft', 'active', whole.start),
    );
  }

  async version(tenant: string, version: number, terms: Partial<Terms>): Promise<void> {
    const ids = { tenantId: tenant as TenantId, rootId: this.#rootOf(tenant), contractId: `contract-${tenant}` as ContractId };
    const whole = { ...plainTerms, ...terms };
    await this.#say<ContractsEvent>(`contracts.tenantContracts-${tenant}`, {
      type: 'ContractVersionSaved',
      data: { ...ids, version, effectiveFrom: whole.start, terms: whole, savedAt: now, reason: 'saved' },
    });
  }

  /** Lines as an import would have written them; answers the absolute path of the file. */
  async imports(payer: string, owner: string, month: string, lines: readonly WrittenLine[]): Promise<string> {
    const importId = `import-${String(++this.#imports)}`;
    const relative = `${payer}/${month}/${importId}.parquet`;
    const file = path.join(usageFolderOf(this.dataDir), relative);
    await mkdir(path.dirname(file), { recursive: true });
    await writeUsage(
      this.duckDb,
      file,
      lines.map((line) => ({
        BillingAccountId: payer,
        SubAccountId: payer,
        BillingCurrency: 'USD',
        ServiceName: 'EC2',
        ChargeCategory: 'Usage',
        BillingPeriodStart: `${month}-01`,
        ChargePeriodStart: `${month}-10`,
        ...line,
      })),
    );
    await this.#say<UsageMonthEvent>(`ingestion.usageMonth-${payer}~${month}`, {
      type: 'UsageImported',
      data: {
        dataSourceId: payer as DataSourceId,
        managementAccountId: payer as ManagementAccountId,
        month: month as Month,
        files: [{ path: relative, sha256: '', rows: lines.length }],
        rows: lines.length,
        billedCost: [],
        contentHash: createHash('sha256').update(JSON.stringify(lines)).digest('hex'),
        accounts: [],
        importId: importId as ImportId,
        tenantId: owner as TenantId,
        rootId: this.#rootOf(owner),
        importedAt: now,
      },
    });
    return file;
  }

  #pathOf(id: string): readonly TenantId[] {
    const found = this.#paths.get(id);
    if (!found) throw new Error(`there is no tenant ${id} in this tree`);
    return found;
  }

  #rootOf(id: string): TenantId {
    return this.#pathOf(id)[0] ?? (id as TenantId);
  }

  async #say<E extends DomainEvent>(stream: string, ...events: readonly E[]): Promise<void> {
    await happened(this.store, stream, events, { time: now });
  }
}

const status = (
  ids: Readonly<{ tenantId: TenantId; rootId: TenantId; contractId: ContractId }>,
  from: ContractStatus,
  to: ContractStatus,
  effectiveFrom: Day,
): ContractsEvent => ({ type: 'ContractStatusChanged', data: { ...ids, from, to, effectiveFrom, reason: '', changedAt: now } });
