import { join } from 'node:path';
import { Decimal } from '#libs/money/decimal';
import { quoted } from '#libs/usage-store/columns';
import { type DuckDb } from '#libs/usage-store/duckdb';
import { type ExpectedTotal, type GeneratedUsage } from './scenario.ts';

/** Text of a list of rows, for `VALUES`. */
const values = (rows: readonly (readonly string[])[]): string => rows.map((row) => `(${row.map(quoted).join(', ')})`).join(', ');

const SERVICES = [
  ['Amazon Elastic Compute Cloud', 'BoxUsage:m5.large', 'RunInstances', 'us-east-1'],
  ['Amazon Elastic Compute Cloud', 'BoxUsage:c6g.xlarge', 'RunInstances', 'eu-central-1'],
  ['Amazon Elastic Compute Cloud', 'DataTransfer-Out-Bytes', 'RunInstances', 'us-east-1'],
  ['Amazon Elastic Compute Cloud', 'EBS:VolumeUsage.gp3', 'CreateVolume-Gp3', 'us-east-1'],
  ['Amazon Simple Storage Service', 'TimedStorage-ByteHrs', 'StandardStorage', 'us-east-1'],
  ['Amazon Simple Storage Service', 'Requests-Tier1', 'PutObject', 'eu-central-1'],
  ['AWS Lambda', 'Lambda-GB-Second', 'Invoke', 'us-east-1'],
  ['Amazon Relational Database Service', 'InstanceUsage:db.r6g.large', 'CreateDBInstance', 'eu-central-1'],
  ['Amazon DynamoDB', 'TimedStorage-ByteHrs', 'StandardStorage', 'us-east-1'],
  ['AmazonCloudWatch', 'CW:MetricMonitorUsage', 'MetricStorage', 'us-west-2'],
  ['AWS Key Management Service', 'KMS-Requests', 'Decrypt', 'us-west-2'],
  ['Elastic Load Balancing', 'LCUUsage', 'LoadBalancing:Application', 'us-east-1'],
] as const;

const lines = ({ managementAccount, month, accounts, seed }: GeneratedUsage, from: number, to: number): string => `
  WITH service(name, usage_type, operation, region) AS (VALUES ${values(SERVICES)}),
  services AS (SELECT list(service) AS all_services FROM service),
  -- Everything random is cut from the md5 of seed and line: the same seed gives the same file on any machine.
  numbered AS (
    SELECT i, md5_number_lower(${quoted(`${String(seed)}/`)} || i) AS low, md5_number_upper(${quoted(`${String(seed)}/`)} || i) AS high
    FROM range(${String(from)}, ${String(to)}) lines(i)
  ),
  drawn AS (
    SELECT i,
      all_services[1 + (low % ${String(SERVICES.length)})::INTEGER] AS s,
      [${accounts.map(quoted).join(', ')}][1 + (low // 1000 % ${String(accounts.length)})::INTEGER] AS account,
      (low // 1000000 % 1000)::INTEGER AS kind,
      (high % date_diff('hour', first, first + INTERVAL 1 MONTH))::INTEGER AS hour,
      (high // 10000 % 250000)::BIGINT AS cost,
      (high // 10000000000 % 900)::BIGINT + 1 AS quantity,
      first
    FROM numbered, services, (SELECT TIMESTAMP '${month}-01' AS first)
  ),
  typed AS (
    SELECT *, CASE
      WHEN kind < 930 THEN 'Usage' WHEN kind < 950 THEN 'SppDiscount' WHEN kind < 965 THEN 'DistributorDiscount'
      WHEN kind < 975 THEN 'EdpDiscount' WHEN kind < 982 THEN 'Credit' WHEN kind < 990 THEN 'Tax' WHEN kind < 995 THEN 'Fee'
      ELSE 'Refund' END AS line_type
    FROM drawn
  ),
  costed AS (
    SELECT *, (CASE line_type
      WHEN 'Usage' THEN cost WHEN 'Tax' THEN cost // 4 WHEN 'Fee' THEN cost
      WHEN 'Refund' THEN -(cost // 2) ELSE -(cost // 3) END) AS microdollars
    FROM typed
  )
  SELECT
    'g' || i AS "identity/LineItemId",
    CASE WHEN kind % 97 = 0 THEN 'AWS Marketplace' ELSE 'AWS' END AS "bill/BillingEntity",
    ${quoted(managementAccount)} AS "bill/PayerAccountId",
    strftime(first, '%Y-%m-%dT%H:%M:%SZ') AS "bill/BillingPeriodStartDate",
    strftime(first + INTERVAL 1 MONTH, '%Y-%m-%dT%H:%M:%SZ') AS "bill/BillingPeriodEndDate",
    account AS "lineItem/UsageAccountId",
    line_type AS "lineItem/LineItemType",
    strftime(first + to_hours(hour), '%Y-%m-%dT%H:%M:%SZ') AS "lineItem/UsageStartDate",
    strftime(first + to_hours(hour + 1), '%Y-%m-%dT%H:%M:%SZ') AS "lineItem/UsageEndDate",
    s.usage_type AS "lineItem/UsageType",
    s.operation AS "lineItem/Operation",
    CASE WHEN line_type = 'Usage' THEN quantity::VARCHAR ELSE '' END AS "lineItem/UsageAmount",
    'USD' AS "lineItem/CurrencyCode",
    CASE WHEN cost % 50 = 0 THEN microdollars || 'E-6' ELSE (microdollars::DECIMAL(18,0) * 0.000001)::VARCHAR END AS "lineItem/UnblendedCost",
    s.name AS "product/ProductName",
    s.region AS "product/region",
    CASE kind % 3 WHEN 0 THEN 'production' WHEN 1 THEN 'staging' ELSE '' END AS "resourceTags/user:environment",
    microdollars
  FROM costed`;

/** As many files as are written side by side: gzip has one thread a file. */
const PARTS = 2;

/**
 * Writes a synthetic AWS CUR month as CSV.gz files and answers them with their control totals. It is made up, but shaped like the real
 * thing: usage, three kinds of discounts, credits, refunds, fees, tax, marketplace lines, some costs in scientific notation.
 */
export const writeGeneratedUsage = async (
  duckDb: DuckDb,
  usage: GeneratedUsage,
  folder: string,
): Promise<Readonly<{ files: readonly string[]; totals: ExpectedTotal }>> => {
  const firstOf = (part: number): number => Math.floor((usage.rows * part) / PARTS);
  const parts = Array.from({ length: PARTS }, (_, part) => ({
    file: join(folder, `${usage.managementAccount}-${usage.month}-${String(part + 1)}.csv.gz`),
    sql: lines(usage, firstOf(part), firstOf(part + 1)),
  }));
  await Promise.all(
    parts.map(({ file, sql }) =>
      duckDb.run(
        `COPY (SELECT * EXCLUDE (microdollars) FROM (${sql})) TO ${quoted(file)} (FORMAT csv, HEADER, COMPRESSION gzip)`,
      ),
    ),
  );
  const [sum] = await duckDb.all(`SELECT sum(microdollars)::HUGEINT AS microdollars FROM (${lines(usage, 0, usage.rows)})`);
  const microdollars = sum?.['microdollars'];
  if (typeof microdollars !== 'bigint') throw new TypeError('the total of generated usage is not an integer');
  const { managementAccount, month, rows } = usage;
  return {
    files: parts.map(({ file }) => file),
    totals: { managementAccount, month, rows, billedCost: Decimal.scaled(microdollars, 6).toString() },
  };
};
