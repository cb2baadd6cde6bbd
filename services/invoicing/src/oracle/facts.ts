import { Exact } from './exact.ts';
import { type Statement, type StatementLine } from './statement.ts';

type Amount = Exact | string;

/** Everything that a case comes to, by name: what two ratings must have in common. */
export type Facts = ReadonlyMap<string, string>;

const text = (amount: Amount): string => new Exact(amount).toFixed();

/** A usage line stands for no single management account, a custom line item for no source line. */
const lineText = (line: StatementLine<Amount>): string => {
  const ofUsage = line.kind === 'usage' || line.kind === 'separate';
  return JSON.stringify([
    line.kind,
    line.contractId,
    line.customerId,
    ofUsage ? null : line.managementAccountId,
    ofUsage ? line.serviceName : null,
    ofUsage ? line.chargeCategory : null,
    line.ruleId,
    text(line.amount),
    text(line.unrounded),
    line.kind === 'usage' ? line.sourceLines : null,
  ]);
};

type Named = readonly (readonly [name: string, said: string])[];

/** Which currencies and parts are listed at zero is not defined: zero is the same as none. */
const figureFacts = ({ tenantId, figures }: Statement): Named =>
  figures.flatMap(({ currency, billed, resold, margin, rated, unbilled, unassigned, excluded, marginParts }) => {
    const amounts: readonly (readonly [what: string, amount: Amount])[] = [
      ['billed', billed],
      ['resold', resold ?? '0'],
      ['margin', margin ?? '0'],
      ['rated', rated],
      ['unbilled', unbilled],
      ['unassigned', unassigned],
      ...excluded.map(({ by, amount }) => [`excluded by ${by}`, amount] as const),
      ...marginParts.map(({ reason, amount }) => [`margin part ${reason}`, amount] as const),
      ...marginParts.map(({ reason, sourceAmount }) => [`source of margin part ${reason}`, sourceAmount] as const),
    ];
    const given = amounts.filter(([, amount]) => !new Exact(amount).isZero());
    if (given.length === 0) return [];
    const resells = [resold, margin].map((amount) => (amount === null ? 'no' : 'yes')).join(', ');
    return [...given.map(([what, amount]) => [what, text(amount)] as const), ['resells', resells] as const].map(
      ([what, said]) => [`${tenantId}: ${what} ${currency}`, said] as const,
    );
  });

const proformaFacts = ({ tenantId, proforma }: Statement): Named => {
  if (!proforma) return [[`${tenantId}: proforma`, 'none']];
  const { lines, taxes, net, roundingDifference, passThroughTax, total } = proforma;
  return [
    [`${tenantId}: lines`, lines.map(lineText).sort().join('\n')],
    [
      `${tenantId}: taxes`,
      taxes
        .map(({ contractId, ruleId, amount }) => JSON.stringify([contractId, ruleId, text(amount)]))
        .sort()
        .join('\n'),
    ],
    ...Object.entries({ net, roundingDifference, passThroughTax, total }).map(
      ([what, amount]) => [`${tenantId}: ${what}`, text(amount)] as const,
    ),
  ];
};

const unpricedFacts = (statement: Statement): Named =>
  (['unassigned', 'unbilled'] as const).flatMap((what) =>
    statement[what].map(
      ({ dataSourceId, accountId, currency, amount, lines, firstDay, lastDay }) =>
        [
          `${statement.tenantId}: ${what} usage of ${dataSourceId} ${accountId} ${currency}`,
          `${text(amount)}, ${String(lines)} lines, ${firstDay} to ${lastDay}`,
        ] as const,
    ),
  );

export const factsOf = (statements: readonly Statement[]): Facts =>
  new Map(statements.flatMap((one) => [...figureFacts(one), ...proformaFacts(one), ...unpricedFacts(one)]));
