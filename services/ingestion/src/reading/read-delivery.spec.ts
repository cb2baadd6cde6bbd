import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Decimal } from '#libs/money/decimal';
import { type CsvRow, curCsv, Delivering, focusCsv, receiver, SAMPLES } from '../testing/delivering.ts';
import { type Read } from './read-delivery.ts';

const PAYER = receiver('111111111111');

const totals = ({ slices }: Read) =>
  slices.map(({ managementAccountId, month, rows, billedCost }) => [
    managementAccountId,
    month,
    rows,
    ...billedCost.map(({ amount, currency }) => `${amount} ${currency}`),
  ]);

let store: Delivering;
beforeAll(async () => {
  store = await Delivering.open();
});
afterAll(() => store.close());

describe('the sample deliveries', () => {
  const FOCUS = path.join(SAMPLES, 'focus_sample.csv');
  const CUR = path.join(SAMPLES, 'aws_cur_sample.csv');
  const PROVIDERS = ['1234567890123', '/providers/Microsoft.Billing/billingAccounts/8611537', '20209880'].map((account) =>
    receiver(account),
  );
  const FOCUS_TOTALS = [
    ['/providers/Microsoft.Billing/billingAccounts/8611537', '2024-09', 51, '1.97651418586 USD'],
    ['1234567890123', '2024-09', 942, '18.0066386184 USD'],
    ['20209880', '2024-09', 6, '0.29707392473 USD'],
    ['20209880', '2024-10', 1, '0.24 USD'],
  ];

  it('read the FOCUS sample to its control totals, slice by slice', async () => {
    const read = await store.deliver([FOCUS], PROVIDERS);
    expect(totals(read)).toEqual(FOCUS_TOTALS);
    expect(read).toMatchObject({ format: 'focus', rows: 1000, unknownColumns: ['Id'], roundings: [] });
    const [sums] = await store.query(read, 'sum(EffectiveCost) AS effective, sum(ListCost) AS list', '');
    expect(String(sums?.['effective'])).toBe('14.97651418586');
    expect(String(sums?.['list'])).toBe('20.39090575119');
  });

  it('find the one marketplace line of the FOCUS sample', async () => {
    const read = await store.deliver([FOCUS], PROVIDERS);
    const marketplace = await store.query(read, 'PublisherName', "WHERE x_Marketplace = 'true'");
    expect(marketplace).toEqual([{ PublisherName: 'Red Hat Inc.' }]);
    const added = PROVIDERS.map((provider) => ({ ...provider, ownPublishers: ['red hat'] }));
    expect(await store.query(await store.deliver([FOCUS], added), 'PublisherName', "WHERE x_Marketplace <> 'false'")).toEqual([]);
  });

  it('read the AWS CUR sample to its control totals', async () => {
    const read = await store.deliver([CUR], [receiver('123412340534')]);
    expect(totals(read)).toEqual([['123412340534', '2023-11', 1281, '1.6823086974 USD']]);
    expect(read).toMatchObject({ format: 'aws-cur', unknownColumns: [], roundings: [] });
    const parts = await store.query(
      read,
      'x_LineItemType AS type, count(*) AS lines, sum(BilledCost) AS billed',
      'GROUP BY ALL ORDER BY lines',
    );
    expect(parts.map(({ type, lines, billed }) => [type, lines, String(billed)])).toEqual([
      ['Tax', 12n, '0.08'],
      ['Usage', 1269n, '1.6023086974'],
    ]);
  });

  it('read the same from gzip, and from several files', async () => {
    const zipped = await store.file('sample.csv.gz', gzipSync(await readFile(FOCUS)));
    expect(totals(await store.deliver([zipped], PROVIDERS))).toEqual(FOCUS_TOTALS);
    const twice = await store.deliver([FOCUS, zipped], PROVIDERS);
    expect(totals(twice)[3]).toEqual(['20209880', '2024-10', 2, '0.48 USD']);
    const [rows] = await store.query(twice, 'min(x_Row) AS first, max(x_Row) AS last, count(DISTINCT x_Row) AS rows', '');
    expect(rows).toEqual({ first: 1n, last: 2000n, rows: 2000n });
  });

  it('have one content hash however they are packed, and another one under other rules', async () => {
    const hashes = async (...delivery: Parameters<Delivering['deliver']>) =>
      (await store.deliver(...delivery)).slices.map(({ contentHash }) => contentHash);
    const plain = await hashes([CUR], [receiver('123412340534')]);
    expect(await hashes([await store.file('cur.gz', gzipSync(await readFile(CUR)))], [receiver('123412340534')])).toEqual(plain);
    expect(await hashes([CUR], [receiver('123412340534', 'Somebody')])).not.toEqual(plain);
  });

  it('name the accounts of a slice with the days of their lines', async () => {
    const read = await store.deliver([CUR], [receiver('123412340534')]);
    expect(read.slices[0]?.accounts).toEqual([
      { accountId: '123412340534', name: null, firstDay: '2023-11-01', lastDay: '2023-11-14' },
    ]);
  });
});

describe('from a Cost and Usage Report to FOCUS', () => {
  const line = async (row: Readonly<Record<string, string>>, columns: string) => {
    const file = await store.file('line.csv', curCsv(row));
    return (await store.query(await store.deliver([file], [PAYER]), columns))[0];
  };

  it.each([
    ['Usage', 'Usage'],
    ['DiscountedUsage', 'Usage'],
    ['SavingsPlanCoveredUsage', 'Usage'],
    ['SavingsPlanNegation', 'Usage'],
    ['Fee', 'Purchase'],
    ['RIFee', 'Purchase'],
    ['SavingsPlanUpfrontFee', 'Purchase'],
    ['SavingsPlanRecurringFee', 'Purchase'],
    ['Tax', 'Tax'],
    ['Credit', 'Credit'],
    ['Refund', 'Adjustment'],
    ['EdpDiscount', 'Adjustment'],
    ['SppDiscount', 'Adjustment'],
    ['BundledDiscount', 'Adjustment'],
  ])('makes the line type %s the charge category %s', async (type, category) => {
    expect(await line({ 'lineItem/LineItemType': type }, 'ChargeCategory, x_LineItemType')).toEqual({
      ChargeCategory: category,
      x_LineItemType: type,
    });
  });

  it('keeps usage type, operation, line item id, quantity, list cost and region', async () => {
    const row = {
      'identity/LineItemId': 'L1',
      'lineItem/UsageType': 'BoxUsage:m5.large',
      'lineItem/Operation': 'RunInstances',
      'lineItem/UsageAmount': '7440',
      'pricing/publicOnDemandCost': '714.24',
      'product/region': 'us-east-1',
    };
    expect(
      await line(row, 'x_LineItemId, x_UsageType, x_Operation, PricingQuantity, ListCost, RegionId, ProviderName, x_Row'),
    ).toEqual({
      x_LineItemId: 'L1',
      x_UsageType: 'BoxUsage:m5.large',
      x_Operation: 'RunInstances',
      PricingQuantity: Decimal.scaled(7440n * 10n ** 18n, 18),
      ListCost: Decimal.scaled(71424n * 10n ** 16n, 18),
      RegionId: 'us-east-1',
      ProviderName: 'AWS',
      x_Row: 1n,
    });
  });

  it.each([
    ['AWS', 'false'],
    ['AWS Marketplace', 'true'],
    ['', 'false'],
  ])('judges the marketplace by the billing entity: "%s" is %s', async (entity, marketplace) => {
    expect(await line({ 'bill/BillingEntity': entity }, 'x_Marketplace')).toEqual({ x_Marketplace: marketplace });
  });

  it('takes the product code where there is no product name, and the payer where there is no usage account', async () => {
    expect(
      await line(
        { 'product/ProductName': '', 'lineItem/ProductCode': 'AmazonEC2', 'lineItem/UsageAccountId': '' },
        'ServiceName, SubAccountId',
      ),
    ).toEqual({ ServiceName: 'AmazonEC2', SubAccountId: '111111111111' });
  });

  it('gathers the resource tags that have a text', async () => {
    const tags = { 'resourceTags/user:env': 'say "prod"', 'resourceTags/aws:a/b~c': 'x', 'resourceTags/user:none': '' };
    expect(await line(tags, 'Tags')).toEqual({ Tags: '{"user:env":"say \\"prod\\"","aws:a/b~c":"x"}' });
    expect(await line({ 'resourceTags/user:none': '' }, 'Tags')).toEqual({ Tags: null });
  });

  it.each([
    ['Usage', '1.5'],
    ['SavingsPlanCoveredUsage', '0.7'],
    ['DiscountedUsage', '0.6'],
    ['SavingsPlanNegation', '0'],
    ['RIFee', 'null'],
  ])('spreads commitments over what they cover: effective cost of %s', async (type, effective) => {
    const row = {
      'lineItem/LineItemType': type,
      'savingsPlan/SavingsPlanEffectiveCost': '0.7',
      'reservation/EffectiveCost': '0.6',
    };
    expect(String((await line(row, 'EffectiveCost'))?.['EffectiveCost'])).toBe(effective);
  });

  it('reports columns that it does not know, and none of the report’s own', async () => {
    const file = await store.file('unknown.csv', curCsv({ 'my/Column': '1', 'product/unheardOf': '2' }));
    expect((await store.deliver([file], [PAYER])).unknownColumns).toEqual(['my/Column']);
  });

  it('takes a text NULL for a text', async () => {
    expect(await line({ 'resourceTags/user:env': 'NULL' }, 'Tags')).toEqual({ Tags: '{"user:env":"NULL"}' });
  });
});

describe('reading FOCUS', () => {
  const line = async (row: Readonly<Record<string, string>>, columns: string) => {
    const file = await store.file('line.csv', focusCsv(row));
    return (await store.query(await store.deliver([file], [PAYER]), columns))[0];
  };

  it('takes the word NULL and the empty text for nothing', async () => {
    expect(
      await line({ RegionId: 'NULL', RegionName: '', Tags: 'NULL', ListCost: 'NULL' }, 'RegionId, RegionName, Tags, ListCost'),
    ).toEqual({
      RegionId: null,
      RegionName: null,
      Tags: null,
      ListCost: null,
    });
  });

  it('takes the billing account for a missing sub-account', async () => {
    expect(await line({ SubAccountId: 'NULL' }, 'SubAccountId')).toEqual({ SubAccountId: '111111111111' });
    expect(await line({}, 'SubAccountId')).toEqual({ SubAccountId: '111111111111' });
  });

  it.each([
    ['2026-01-10 22:15:00', '2026-01-10T22:15:00.000Z'],
    ['2026-01-10T22:15:00Z', '2026-01-10T22:15:00.000Z'],
    ['2026-01-10T22:15:00.123Z', '2026-01-10T22:15:00.123Z'],
    ['2026-01-10T22:15:00', '2026-01-10T22:15:00.000Z'],
    ['2026-01-10T22:15:00+02:00', '2026-01-10T20:15:00.000Z'],
    ['2026-01-01 01:30:00-0330', '2026-01-01T05:00:00.000Z'],
    ['2026-01-10', '2026-01-10T00:00:00.000Z'],
  ])('reads the time %s as %s', async (written, instant) => {
    expect(await line({ ChargePeriodStart: written }, 'ChargePeriodStart')).toEqual({ ChargePeriodStart: instant });
  });

  it.each([
    ['AWS', 'Amazon Web Services EMEA SARL', 'false'],
    ['AWS', 'AWS Marketplace Seller', 'false'],
    ['AWS', 'Red Hat Inc.', 'true'],
    ['Amazon Web Services', 'aws', 'false'],
    ['Microsoft', 'MICROSOFT Corporation', 'false'],
    ['Microsoft', 'SendGrid', 'true'],
    ['Google Cloud', 'Google LLC', 'false'],
    ['Oracle', 'Oracle', 'false'],
    ['Hetzner', 'Hetzner Online', 'false'],
    ['Hetzner', 'Somebody', 'true'],
    ['AWS', '', 'false'],
  ])('of %s, the publisher "%s" makes a marketplace line: %s', async (provider, publisher, marketplace) => {
    expect(await line({ ProviderName: provider, PublisherName: publisher }, 'x_Marketplace')).toEqual({
      x_Marketplace: marketplace,
    });
  });

  it('keeps a field with line breaks and quotes, and the lines after it', async () => {
    const file = await store.file(
      'quotes.csv',
      focusCsv({ ChargeDescription: 'two\r\nlines, "quoted"' }, { ChargeDescription: 'next' }),
    );
    expect(await store.query(await store.deliver([file], [PAYER]), 'ChargeDescription, x_Row')).toEqual([
      { ChargeDescription: 'two\r\nlines, "quoted"', x_Row: 1n },
      { ChargeDescription: 'next', x_Row: 2n },
    ]);
  });

  it('reads a byte order mark, CRLF and a missing last line break', async () => {
    const file = await store.file('windows.csv', `\uFEFF${focusCsv({}, {}).replaceAll('\n', '\r\n').trimEnd()}`);
    expect((await store.deliver([file], [PAYER])).rows).toBe(2);
  });
});

describe('amounts of a delivery', () => {
  const read = async (...costs: readonly string[]) => {
    const file = await store.file('costs.csv', focusCsv(...costs.map((BilledCost) => ({ BilledCost }))));
    return store.deliver([file], [PAYER]);
  };

  it.each([
    ['1.81E-8', '0.0000000181'],
    ['-1.81e-08', '-0.0000000181'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['+12.50', '12.5'],
    ['1.5E+3', '1500'],
    ['12345678901234567890.123456789012345678', '12345678901234567890.123456789012345678'],
    ['0.02009080844599E21', '20090808445990000000'],
    ['0000000000000000000000000000007.0', '7'],
  ])('are exact: %s is %s', async (written, amount) => {
    const { slices, roundings } = await read(written);
    expect(slices[0]?.billedCost).toEqual([{ currency: 'USD', amount }]);
    expect(roundings).toEqual([]);
  });

  it.each([
    ['0.1234567890123456785', '0.123456789012345679', '0.0000000000000000005'],
    ['-0.1234567890123456785', '-0.123456789012345679', '-0.0000000000000000005'],
    ['0.12345678901234567849', '0.123456789012345678', '-0.00000000000000000049'],
    ['.99044045E-20', '0', '-0.0000000000000000000099044045'],
    ['5E-19', '0.000000000000000001', '0.0000000000000000005'],
  ])('are rounded half away from zero to 18 decimals: %s to %s', async (written, amount, added) => {
    const { slices, roundings } = await read(written, '0');
    expect(slices[0]?.billedCost).toEqual([{ currency: 'USD', amount }]);
    expect(roundings).toEqual([{ file: 'costs.csv', column: 'BilledCost', rows: 1, added }]);
  });

  it('keep their currencies apart', async () => {
    const file = await store.file('currencies.csv', focusCsv({}, { BillingCurrency: 'EUR', BilledCost: '2' }, {}));
    expect(totals(await store.deliver([file], [PAYER]))).toEqual([['111111111111', '2026-01', 3, '2 EUR', '3 USD']]);
  });
});

describe('a delivery that is refused', () => {
  const refusalOf = async (...rows: readonly CsvRow[]) =>
    store.refusal([await store.file('bad.csv', focusCsv(...rows))], [PAYER]);
  const nothingWritten = async () =>
    (await readdir(store.usage.folder, { recursive: true })).filter((name) => name.startsWith('staging/'));

  it('names file, row, column and value of a cost with a comma', async () => {
    const { problems, problemCount, managementAccounts } = await refusalOf({}, { BilledCost: '12,5' });
    expect([problemCount, managementAccounts]).toEqual([1, ['111111111111']]);
    expect(problems).toMatchObject([{ file: 'bad.csv', row: 3, column: 'BilledCost', value: '12,5' }]);
    expect(problems[0]?.message).toContain('bad.csv, row 3, BilledCost: "12,5" is no number');
    expect(await nothingWritten()).toEqual([]);
  });

  it.each([
    '1_000.5',
    ' 5',
    '1 000',
    '1,000.5',
    '0x1F',
    'nan',
    'inf',
    '1e',
    '1.2.3',
    '.',
    '-',
    '$5',
    '1E9999',
    '100000000000000000000',
  ])('takes "%s" for no number', async (BilledCost) => {
    expect((await refusalOf({ BilledCost })).problems).toMatchObject([{ row: 2, column: 'BilledCost', value: BilledCost }]);
  });

  it.each([
    ['ChargePeriodStart', '2026-02-30 00:00:00', 'is no date'],
    ['ChargePeriodStart', '01/02/2026', 'is no date'],
    ['BillingPeriodStart', '', 'is empty'],
    ['BilledCost', '', 'is empty'],
    ['ServiceName', 'NULL', 'is empty'],
    ['ChargeCategory', 'Gift', 'is none of Usage'],
    ['BillingCurrency', 'dollar', 'is no currency'],
    ['Tags', 'env=prod', 'is no JSON object'],
    ['Tags', '["env"]', 'is no JSON object'],
  ])('refuses %s "%s": it %s', async (column, value, message) => {
    const { problems } = await refusalOf({ [column]: value });
    expect(problems).toMatchObject([{ row: 2, column }]);
    expect(problems[0]?.message).toContain(message);
  });

  it('shows the first 20 of all problems and counts the rest', async () => {
    const { problems, problemCount } = await refusalOf(...Array.from({ length: 30 }, () => ({ BilledCost: 'x', ListCost: 'y' })));
    expect(problemCount).toBe(60);
    expect(problems).toHaveLength(20);
    expect(problems.map(({ row }) => row).slice(0, 4)).toEqual([2, 2, 3, 3]);
  });

  it('names the columns that are missing', async () => {
    const file = await store.file(
      'missing.csv',
      'BilledCost,ChargePeriodStart,BillingAccountId,ServiceName,ChargeCategory\n1,2026-01-01,1,a,Usage\n',
    );
    expect((await store.refusal([file], [PAYER])).problems.map(({ column }) => column)).toEqual([
      'BillingCurrency',
      'BillingPeriodStart',
    ]);
    const report = await store.file('missing-cur.csv', 'bill/PayerAccountId,lineItem/LineItemType\n1,Usage\n');
    expect((await store.refusal([report], [PAYER])).problems.map(({ column }) => column)).toContain(
      'product/ProductName or lineItem/ProductCode',
    );
  });

  it('names the file that lacks a column, when there are several', async () => {
    const whole = await store.file('whole.csv', focusCsv({}));
    const lacking = await store.file('lacking.csv', focusCsv({}).replace('BilledCost', 'Costs'));
    expect((await store.refusal([whole, lacking], [PAYER])).problems).toMatchObject([
      { file: 'lacking.csv', column: 'BilledCost', message: 'lacking.csv: The column BilledCost is missing.' },
    ]);
  });

  it('refuses a column that is read and there twice', async () => {
    const twice = focusCsv({})
      .replace(/\n(?=.)/, ',"BilledCost "\n')
      .replace(/\n$/, ',2\n');
    const file = await store.file('twice.csv', twice);
    expect((await store.refusal([file], [PAYER])).problems).toMatchObject([
      { file: 'twice.csv', column: 'BilledCost', message: 'The column BilledCost is there twice.' },
    ]);
  });

  it('takes columns that nobody reads as often as they come, and tags that differ in case', async () => {
    const more = (names: string): string =>
      curCsv({})
        .replace(/\n(?=.)/, `,${names}\n`)
        .replace(/\n$/, ',a,b\n');
    for (const names of ['product/unread,product/unread', 'resourceTags/user:env,resourceTags/user:Env'])
      expect(await store.deliver([await store.file('double.csv', more(names))], [PAYER])).toMatchObject({ rows: 1 });
  });

  it.each([
    [['99999999999999999999', '99999999999999999999'], 'the sum of BilledCost is too large'],
    [['99999999999999999999', '1'], 'the sum of BilledCost in USD of the slice 111111111111, 2026-01 is too large'],
    [['-99999999999999999999', '-1'], 'the sum of BilledCost in USD of the slice 111111111111, 2026-01 is too large'],
  ])('refuses a sum too large for the store: %j', async (costs, message) => {
    const file = await store.file('sum.csv', focusCsv(...costs.map((BilledCost) => ({ BilledCost }))));
    const { problems } = await store.refusal([file], [PAYER]);
    expect(problems).toMatchObject([{ file: 'sum.csv', column: 'BilledCost' }]);
    expect(problems[0]?.message).toBe(`sum.csv: ${message}: it has more than 20 digits before the point.`);
    expect(await nothingWritten()).toEqual([]);
  });

  it('ends each message with one full stop', async () => {
    const open = await store.file('open.csv', `${focusCsv({})}"1.5,111111111111\n`);
    expect((await store.refusal([open], [PAYER])).message).toMatch(/[^.]\.$/);
  });

  it('names a line type that the report does not have', async () => {
    const file = await store.file('type.csv', curCsv({ 'lineItem/LineItemType': 'Gift' }));
    expect((await store.refusal([file], [PAYER])).problems).toMatchObject([
      { row: 2, column: 'lineItem/LineItemType', value: 'Gift' },
    ]);
  });

  it('names a management account without a data source', async () => {
    const { problems, managementAccounts } = await refusalOf({}, { BillingAccountId: '999' });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain('999');
    expect(managementAccounts).toEqual(['111111111111', '999']);
  });

  it('refuses a truncated gzip, one with a wrong checksum and one with other data after its end', async () => {
    const whole = gzipSync(focusCsv(...Array.from({ length: 5000 }, (_, row) => ({ BilledCost: String(row * 7919) }))));
    const truncated = await store.file('truncated.csv.gz', whole.subarray(0, whole.length - 200));
    expect((await store.refusal([truncated], [PAYER])).message).toContain('truncated');
    const noTrailer = await store.file('no-trailer.csv.gz', whole.subarray(0, whole.length - 8));
    expect((await store.refusal([noTrailer], [PAYER])).message).toContain('truncated');
    const wrong = Buffer.from(whole);
    wrong.writeUInt32LE((wrong.readUInt32LE(wrong.length - 8) ^ 1) >>> 0, wrong.length - 8);
    const checksum = await store.file('checksum.csv.gz', wrong);
    expect((await store.refusal([checksum], [PAYER])).problems).toMatchObject([{ file: 'checksum.csv.gz' }]);
    expect((await store.refusal([checksum], [PAYER])).message).toContain('checksum');
    expect((await store.deliver([await store.file('whole.csv.gz', whole)], [PAYER])).rows).toBe(5000);
  });

  it.each([
    ['too few fields', 'a,b\n'],
    ['too many fields', `${'1,'.repeat(30)}1\n`],
    ['an unterminated quote', '"1.5,111111111111\n'],
  ])('names the row of %s', async (_, tail) => {
    const file = await store.file('fields.csv', focusCsv({}, {}) + tail);
    const { problems } = await store.refusal([file], [PAYER]);
    expect(problems).toMatchObject([{ file: 'fields.csv', row: 4 }]);
    expect(problems[0]?.message).not.toContain(store.folder);
  });

  it.each([
    ['an empty file', '', 'is empty'],
    ['a header alone', focusCsv(), 'no usage line'],
    ['other columns', 'a,b\n1,2\n', 'neither those of FOCUS'],
    ['a text that is no table', '\n\n', 'column names'],
    ['FOCUS without a cost', focusCsv({}).replace('BilledCost', 'Costs'), 'BilledCost'],
  ])('refuses %s', async (_, content, message) => {
    expect((await store.refusal([await store.file('odd.csv', content)], [PAYER])).message).toContain(message);
  });

  it('names the column of commitments that a bad effective cost may stand in', async () => {
    const type = 'SavingsPlanCoveredUsage';
    const covered = { 'lineItem/LineItemType': type, 'savingsPlan/SavingsPlanEffectiveCost': '1,5' };
    const { problems } = await store.refusal([await store.file('covered.csv', curCsv(covered))], [PAYER]);
    expect(problems).toMatchObject([{ row: 2, value: '1,5' }]);
    expect(problems[0]?.column).toContain('savingsPlan/SavingsPlanEffectiveCost');
  });

  it('refuses text that is not UTF-8', async () => {
    const file = await store.file('latin1.csv', Buffer.from(focusCsv({ ServiceName: 'Zürich' }), 'latin1'));
    expect((await store.refusal([file], [PAYER])).problems).toMatchObject([{ file: 'latin1.csv' }]);
  });

  it('refuses files of two formats, and a format other than the one announced', async () => {
    const focus = await store.file('a.csv', focusCsv({}));
    const report = await store.file('b.csv', curCsv({}));
    expect((await store.refusal([focus, report], [PAYER])).message).toContain('one format');
    expect((await store.refusal([focus], [PAYER], { format: 'aws-cur' })).problems[0]?.column).toBe('bill/PayerAccountId');
  });

  it('refuses a slice that does not add up to what was expected, with both numbers', async () => {
    const file = await store.file('expected.csv', focusCsv({}, {}));
    const expected = (rows: number, billedCost: string, month = '2026-01') => ({
      expected: [{ managementAccountId: '111111111111', month, rows, billedCost }],
    });
    expect(await store.deliver([file], [PAYER], expected(2, '3.000'))).toMatchObject({ rows: 2 });
    const { problems } = await store.refusal([file], [PAYER], expected(3, '3.000000000000000001'));
    expect(problems.map(({ message }) => message)).toEqual([
      'The slice 111111111111, 2026-01 has 2 rows, but 3 were expected.',
      'The slice 111111111111, 2026-01 has a BilledCost of 3, but 3.000000000000000001 was expected.',
    ]);
    expect((await store.refusal([file], [PAYER], expected(2, '3', '2026-02'))).message).toContain('2026-02 was expected');
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const rows = Array.from({ length: 20_000 }, (_, row) => ({ BilledCost: String(row) }));
    const file = await store.file('long.csv', focusCsv(...rows));
    const before = await readdir(store.usage.folder, { recursive: true });
    for (const delay of [0, 20, 60]) {
      const ending = new AbortController();
      setTimeout(() => {
        ending.abort(new Error('cancelled'));
      }, delay);
      await store.deliver([file], [PAYER], { signal: ending.signal, attempt: `cancelled${String(delay)}` }).then(
        () => expect(delay).toBeGreaterThan(0),
        (error: unknown) => expect(error).toEqual(new Error('cancelled')),
      );
    }
    const after = (await readdir(store.usage.folder, { recursive: true })).filter((name) => !before.includes(name));
    expect(after.filter((name) => name.includes('cancelled0'))).toEqual([]);
    expect(await nothingWritten()).toEqual([]);
  });
});
