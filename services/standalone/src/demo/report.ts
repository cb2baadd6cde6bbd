import { Decimal } from '#libs/money/decimal';
import { type MonthBill, type Source, type TenantBill } from './bill.ts';
import { count } from '../count.ts';
import { table } from '../table.ts';
import { answerKey, type ExplainedItem, type ExplainedPricing, type ExplainedStep, type Played, type Unpriced } from './play.ts';

const depthOf = (tenant: TenantBill, all: readonly TenantBill[]): number => {
  const parent = all.find(({ name }) => name === tenant.parent);
  return parent ? 1 + depthOf(parent, all) : 0;
};

const isZero = (amount: string): boolean => /^-?0(\.0*)?$/.test(amount);

const figures = ({ tenants }: MonthBill): string =>
  table({
    head: ['tenant', 'tier', '', 'billed', 'resold', 'margin', '│', 'rated', 'excluded', 'unbilled', 'unassigned'],
    texts: 3,
    rows: tenants.flatMap((tenant) => {
      const name = `${'  '.repeat(depthOf(tenant, tenants))}${tenant.name}`;
      const row = (
        of: Pick<TenantBill, 'billed' | 'resold' | 'margin' | 'rated' | 'excluded' | 'unbilled' | 'unassigned'>,
        currency: string,
      ) => [
        name,
        tenant.tier,
        currency,
        of.billed,
        of.resold ?? '–',
        of.margin ?? '–',
        '│',
        of.rated,
        of.excluded,
        of.unbilled,
        of.unassigned,
      ];
      return [row(tenant, tenant.currency), ...(tenant.otherCurrencies ?? []).map((other) => row(other, other.currency))];
    }),
  });

/** What the columns of `figures` are. */
const LEGEND = '  (left of │ before tax and unrounded; right of it amounts of the provider’s bill, tax included)';

const MOST_LINES = 40;

type Row = readonly [text: string, amount: string];

/** The rows of each contract; where there are several, each below its name. */
const byContract = <Line extends Readonly<{ contractId: string }>>(
  lines: readonly Line[],
  { agreements }: Played,
  row: (line: Line) => Row,
): readonly Row[] => {
  const contracts = [...new Set(lines.map(({ contractId }) => contractId))];
  if (contracts.length < 2) return lines.map(row);
  return contracts.flatMap((id): readonly Row[] => [
    [`${agreements.nameOf(id)}:`, ''],
    ...lines.filter(({ contractId }) => contractId === id).map((line): Row => [`  ${row(line)[0]}`, row(line)[1]]),
  ]);
};

const proforma = (tenant: TenantBill, { bill, lines }: Source, played: Played): string => {
  const { month } = bill;
  if (!bill.proforma) return `  No proforma for ${tenant.name} in ${month}: ${tenant.reason ?? ''}`;
  const { net, taxes, passThroughTax, total, roundingDifference } = bill.proforma;
  if (lines.length === 0 && isZero(total)) return `  Proforma ${month}, ${tenant.name}: nothing to bill`;
  const hidden = lines.slice(MOST_LINES);
  const rest = Decimal.sum(hidden.map(({ amount }) => Decimal.of(amount))).toString();
  const body = table({
    head: [`Proforma ${month}, ${tenant.name}`, tenant.currency],
    texts: 1,
    rows: [
      ...byContract(lines.slice(0, MOST_LINES), played, ({ text, amount }) => [text, amount]),
      ...(hidden.length === 0 ? [] : [[`… and ${count(hidden.length, 'more line')} (--json has all), together`, rest]]),
      ['Net', net],
      ...byContract(taxes, played, ({ text, amount }) => [text, amount]),
      ...(isZero(passThroughTax) ? [] : [['Tax passed through', passThroughTax]]),
      ['Total', total],
    ],
  });
  return `${body}\n  (net less what is billed unrounded: ${roundingDifference})`;
};

const ONE_SIDED: Readonly<Record<string, string>> = {
  unbilled: 'is billed for usage that it bills to nobody, for lack of a contract below',
  'upstream-unbilled': 'bills usage that it is itself not billed for, for lack of a contract',
  unassigned: 'is billed for accounts that belong to nobody',
  'own-use': 'is billed for usage of its own',
};

const unpricedText = (usage: Unpriced, kind: string): string => {
  const { name, amount, currency, accountId, managementAccountId, lines, firstDay, lastDay, reason } = usage;
  const days = firstDay === lastDay ? `on ${firstDay}` : `from ${firstDay} to ${lastDay}`;
  const account = `account ${accountId} of ${managementAccountId}, ${count(lines, 'line')} ${days}`;
  return `${name}: ${amount} ${currency} ${kind}: ${account}. ${reason.message}`;
};

const section = (title: string, entries: readonly string[]): readonly string[] => {
  if (entries.length === 0) return [];
  const hidden = entries.length - MOST_LINES;
  return [
    `\n  ${title}`,
    ...entries.slice(0, MOST_LINES).map((entry) => `  - ${entry}`),
    ...(hidden > 0 ? [`  … and ${String(hidden)} more`] : []),
  ];
};

/** What is on nobody's bill, and the parts of margins that follow from it. */
const notBilled = ({ tenants, month }: MonthBill, { answers, agreements, unpriced, names }: Played): readonly string[] => {
  const excluded = tenants
    .filter((tenant) => tenant.tier === 'endCustomer' && !isZero(tenant.excluded))
    .map((tenant) => {
      const bill = answers.get(answerKey(month, tenant.name))?.bill;
      const rules = (bill ? agreements.exclusionsOn(bill) : []).map(
        ({ tenantId, rule }) => `"${rule}" of ${names.get(tenantId) ?? tenantId}`,
      );
      return `${tenant.name}: ${tenant.excluded} ${tenant.currency} excluded by the rules in force: ${rules.join(', ')}`;
    });
  const left = unpriced
    .filter((of) => of.month === month)
    .flatMap(({ kind, usage }) =>
      tenants.flatMap(({ name }) => usage.filter((of) => of.name === name).map((of) => unpricedText(of, kind))),
    );
  const oneSided = tenants.flatMap(({ name, marginParts, currency }) =>
    marginParts.map(({ reason, amount, sourceAmount }) => {
      const why = ONE_SIDED[reason] ?? `has one side only: ${reason}`;
      return `${name}: ${amount} ${currency} (source ${sourceAmount}): ${reason}, it ${why}`;
    }),
  );
  return [
    ...section('Not billed to an end customer, and why (amounts of the provider’s bill, tax included):', [...excluded, ...left]),
    ...section('Of the margins, what has one side only (before tax):', oneSided),
    ...section(
      'Warnings:',
      tenants.flatMap(({ name, warnings }) => warnings.map((warning) => `${name}: ${warning}`)),
    ),
  ];
};

/** The whole result as text for a person. */
export const report = (played: Played): string => {
  const months = played.months.map((month) => {
    const total = month.tenants.flatMap(({ proforma: document }) => document?.lines ?? []).length;
    const documents = month.tenants
      .filter(({ parent }) => parent !== null)
      .flatMap((tenant) => {
        const answer = played.answers.get(answerKey(month.month, tenant.name));
        return answer ? [`\n${proforma(tenant, answer, played)}`] : [];
      });
    return [
      `\n━━ ${month.month} ━━`,
      figures(month),
      LEGEND,
      ...documents,
      ...notBilled(month, played),
      `\n  ${count(total, 'printed line')}. ${month.tieOut === true ? 'Every total ties out.' : 'Does NOT tie out:'}`,
      ...(month.tieOut === true ? [] : month.tieOut.map((fault) => `  - ${fault}`)),
    ].join('\n');
  });
  return [...months, explained(played)].join('\n');
};

const explained = ({ explained: found, names }: Played): string => {
  if (!found) return '';
  const { tenant, month, line, explanation } = found;
  const name = (id: string): string => names.get(id) ?? id;
  const paths = explanation.paths.flatMap(({ lines, start, steps, amount }) => {
    const last = steps.at(-1);
    const apart = last?.step === 'price' && last.after !== amount;
    return [
      `  ${count(lines, 'source line')}${start === null ? '' : `, together ${start}`}`,
      ...steps.map((step) => `    ${stepText(step, name(step.tenantId))}`),
      `    makes ${amount}${apart ? ` here, and the rest of ${last.after} on a line of its own` : ''}`,
    ];
  });
  const removed = explanation.removed.map(
    ({ tenantId, version, rule, chargeCategory, lines, amount }) =>
      `    ${count(lines, 'line')} of ${chargeCategory}, ${amount}: "${rule.name}" of ${name(tenantId)} (contract version ${String(version)})`,
  );
  return [
    `\n━━ One line explained: ${tenant}, ${month} ━━`,
    `  ${line.text} = ${line.amount} (unrounded ${line.unrounded})`,
    ...paths,
    ...(explanation.item ? itemText(explanation.item.how).map((part) => `  ${part}`) : []),
    ...(removed.length > 0 ? ['  Of the same service, excluded before any price:', ...removed] : []),
  ].join('\n');
};

/** How the amount of a custom line item, a fixed rate or a tax comes about, a line a part. */
const itemText = (how: ExplainedItem): readonly string[] => {
  switch (how.of) {
    case 'fixed':
      return [
        how.prorated
          ? `${how.amount} times ${String(how.prorated.coveredDays)} covered of ${count(how.prorated.days, 'day')}`
          : `${how.amount}, once`,
      ];
    case 'percentage':
      return [`${how.percentage} % of`, ...how.bases.map(baseText)];
    case 'bands':
      return [
        'by bands, of',
        ...how.bases.map(baseText),
        ...how.bands.map(({ percentage, part, amount }) => `  ${percentage} % of ${part} = ${amount}`),
        ...(how.minimumApplied === null ? [] : [`  less than the minimum, so ${how.minimumApplied}`]),
      ];
    case 'fixedRate':
      return [`${how.amount} for the month, as ${count(how.lines, 'line')} matched, the last on ${how.lastDay}`];
    case 'tax':
      return [`${how.percentage} % of the net ${how.net}`];
  }
};

const baseText = (base: Extract<ExplainedItem, { of: 'percentage' }>['bases'][number]): string => {
  const { managementAccountId, lines, amount, fixedRates } = base;
  const rates = isZero(fixedRates) ? '' : `, of them fixed rates ${fixedRates}`;
  return `  ${amount}: ${count(lines, 'source line')} of ${managementAccountId} after the price book${rates}`;
};

const stepText = (step: ExplainedStep, tenant: string): string => {
  if (step.step === 'unbilled') return `${tenant}: no contract covers it: unbilled`;
  const { rule, before, after, version } = step;
  if (!rule) return `${tenant} (contract version ${String(version)}): no price rule matches: ${after}`;
  const pricing = rule.pricing === null ? '' : `, ${pricingText(rule.pricing)}`;
  return `${tenant} (contract version ${String(version)}): "${rule.name}"${pricing}: ${before ?? '…'} → ${after}`;
};

const pricingText = (pricing: ExplainedPricing): string => {
  switch (pricing.type) {
    case 'percentageDiscount':
      return `${pricing.percentage} % off`;
    case 'percentageCharge':
      return `${pricing.percentage} % on top`;
    case 'unitRate':
      return `${pricing.rate} a unit`;
    case 'fixedRate':
      return `${pricing.amount} a month on a line of its own`;
  }
};
