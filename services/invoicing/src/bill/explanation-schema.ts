import { type Revision } from '#libs/event-sourcing/event';
import {
  amount,
  contractId,
  currency,
  instant,
  managementAccountId,
  pricing,
  ruleId,
  tenantId,
} from '#libs/platform/published-schemas';
import {
  choice,
  count,
  flag,
  integer,
  list,
  named,
  nullable,
  object,
  oneOf,
  row,
  saying,
  schema,
  type Schema,
  text,
} from '#libs/platform/schema';
import { COLUMNS, type ColumnType } from '#libs/usage-store/columns';
import { SHOWN } from '#libs/usage-store/source-lines';
import { type Explanation } from '../rating/explanation.ts';
import { revision } from './bill-schemas.ts';

/** An explanation as its route answers it. */
export type ExplanationAnswer = Omit<Explanation, 'groups'> & Readonly<{ revision: Revision }>;

const ruled = { tenantId, contractId, version: integer };

type Path = Explanation['paths'][number];
type Step = Path['steps'][number];
type PriceStep = Extract<Step, { step: 'price' }>;
type MatchedRule = NonNullable<PriceStep['rule']>;

const step: Schema<Step> = oneOf(
  object<PriceStep>({
    ...ruled,
    step: choice('price'),
    basis: choice('LIST', 'UPSTREAM'),
    rule: saying(
      'Null: no rule matched, the amount stays',
      nullable(object<MatchedRule>({ id: ruleId, name: text, pricing: saying('Null where it is hidden', nullable(pricing)) })),
    ),
    before: saying('Null where it is hidden', nullable(amount)),
    after: amount,
  }),
  object<Extract<Step, { step: 'unbilled' }>>({ step: choice('unbilled'), tenantId }),
);

type Removed = Explanation['removed'][number];
type Item = NonNullable<Explanation['item']>;
type How = Item['how'];
type Percentage = Extract<How, { of: 'percentage' }>;
type Bands = Extract<How, { of: 'bands' }>;
type Fixed = Extract<How, { of: 'fixed' }>;
type Proration = NonNullable<Fixed['prorated']>;

const bases: Schema<Percentage['bases']> = list(
  object<Percentage['bases'][number]>({ managementAccountId, lines: count, amount, fixedRates: amount }),
);

const how: Schema<How> = oneOf(
  object<Fixed>({
    of: choice('fixed'),
    amount,
    prorated: nullable(object<Proration>({ coveredDays: count, days: count })),
  }),
  object<Percentage>({ of: choice('percentage'), percentage: amount, bases }),
  object<Bands>({
    of: choice('bands'),
    bases,
    bands: list(object<Bands['bands'][number]>({ percentage: amount, part: amount, amount })),
    minimumApplied: nullable(amount),
  }),
  object<Extract<How, { of: 'fixedRate' }>>({
    of: choice('fixedRate'),
    amount,
    lines: count,
    lastDay: schema({ type: 'string', format: 'date' }),
  }),
  object<Extract<How, { of: 'tax' }>>({ of: choice('tax'), percentage: amount, net: amount }),
);

export const explanationSchema = named(
  'Explanation',
  object<ExplanationAnswer>({
    tenantId,
    lineId: text,
    revision,
    text,
    currency,
    amount: saying('As printed: `unrounded` rounded once', amount),
    unrounded: amount,
    paths: saying(
      'Source lines that met the same rules, and their amounts along the way',
      list(
        object<Path>({
          lines: count,
          start: saying('What your tier started from; null where it is hidden', nullable(amount)),
          steps: list(step),
          amount: saying('What of the printed line these make, unrounded', amount),
        }),
      ),
    ),
    removed: saying(
      'Lines of the same service that a rule removed before any price',
      list(
        object<Removed>({
          ...ruled,
          rule: object<Removed['rule']>({ id: ruleId, name: text }),
          serviceName: text,
          chargeCategory: text,
          lines: count,
          amount,
        }),
      ),
    ),
    item: saying(
      'The custom line item or fixed rate, for a line that is one',
      nullable(object<Item>({ ...ruled, itemId: ruleId, name: text, customerId: tenantId, how })),
    ),
    sourceAmountsHidden: saying('`BilledCost` of the source lines is null', flag),
  }),
);

type SourceValue = string | number | null;
const COLUMN: Readonly<Record<ColumnType, Schema<SourceValue>>> = {
  VARCHAR: schema({ type: 'string', nullable: true }),
  'DECIMAL(38,18)': schema({ ...amount.json, nullable: true }),
  TIMESTAMP: schema({ ...instant.json, nullable: true }),
  BIGINT: schema({ type: 'integer' }),
};

/** By FOCUS column; amounts are exact decimal text. */
export const sourceLineSchema = named(
  'SourceLine',
  row(Object.fromEntries(SHOWN.map((column) => [column, COLUMN[COLUMNS[column]]]))),
);
