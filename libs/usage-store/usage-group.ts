import { type Currency } from '#libs/money/currency';
import { type Decimal } from '#libs/money/decimal';
import { type DataSourceId, type LinkedAccountId } from '#libs/published/ids';
import { type Day } from '#libs/time/time';

/**
 * Lines of one slice that a grouping does not tell apart, summed exactly. `segment` counts the grouping's cuts that are ≤ the day of
 * the lines: segment 0 lies before the first cut.
 */
export type UsageGroup = Readonly<{
  dataSourceId: DataSourceId;
  accountId: LinkedAccountId;
  segment: number;
  currency: Currency;
  serviceName: string;
  chargeCategory: string;
  marketplace: boolean;
  /** Text of every dimension that the grouping names; null columns and absent tags are ''. */
  values: Readonly<Record<string, string>>;
  /** Truth of every condition that the grouping names, by its key. */
  truths: Readonly<Record<string, boolean>>;
  /** The quantity is given and not of the opposite sign to BilledCost on every one of these lines. */
  unitRateApplies: boolean;
  lines: number;
  billedCost: Decimal;
  pricingQuantity: Decimal;
  /** First and last day of the lines: days inside one segment, so no rule depends on them; they bound covered stray days. */
  firstDay: Day;
  lastDay: Day;
}>;
