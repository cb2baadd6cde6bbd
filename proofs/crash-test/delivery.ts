import { type Random } from '../random.ts';

/** Usage of a month in whole units of money, by account. `loose` belongs to nobody, `moving` now to one customer, now to the other. */
export type Usage = Readonly<Record<'first' | 'second' | 'moving' | 'loose', number>>;

/** What the `n`-th delivery of a month amounts to: no two add up alike, for no customer. */
export const usageOf = (n: number): Usage => ({
  first: 1_000 + n,
  second: 2_000 + 3 * n,
  moving: 50_000 + 11 * n,
  loose: 100 + 2 * n,
});

export const totalOf = ({ first, second, moving, loose }: Usage): number => first + second + moving + loose;

const DAYS = 28;

/** A small FOCUS file that amounts to `usage`, in lines of random sizes. */
export const focusFile = (usage: Usage, of: Readonly<{ managementAccountId: string; month: string }>, random: Random): string => {
  const { managementAccountId, month } = of;
  const lines = [
    'BilledCost,BillingAccountId,SubAccountId,BillingCurrency,BillingPeriodStart,ChargeCategory,ChargePeriodStart,ServiceName,ProviderName',
  ];
  for (const [account, units] of Object.entries(usage)) {
    let left = units;
    while (left > 0) {
      const cost = Math.min(left, random.int(1, Math.ceil(units / 20)));
      const day = String(random.int(1, DAYS)).padStart(2, '0');
      left -= cost;
      lines.push(
        `${String(cost)},${managementAccountId},${account},USD,${month}-01 00:00:00,Usage,${month}-${day} 00:00:00,Service ${String(random.int(1, 3))},AWS`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
};
