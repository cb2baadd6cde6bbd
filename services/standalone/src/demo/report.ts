import { type MonthBill, type TenantBill } from './bill.ts';
import { type ExplainedStep, type Played } from './play.ts';

type Table = Readonly<{ head: readonly string[]; rows: readonly (readonly string[])[] }>;

/** Columns aligned by their widest cell: text to the left, amounts (everything but the first column) to the right. */
const table = ({ head, rows }: Table, indent = '  '): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    indent +
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), indent + widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
};

const depthOf = (tenant: TenantBill, all: readonly TenantBill[]): number => {
  const parent = all.find(({ name }) => name === tenant.parent);
  return parent ? 1 + depthOf(parent, all) : 0;
};

const isZero = (amount: string): boolean => /^-?0(\.0*)?$/.test(amount);

const figures = ({ tenants }: MonthBill): string =>
  table({
    head: ['tenant', 'tier', 'billed', 'resold', 'margin', '', 'source: rated', 'excluded', 'unbilled', 'unassigned'],
    rows: tenants.flatMap((tenant) => {
      const name = `${'  '.repeat(depthOf(tenant, tenants))}${tenant.name}`;
      const row = (
        of: Pick<TenantBill, 'billed' | 'resold' | 'margin' | 'rated' | 'excluded' | 'unbilled' | 'unassigned'>,
        currency: string,
      ) => [
        name,
        tenant.tier,
        of.billed,
        of.resold ?? '–',
        of.margin ?? '–',
        currency,
        of.rated,
        of.excluded,
        of.unbilled,
        of.unassigned,
      ];
      return [row(tenant, tenant.currency), ...(tenant.otherCurrencies ?? []).map((other) => row(other, other.currency))];
    }),
  });

const MOST_LINES = 40;

const proforma = (tenant: TenantBill, month: string): string => {
  if (!tenant.proforma) return `  No proforma for ${tenant.name} in ${month}: ${tenant.reason ?? ''}`;
  const { lines, net, taxes, passThroughTax, total, roundingDifference } = tenant.proforma;
  if (lines.length === 0 && isZero(total)) return `  Proforma ${month}, ${tenant.name}: nothing to bill`;
  const shown = lines.slice(0, MOST_LINES);
  const body = table({
    head: [`Proforma ${month}, ${tenant.name}`, tenant.currency],
    rows: [
      ...shown.map(({ text, amount }) => [text, amount]),
      ...(lines.length > shown.length ? [[`… and ${String(lines.length - shown.length)} more lines`, '']] : []),
      ['Net', net],
      ...taxes.map(({ text, amount }) => [text, amount]),
      ...(isZero(passThroughTax) ? [] : [['Tax passed through', passThroughTax]]),
      ['Total', total],
    ],
  });
  return `${body}\n  (rounding difference ${roundingDifference})`;
};

const WHY: Readonly<Record<string, string>> = {
  unbilled: 'charged on, but billed to nobody below: no contract covers it',
  'upstream-unbilled': 'billed below, but no contract covers this tenant itself',
  unassigned: 'of accounts that belong to nobody',
  'own-use': 'used by the tenant itself',
};

/** What is not on anybody's bill, and why; losses by price carry no reason. */
const notBilled = ({ tenants, month }: MonthBill, { unassigned }: Played): readonly string[] => [
  ...tenants.flatMap(({ name, unbilled, currency, proforma: document }) =>
    document === null && !isZero(unbilled) ? [`${name}: ${unbilled} ${currency} of usage is unbilled and was not priced`] : [],
  ),
  ...tenants.flatMap(({ name, marginParts, currency }) =>
    marginParts.map(
      ({ reason, amount, sourceAmount }) =>
        `${name}: ${amount} ${currency} of the margin has one side only: ${reason}, ${WHY[reason] ?? ''} (source ${sourceAmount})`,
    ),
  ),
  ...tenants
    .filter(({ tier, excluded }) => tier === 'endCustomer' && !isZero(excluded))
    .map(
      ({ name, excluded, currency }) =>
        `${name}: ${excluded} ${currency} is excluded by the billing rules of its contract or a tier above`,
    ),
  ...unassigned
    .filter((of) => of.month === month)
    .flatMap(({ root, accounts }) =>
      accounts.map(
        ({ accountId, managementAccountId, amount, currency }) =>
          `${root}: account ${accountId} of ${managementAccountId} belongs to nobody: ${amount} ${currency} unassigned`,
      ),
    ),
  ...tenants.flatMap(({ name, warnings }) => warnings.map((warning) => `${name}: ${warning}`)),
];

/** The whole result as text for a person. */
export const report = (played: Played): string => {
  const months = played.months.map((month) => {
    const total = month.tenants.flatMap(({ proforma: document }) => document?.lines ?? []).length;
    const reasons = notBilled(month, played);
    return [
      `\n━━ ${month.month} ━━`,
      figures(month),
      ...month.tenants.filter(({ parent }) => parent !== null).map((tenant) => `\n${proforma(tenant, month.month)}`),
      ...(reasons.length === 0 ? [] : ['\n  Not billed, and why:', ...reasons.map((reason) => `  - ${reason}`)]),
      `\n  ${String(total)} printed lines. ${month.tieOut === true ? 'Every total ties out.' : 'Does NOT tie out:'}`,
      ...(month.tieOut === true ? [] : month.tieOut.map((fault) => `  - ${fault}`)),
    ].join('\n');
  });
  return [...months, explained(played)].join('\n');
};

const explained = ({ explained: found, names }: Played): string => {
  if (!found) return '';
  const { tenant, month, line, explanation } = found;
  const name = (id: string): string => names.get(id) ?? id;
  const paths = explanation.paths.flatMap(({ lines, start, steps, amount }) => [
    `  ${count(lines, 'source line')}${start === null ? '' : `, together ${start}`}`,
    ...steps.map((step) => `    ${stepText(step, name(step.tenantId))}`),
    `    makes ${amount}`,
  ]);
  const removed = explanation.removed.map(
    ({ tenantId, rule, chargeCategory, lines, amount }) =>
      `    ${count(lines, 'line')} of ${chargeCategory}, ${amount}: "${rule.name}" of ${name(tenantId)}`,
  );
  return [
    `\n━━ One line explained: ${tenant}, ${month} ━━`,
    `  ${line.text} = ${line.amount} (unrounded ${line.unrounded})`,
    ...paths,
    ...(explanation.item ? [`  ${explanation.item.name}: ${JSON.stringify(explanation.item.how)}`] : []),
    ...(removed.length > 0 ? ['  Of the same service, excluded before any price:', ...removed] : []),
  ].join('\n');
};

const count = (of: number, what: string): string => `${of.toLocaleString('en')} ${what}${of === 1 ? '' : 's'}`;

const stepText = (step: ExplainedStep, tenant: string): string => {
  if (step.step === 'unbilled') return `${tenant}: no contract covers it: unbilled`;
  const { rule, before, after, version } = step;
  if (!rule) return `${tenant} (contract version ${String(version)}): no price rule matches: ${after}`;
  const pricing = rule.pricing === null ? '' : `, ${Object.values(rule.pricing).toSorted(wordsLast).join(' ')}`;
  return `${tenant} (contract version ${String(version)}): "${rule.name}"${pricing}: ${before ?? '…'} → ${after}`;
};

/** `8 percentageDiscount`. */
const wordsLast = (a: string, b: string): number => Number(/^[a-z]/i.test(a)) - Number(/^[a-z]/i.test(b));
