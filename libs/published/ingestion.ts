import { type DomainEvent, type Position } from '#libs/event-sourcing/event';
import { type Currency } from '#libs/money/currency';
import { type Day, type Instant, type Month } from '#libs/time/time';
import { type DataSourceId, type ImportId, type LinkedAccountId, type ManagementAccountId, type TenantId } from './ids.ts';

/** Stream `ingestion.dataSource-<dataSourceId>`: one management account's files, owned by one tenant. */
export type DataSourceEvent =
  | DomainEvent<
      'DataSourceRegistered',
      {
        dataSourceId: DataSourceId;
        tenantId: TenantId;
        /** Of the owner, from the root. */
        path: readonly TenantId[];
        managementAccountId: ManagementAccountId;
        name: string;
        /** Hours between deliveries that the source promises; null: by hand, it does not age. */
        scheduleHours: number | null;
        /** Publishers that are the provider itself, beside the built-in names. */
        ownPublishers: readonly string[];
        registeredAt: Instant;
      }
    >
  | DomainEvent<
      'DataSourceChanged',
      { dataSourceId: DataSourceId; name: string; scheduleHours: number | null; ownPublishers: readonly string[] }
    >;

/** A write-once Parquet file of the usage store; `path` is relative to the store's folder. */
export type UsageFile = Readonly<{ path: string; sha256: string; rows: number }>;

/** One (data source, month) of an import. Amounts by currency, exact decimal text. */
export type Slice = Readonly<{
  dataSourceId: DataSourceId;
  managementAccountId: ManagementAccountId;
  month: Month;
  files: readonly UsageFile[];
  rows: number;
  billedCost: readonly Readonly<{ currency: Currency; amount: string }>[];
  /** Digest of what was delivered: the same again changes nothing. */
  contentHash: string;
  /** With the first and the last day of each account's lines in this slice. */
  accounts: readonly Readonly<{ accountId: LinkedAccountId; name: string | null; firstDay: Day; lastDay: Day }>[];
}>;

/** Stream `ingestion.usageMonth-<dataSourceId>~<month>`: which import serves the slice. */
export type UsageMonthEvent = DomainEvent<
  'UsageImported',
  Slice &
    Readonly<{
      importId: ImportId;
      tenantId: TenantId;
      rootId: TenantId;
      importedAt: Instant;
      /** Place of the import's end in ingestion's log: an import that ended earlier never replaces it. */
      order?: Position;
    }>
>;

export type HealthStatus = 'Success' | 'Warning' | 'Failed' | 'Not available';

/** Stream `ingestion.sourceHealth-<dataSourceId>`: as judged when something happened to the source, or time went by without anything. */
export type SourceHealthEvent = DomainEvent<
  'SourceHealthChanged',
  {
    dataSourceId: DataSourceId;
    /** The owner. */
    tenantId: TenantId;
    /** Of the owner, from the root. */
    path: readonly TenantId[];
    status: HealthStatus;
    /** For tenants below the owner whose accounts it serves: what concerns accounts of others is none of their business. */
    statusBelow: HealthStatus;
    changedAt: Instant;
  }
>;

/** How a delivery is written. */
export type ImportFormat = 'focus' | 'aws-cur';

/** What the caller says a slice must add up to. */
export type ExpectedTotal = Readonly<{ managementAccountId: string; month: string; rows?: number; billedCost?: string }>;

/** Why a delivery is refused. What does not concern one place has nulls there; the header is row 1. */
export type ImportProblem = Readonly<{
  file: string | null;
  row: number | null;
  column: string | null;
  value: string | null;
  message: string;
}>;

/** Amounts of one column that had more decimals than the store keeps, and what rounding added to their sum. */
export type Rounding = Readonly<{ file: string; column: string; rows: number; added: string }>;

/** `path` of an upload is relative to the folder of deliveries, that of a file in an allowed folder is absolute. */
export type ImportedFile = Readonly<{ name: string; path: string; from: 'upload' | 'folder'; bytes: number }>;

export type RequestedImport = Readonly<{
  importId: ImportId;
  tenantId: TenantId;
  /** Of the importer, from the root. */
  path: readonly TenantId[];
  format: ImportFormat | 'auto';
  files: readonly ImportedFile[];
  expected: readonly ExpectedTotal[];
  requestedAt: Instant;
}>;

type EndedImport<Data> = Readonly<{ importId: ImportId; tenantId: TenantId; rootId: TenantId }> & Data;

/** Stream `ingestion.import-<importId>`. How far a running import is stands in no event. */
export type ImportEvent =
  | DomainEvent<'ImportRequested', RequestedImport>
  | DomainEvent<
      'ImportFinished',
      EndedImport<{
        format: ImportFormat;
        slices: readonly Slice[];
        unknownColumns: readonly string[];
        roundings: readonly Rounding[];
        rows: number;
        finishedAt: Instant;
      }>
    >
  | DomainEvent<
      'ImportFailed',
      EndedImport<{
        /** The first of them. */
        problems: readonly ImportProblem[];
        problemCount: number;
        /** Of which the delivery was found to be. */
        dataSourceIds: readonly DataSourceId[];
        failedAt: Instant;
      }>
    >
  | DomainEvent<'ImportCancelled', EndedImport<{ cancelledAt: Instant }>>;
