import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile, truncate } from 'node:fs/promises';
import path from 'node:path';
import { quoted } from '#libs/usage-store/columns';
import { type CsvRow, csvOf, curCsv, Delivering, receiver, SAMPLES } from '../testing/delivering.ts';
import { type Read } from './read-delivery.ts';

const PAYER = receiver('111111111111');

let store: Delivering;
beforeAll(async () => {
  store = await Delivering.open();
});
afterAll(() => store.close());

/** Writes a query's rows as a Parquet file. */
const parquet = async (name: string, select: string): Promise<string> => {
  const file = path.join(store.folder, name);
  await store.duckDb.run(`COPY (${select}) TO ${quoted(file)} (FORMAT parquet)`);
  return file;
};

const KEPT = `BilledCost, EffectiveCost, ListCost, BillingAccountId, BillingPeriodStart, ChargePeriodStart, SubAccountId, ServiceName,
  ChargeCategory, PricingQuantity, RegionId, CommitmentDiscountId, Tags, x_LineItemType, x_UsageType, x_Operation, x_Marketplace, x_Row`;
const linesOf = (read: Read) => store.query(read, KEPT);

/** The same two lines in every way that AWS writes them. */
const LEGACY: readonly CsvRow[] = [
  {
    'bill/PayerAccountId': '111111111111',
    'bill/BillingPeriodStartDate': '2026-01-01T00:00:00Z',
    'bill/BillingEntity': 'AWS Marketplace',
    'lineItem/UsageAccountId': '222222222222',
    'lineItem/LineItemType': 'Usage',
    'lineItem/UsageStartDate': '2026-01-10T03:00:00Z',
    'lineItem/UsageType': 'BoxUsage:m5.large',
    'lineItem/Operation': 'RunInstances',
    'lineItem/UsageAmount': '24',
    'lineItem/CurrencyCode': 'USD',
    'lineItem/UnblendedCost': '0.0000000181',
    'pricing/publicOnDemandCost': '2.5',
    'product/ProductName': 'Amazon Elastic Compute Cloud',
    'product/region': 'us-east-1',
    'savingsPlan/SavingsPlanARN': '',
    'savingsPlan/SavingsPlanEffectiveCost': '',
    'resourceTags/user:env': 'prod',
    'resourceTags/aws:created_by': 'say "x", {user_y}',
  },
  {
    'lineItem/LineItemType': 'SavingsPlanCoveredUsage',
    'lineItem/UnblendedCost': '1.5',
    'savingsPlan/SavingsPlanARN': 'arn:plan',
    'savingsPlan/SavingsPlanEffectiveCost': '0.9',
    'resourceTags/user:env': '',
    'resourceTags/aws:created_by': '',
    'bill/BillingEntity': 'AWS',
  },
];
const legacyLines = async () => {
  const rows = LEGACY.map((row) => ({ ...LEGACY[0], ...row }));
  return linesOf(await store.deliver([await store.file('legacy.csv', curCsv(...rows))], [PAYER]));
};

const snakeRow = (row: CsvRow): CsvRow =>
  Object.fromEntries(
    Object.entries({ ...LEGACY[0], ...row })
      .filter(([name]) => !/^(resourceTags|product)/.test(name))
      .map(([name, value]) => [
        name.replaceAll(/\/?([A-Z])/g, (_, capital: string) => `_${capital.toLowerCase()}`).replace('/', '_'),
        value,
      ]),
  );
const CUR_2: readonly CsvRow[] = LEGACY.map((row, index) => ({
  ...snakeRow(row),
  product: '{"product_name":"Amazon Elastic Compute Cloud","region":"us-east-1"}',
  resource_tags: index === 0 ? '{"user_env": "prod", "aws_created_by": "say \\"x\\", {user_y}"}' : '{}',
  cost_category: '{}',
  discount: index === 0 ? '{"edp_discount": -0.25}' : '{}',
}));
const cur2Csv = (...rows: readonly CsvRow[]) => csvOf(CUR_2[0] ?? {})(...rows);

describe('CUR 2.0', () => {
  it('as CSV says the same as the legacy report, its maps as JSON', async () => {
    const read = await store.deliver([await store.gzipped('cur2.csv.gz', cur2Csv(...CUR_2))], [PAYER]);
    expect(read).toMatchObject({ format: 'aws-cur', unknownColumns: [] });
    expect(await linesOf(read)).toEqual(await legacyLines());
    expect(await store.query(read, 'x_Discounts')).toEqual([{ x_Discounts: '{"edp_discount": -0.25}' }, { x_Discounts: null }]);
  });

  it('as Parquet says the same, its maps as maps, times as times and costs as doubles', async () => {
    const rows = CUR_2.map(
      (row, index) => `SELECT ${Object.entries(row)
        .filter(([name]) => !['product', 'resource_tags', 'discount', 'cost_category'].includes(name))
        .map(([name, value]) => {
          const type = /_date$/.test(name) ? 'TIMESTAMP' : /_cost$|_amount$/.test(name) ? 'DOUBLE' : 'VARCHAR';
          return `${value === '' ? 'NULL' : quoted(value)}::${type} AS ${name}`;
        })
        .join(', ')},
        MAP {'product_name': 'Amazon Elastic Compute Cloud', 'region': 'us-east-1'} AS product,
        ${index === 0 ? `MAP {'user_env': 'prod', 'aws_created_by': 'say "x", {user_y}'}` : 'MAP([]::VARCHAR[], []::VARCHAR[])'} AS resource_tags,
        ${index === 0 ? "MAP {'edp_discount': -0.25::DOUBLE}" : 'NULL::MAP(VARCHAR, DOUBLE)'} AS discount`,
    );
    const read = await store.deliver([await parquet('cur2.parquet', rows.join(' UNION ALL '))], [PAYER]);
    expect(read).toMatchObject({ format: 'aws-cur', unknownColumns: [], roundings: [] });
    expect(await linesOf(read)).toEqual(await legacyLines());
    expect(await store.query(read, 'x_Discounts')).toEqual([{ x_Discounts: '{"edp_discount":-0.25}' }, { x_Discounts: null }]);
  });

  it('names row and column of a map that is no JSON, and of a cost that is no number, once', async () => {
    const bad = [{}, { resource_tags: '{user_env=prod}' }, { line_item_unblended_cost: '1,5' }];
    const { problems, problemCount } = await store.refusal([await store.file('bad.csv', cur2Csv(...bad))], [PAYER]);
    expect(problemCount).toBe(2);
    expect(problems).toMatchObject([
      { row: 3, column: 'resource_tags', value: '{user_env=prod}' },
      { row: 4, column: 'line_item_unblended_cost', value: '1,5' },
    ]);
  });

  it('names the columns that are missing as the file would spell them', async () => {
    const file = await store.file('short.csv', 'bill_payer_account_id,line_item_line_item_type\n1,Usage\n');
    expect((await store.refusal([file], [PAYER])).problems.map(({ column }) => column)).toEqual([
      'bill_billing_period_start_date',
      'line_item_usage_start_date',
      'line_item_unblended_cost',
      'line_item_currency_code',
      'product_product_name or line_item_product_code',
    ]);
  });
});

describe('the legacy report', () => {
  it('as Parquet, a column for each tag, says the same', async () => {
    const rows = LEGACY.map((row, index) => {
      const plain = Object.entries(snakeRow(row)).map(
        ([name, value]) =>
          `${value === '' ? 'NULL' : quoted(value)}::${/_date$/.test(name) ? 'TIMESTAMP' : 'VARCHAR'} AS ${name}`,
      );
      const [env, by] = index === 0 ? ["'prod'", quoted('say "x", {user_y}')] : ['NULL', 'NULL'];
      return `SELECT ${plain.join(', ')}, 'Amazon Elastic Compute Cloud' AS product_product_name, 'us-east-1' AS product_region,
        ${env} AS resource_tags_user_env, ${by} AS resource_tags_aws_created_by`;
    });
    const read = await store.deliver([await parquet('legacy.parquet', rows.join(' UNION ALL '))], [PAYER]);
    expect(read.unknownColumns).toEqual([]);
    expect(await linesOf(read)).toEqual(await legacyLines());
  });

  it('reports a cost that is no number once, though two columns come from it', async () => {
    const bad = await store.file('cost.csv', curCsv({ 'lineItem/UnblendedCost': '1,5' }));
    const { problems, problemCount } = await store.refusal([bad], [PAYER]);
    expect([problemCount, problems.map(({ column }) => column)]).toEqual([1, ['lineItem/UnblendedCost']]);
  });
});

describe('FOCUS as Parquet', () => {
  const SAMPLE = path.join(SAMPLES, 'focus_sample.csv');
  const PROVIDERS = ['1234567890123', '/providers/Microsoft.Billing/billingAccounts/8611537', '20209880'].map((account) =>
    receiver(account),
  );
  const sample = `SELECT * FROM read_csv(${quoted(SAMPLE)}, all_varchar = true, nullstr = ['', 'NULL'])`;
  const costs = 'BilledCost, EffectiveCost, ListCost, ContractedCost';

  it('comes to the totals of the same data as CSV, amounts as decimals, tags as a map', async () => {
    const typed = `SELECT * REPLACE (
        ${costs.split(', ').map((cost) => `${cost}::DECIMAL(38,18) AS ${cost}`)},
        ChargePeriodStart::TIMESTAMP AS ChargePeriodStart, BillingPeriodStart::TIMESTAMPTZ AS BillingPeriodStart,
        CASE WHEN Tags IS NOT NULL THEN MAP {'env': 'prod'} END AS Tags) FROM (${sample})`;
    const read = await store.deliver([await parquet('focus.parquet', typed)], PROVIDERS);
    const plain = await store.deliver([SAMPLE], PROVIDERS);
    const figures = ({ slices }: Read) =>
      slices.map(({ managementAccountId, month, billedCost }) => [managementAccountId, month, billedCost]);
    expect(figures(read)).toEqual(figures(plain));
    const kept = `${costs}, ChargePeriodStart, SubAccountId, x_Marketplace, x_Row`;
    expect(await store.query(read, kept)).toEqual(await store.query(plain, kept));
    expect(await store.query(read, 'DISTINCT Tags', 'WHERE Tags IS NOT NULL')).toEqual([{ Tags: '{"env":"prod"}' }]);
  });

  it('takes a double for the shortest decimal that means it, and refuses one that is no number', async () => {
    const line = (
      cost: string,
    ) => `SELECT ${cost}::DOUBLE AS BilledCost, '111111111111' AS BillingAccountId, 'USD' AS BillingCurrency,
      TIMESTAMP '2026-01-01' AS BillingPeriodStart, 'Usage' AS ChargeCategory, TIMESTAMP '2026-01-10' AS ChargePeriodStart, 'A' AS ServiceName`;
    const costs = ['0.1', '0.2', '1.81E-8', '123456.789'];
    const read = await store.deliver([await parquet('doubles.parquet', costs.map(line).join(' UNION ALL '))], [PAYER]);
    expect(read.slices[0]?.billedCost).toEqual([{ currency: 'USD', amount: '123457.0890000181' }]);
    const { problems } = await store.refusal([await parquet('nan.parquet', `${line('1')} UNION ALL ${line("'nan'")}`)], [PAYER]);
    expect(problems).toMatchObject([{ row: 3, column: 'BilledCost', value: 'nan' }]);
  });

  it('is refused when it is cut off', async () => {
    const file = await parquet('cut.parquet', sample);
    await truncate(file, 5_000);
    expect((await store.refusal([file], PROVIDERS)).message).toBe('cut.parquet: The Parquet file is damaged or truncated.');
  });
});

describe('what a file is', () => {
  it('is said by its content and not by its name', async () => {
    const csv = await readFile(path.join(SAMPLES, 'aws_cur_sample.csv'));
    const read = await store.deliver([await store.file('report.parquet', csv)], [receiver('123412340534')]);
    expect(read.rows).toBe(1281);
  });

  it('is refused in a sentence when it is a ZIP archive', async () => {
    const file = await store.file('report.csv.zip', Buffer.from('PK\u0003\u0004rest'));
    expect((await store.refusal([file], [PAYER])).message).toContain('ZIP archive');
  });
});

describe('a delivery with a manifest', () => {
  const parts = () => Promise.all(['r-1.csv', 'r-2.csv'].map((name) => store.file(name, curCsv({}, {}))));
  const manifest = (name: string, content: unknown) => store.file(name, JSON.stringify(content));
  const legacy = (...keys: readonly string[]) =>
    manifest('r-Manifest.json', {
      assemblyId: 'a1',
      account: '111111111111',
      billingPeriod: { start: '20260101T000000.000Z', end: '20260201T000000.000Z' },
      compression: 'GZIP',
      contentType: 'text/csv',
      reportKeys: keys,
    });

  it('is one delivery of all its parts', async () => {
    const files = [await legacy('cur/r/20260101-20260201/a1/r-1.csv', 'cur/r/20260101-20260201/a1/r-2.csv'), ...(await parts())];
    const { slices } = await store.deliver(files, [PAYER]);
    expect(slices).toMatchObject([{ month: '2026-01', rows: 4, files: [{ rows: 2 }, { rows: 2 }] }]);
  });

  it('has the content of its parts, whatever else the manifest says', async () => {
    const data = { executionId: 'e1', dataFiles: ['s3://bucket/x/data/BILLING_PERIOD=2026-01/r-1.csv', 's3://bucket/x/r-2.csv'] };
    const files = await parts();
    const hashes = ({ slices }: Read) => slices.map(({ contentHash }) => contentHash);
    const first = await store.deliver([await manifest('Manifest.json', data), ...files], [PAYER]);
    const later = await manifest('Manifest.json', { ...data, executionId: 'e2' });
    expect(hashes(await store.deliver([...files, later], [PAYER]))).toEqual(hashes(first));
    expect(hashes(await store.deliver(files, [PAYER]))).toEqual(hashes(first));
  });

  it.each([
    [
      ['a/r-1.csv', 'a/r-2.csv', 'a/r-3.csv'],
      'The part r-3.csv, which the manifest r-Manifest.json names, is not in the delivery.',
    ],
    [['a/r-1.csv'], 'r-2.csv is in the delivery, but no manifest of it names it.'],
    [['a/r-1.csv', 'a/r-2.csv', 'a/r-2.csv'], 'The part r-2.csv is named twice by r-Manifest.json.'],
    [[], 'The manifest r-Manifest.json names no part.'],
  ])('is refused when its parts are %j', async (keys, message) => {
    const { problems } = await store.refusal([await legacy(...keys), ...(await parts())], [PAYER]);
    expect(problems.map((problem) => problem.message)).toContain(message);
  });

  it('is refused at once when the manifest names too many parts', async () => {
    const keys = (length: number) => Array.from({ length }, (_, part) => `a/r-${String(part)}.csv`);
    const refusal = async (reportKeys: readonly string[]) => store.refusal([await manifest('m.json', { reportKeys })], [PAYER]);
    expect((await refusal(keys(10_001))).problems.map(({ message }) => message)).toEqual([
      'The manifest m.json names 10001 parts: a delivery has at most 10000.',
    ]);
    expect((await refusal(keys(10_000))).problemCount).toBe(10_000);
  });

  it('is refused with the beginning of a very long name', async () => {
    const { problems } = await store.refusal([await legacy(`a/${'x'.repeat(1 << 20)}`)], [PAYER]);
    expect(problems.map(({ message }) => message)).toEqual([
      `The part ${'x'.repeat(100)}, which the manifest r-Manifest.json names, is not in the delivery.`,
    ]);
  });

  it('is refused when a part is a manifest itself', async () => {
    const [one = ''] = await parts();
    const other = await manifest('other.json', { reportKeys: ['a/r-1.csv'] });
    expect((await store.refusal([await legacy('a/other.json'), other, one], [PAYER])).message).toBe(
      'The part other.json, which the manifest r-Manifest.json names, is itself a manifest.',
    );
    expect((await store.refusal([await legacy('a/r-1.csv', 'r-Manifest.json'), one], [PAYER])).message).toBe(
      'The part r-Manifest.json, which the manifest r-Manifest.json names, is itself a manifest.',
    );
  });

  it('is refused when a part is there twice, and when the manifest is none', async () => {
    const [one = '', two = ''] = await parts();
    const twice = await store.refusal([await legacy('a/r-1.csv', 'a/r-2.csv'), one, two, two], [PAYER]);
    expect(twice.message).toBe('The part r-2.csv is in the delivery twice.');
    expect((await store.refusal([await manifest('m.json', { a: 1 }), one], [PAYER])).message).toContain(
      'no manifest that is known',
    );
  });
});
