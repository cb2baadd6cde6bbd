import { type Exact } from './exact.ts';

/** What is said of a tenant's month, by the oracle in its numbers and by the engine in text: the part that is compared. */
export type Statement<Amount = Exact | string> = Readonly<{
  tenantId: string;
  figures: readonly Readonly<{
    currency: string;
    billed: Amount;
    resold: Amount | null;
    margin: Amount | null;
    rated: Amount;
    excluded: readonly Readonly<{ by: string; amount: Amount }>[];
    unbilled: Amount;
    unassigned: Amount;
    marginParts: readonly Readonly<{ reason: string; amount: Amount; sourceAmount: Amount }>[];
  }>[];
  proforma: Readonly<{
    currency: string;
    lines: readonly StatementLine<Amount>[];
    net: Amount;
    roundingDifference: Amount;
    taxes: readonly Readonly<{ contractId: string; ruleId: string; amount: Amount }>[];
    passThroughTax: Amount;
    total: Amount;
  }> | null;
  unassigned: readonly UnpricedAccount<Amount>[];
  unbilled: readonly UnpricedAccount<Amount>[];
}>;

export type StatementLine<Amount> = Readonly<{
  kind: 'usage' | 'separate' | 'fixedRate' | 'customLineItem';
  contractId: string;
  customerId: string | null;
  managementAccountId: string | null;
  serviceName: string | null;
  chargeCategory: string | null;
  ruleId: string | null;
  amount: Amount;
  unrounded: Amount;
  sourceLines: number;
}>;

export type UnpricedAccount<Amount> = Readonly<{
  dataSourceId: string;
  accountId: string;
  currency: string;
  amount: Amount;
  lines: number;
  firstDay: string;
  lastDay: string;
}>;
