import { type AnyDay } from './any-day.ts';
import { AnyTerms, type Window } from './any-terms.ts';
import { type Contract, type Tenant } from './case.ts';
import { addDays } from './days.ts';
import { newestTerms } from './in-force.ts';
import { type Random } from './random.ts';
import { overlap } from './sound.ts';

/** A tenant's contracts: none, or up to three one after the other, with versions, cancellations and renewals. */
export class AnyContracts {
  readonly #random: Random;
  readonly #days: AnyDay;
  readonly #accounts: readonly string[];
  readonly #terms: AnyTerms;

  constructor(random: Random, days: AnyDay, accounts: readonly string[]) {
    this.#random = random;
    this.#days = days;
    this.#accounts = accounts;
    this.#terms = new AnyTerms(random, days, accounts);
  }

  of({ id, path, tier: tenantTier }: Tenant): readonly Contract[] {
    const random = this.#random;
    const tier = path.length === 1 ? 'T1' : tenantTier === 'reseller' ? 'T2' : 'T3';
    const mine: Contract[] = [];
    const wanted = random.chance(0.08) ? 0 : random.pick([1, 1, 1, 2, 2, 3]);
    let from = random.chance(this.#days.atEdges ? 0.1 : 0.6) ? this.#days.ofMonth(-random.int(1, 45)) : this.#days.around();
    for (let n = 0; n < wanted; n++) {
      const candidate = this.#contract(id, tier, from);
      const { end } = candidate.window;
      if (!mine.some((other) => overlap(other, candidate.contract, this.#accounts))) mine.push(candidate.contract);
      from = random.chance(0.25) ? from : addDays(end ?? candidate.contract.endedOn ?? from, random.pick([1, 1, 1, 2, 5, 12]));
    }
    return mine.map((contract) => this.#renewed(contract));
  }

  #contract(tenantId: string, tier: Contract['tier'], start: string): Readonly<{ contract: Contract; window: Window }> {
    const random = this.#random;
    const { focus, after } = this.#days;
    const openEnd = random.chance(focus === 'outside' && !after ? 0.05 : 0.3);
    const end = openEnd ? null : addDays(start, random.int(0, focus === 'outside' && random.chance(0.7) ? 3 : 40));
    const id = this.#terms.freshId('contract');
    const endedOn = random.chance(0.25) ? addDays(start, random.int(-2, 40)) : null;
    const window: Window = {
      start,
      end,
      renewalPolicy: random.chance(focus === 'outside' ? 0.1 : 0.4) ? 'auto-renewal' : 'fixed-term',
      managementAccounts: tier === 'T3' ? this.#terms.accountScope() : 'all',
    };
    let terms = this.#terms.first(tier, window);
    const versions = [{ version: 1, effectiveFrom: start, terms }];
    for (let more = random.chance(0.4) ? random.int(1, 2) : 0; more > 0; more--) {
      const effectiveFrom = this.#days.around();
      terms = this.#terms.changed(terms, tier);
      versions.push({ version: versions.length + 1, effectiveFrom, terms });
    }
    return { contract: { id, tenantId, tier, versions, endedOn }, window };
  }

  /** With the ticks of an auto-renewal: the newest version again with the next end. */
  #renewed(contract: Contract): Contract {
    const random = this.#random;
    const { renewalPolicy, end } = newestTerms(contract);
    if (renewalPolicy !== 'auto-renewal' || end === null || !random.chance(0.5)) return contract;
    const versions = [...contract.versions];
    let until = end;
    for (let ticks = random.int(1, 2); ticks > 0; ticks--) {
      const newest = versions.at(-1);
      if (!newest) break;
      until = addDays(until, random.int(1, 31));
      versions.push({ ...newest, version: newest.version + 1, terms: { ...newest.terms, end: until } });
    }
    return { ...contract, versions };
  }
}
