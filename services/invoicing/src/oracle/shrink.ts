import { type Case } from './case.ts';
import { isSound } from './sound.ts';

/** Lists from which anything may be left out. */
const MAY_BE_SHORTER = new Set([
  ...['tenants', 'dataSources', 'links', 'autoAssignments', 'exclude', 'contracts', 'versions', 'lines'],
  ...['billingRules', 'priceBooks', 'rules', 'customLineItems', 'conditions', 'values'],
]);

/** The simplest value of a property, by what it is a property of. */
const SIMPLEST: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['input.mode', 'as-of'],
  ['tenants.currency', 'USD'],
  ['links.from', null],
  ['links.to', null],
  ['autoAssignments.from', null],
  ['autoAssignments.to', null],
  ['accounts.name', null],
  ['contracts.endedOn', null],
  ['terms.end', null],
  ['terms.renewalPolicy', 'fixed-term'],
  ['terms.managementAccounts', 'all'],
  ['billingRules.managementAccounts', 'all'],
  ['scope.formula', null],
  ['priceBooks.managementAccounts', 'all'],
  ['priceBooks.basis', 'LIST'],
  ['rules.scope', { conditions: [], formula: null }],
  ['rules.includeCredits', false],
  ['rules.excludeMarketplace', false],
  ['rules.separateLine', null],
  ['pricing.percentage', '10'],
  ['pricing.rate', '2'],
  ['pricing.amount', '10'],
  ['customLineItems.managementAccounts', 'all'],
  ['customLineItems.includeCredits', false],
  ['customLineItems.includeMarketplace', false],
  ['customLineItems.prorate', false],
  ['customLineItems.percentage', '10'],
  ['customLineItems.amount', '10'],
  ['frequency.to', null],
  ['lines.currency', 'USD'],
  ['lines.serviceName', 'EC2'],
  ['lines.chargeCategory', 'Usage'],
  ['lines.marketplace', false],
  ['lines.columns', {}],
  ['lines.billedCost', '100'],
  ['lines.pricingQuantity', null],
]);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Every way to leave out or to simplify one thing. `within` names the nearest property that holds the value. */
function* simpler(value: unknown, within: string): Generator<unknown> {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    if (MAY_BE_SHORTER.has(within)) {
      if (items.length > 3) {
        yield items.slice(items.length >> 1);
        yield items.slice(0, items.length >> 1);
      }
      for (const index of items.keys()) yield items.toSpliced(index, 1);
    }
    for (const [index, one] of items.entries()) for (const other of simpler(one, within)) yield items.with(index, other);
  } else if (isObject(value)) {
    for (const [key, one] of Object.entries(value) as [string, unknown][]) {
      const simplest = SIMPLEST.get(`${within}.${key}`);
      if (simplest !== undefined && JSON.stringify(one) !== JSON.stringify(simplest)) yield { ...value, [key]: simplest };
      for (const other of simpler(one, key)) yield { ...value, [key]: other };
    }
  }
}

/** The accounts of a source are those with a line. */
const withAccountsOfLines = ({ input, lines }: Case): Case => ({
  input: {
    ...input,
    dataSources: input.dataSources.map((source) => ({
      ...source,
      accounts: source.accounts.filter(({ accountId }) =>
        lines.some((line) => line.dataSourceId === source.id && (line.subAccountId ?? source.managementAccountId) === accountId),
      ),
    })),
  },
  lines,
});

/** Leaving out and simplifying keep the shape. */
function* candidates(of: Case): Generator<Case> {
  for (const one of simpler(of, 'case')) yield withAccountsOfLines(one as Case);
}

/** Leaves out and simplifies, greedily, whatever the failure does not need. `fails` is asked of sound cases only. */
export const shrink = (failing: Case, fails: (one: Case) => boolean): Case => {
  let best = failing;
  for (let progress = true; progress;) {
    progress = false;
    // After a success go on where it was: what did not help before seldom helps now, and the next round asks again.
    for (let at = 0, found = true; found;) {
      found = false;
      let index = 0;
      for (const candidate of candidates(best)) {
        if (index >= at && isSound(candidate) && fails(candidate)) {
          [best, at, found, progress] = [candidate, index, true, true];
          break;
        }
        index += 1;
      }
    }
  }
  return best;
};
