import { type Books } from './books.ts';
import { Exact } from './exact.ts';
import { type InForce } from './in-force.ts';

/** One amount per rule, management account, customer and month, by the version of the last day on which a line matched. */
export const printFixedRates = (mine: Books, inForce: InForce): void => {
  const { currency } = mine.tenant;
  for (const { contract, ruleId, account, customer, customerId, day, lines } of mine.fixedRates.values()) {
    const pricing = inForce
      .termsOn(contract, day)
      .priceBooks.flatMap(({ rules }) => rules)
      .find(({ id }) => id === ruleId)?.pricing;
    if (pricing?.type !== 'fixedRate') throw new Error('a fixed rate that is none on its last day');
    const amount = new Exact(pricing.amount);
    mine.print(currency, {
      kind: 'fixedRate',
      contractId: contract.id,
      customerId,
      managementAccountId: account,
      serviceName: null,
      chargeCategory: null,
      ruleId,
      unrounded: amount,
      sourceLines: lines,
    });
    mine.addToBase(contract.id, account, customer, currency, { credit: false, marketplace: false, always: true, amount });
  }
};
