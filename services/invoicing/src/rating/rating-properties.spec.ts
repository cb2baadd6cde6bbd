import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#libs/money/decimal';
import { type Bill } from '#libs/published/invoicing';
import { lastDay } from '#libs/time/time';
import { explain } from './explanation.ts';
import { type RatingInput } from './rating-input.ts';
import { rate } from './rate.ts';
import { anyMonth, SOURCES } from './testing/any-month.ts';
import {
  contract,
  D1,
  figuresOf,
  grouped,
  JANUARY,
  line,
  type Line,
  R1,
  rating,
  terms,
  ungrouped,
  USD,
} from './testing/scenario.ts';
import { tieOuts } from './tie-outs.ts';

const holdsFor = (check: (input: RatingInput, lines: readonly Line[]) => void, numRuns = 120): void => {
  fc.assert(
    fc.property(anyMonth, ([input, lines]) => {
      check(input, lines);
    }),
    { numRuns },
  );
};

describe('whatever the tree, the contracts and the usage', () => {
  it('everything ties out', () => {
    holdsFor((input, lines) => {
      expect(tieOuts(rate(input, grouped(input, lines)))).toEqual({ ok: true });
    });
  });

  it('a parent resells what its children are billed, and the margins lead from the root to the end customers', () => {
    holdsFor((input, lines) => {
      const { bills } = rate(input, grouped(input, lines));
      const inUsd = (all: readonly Bill[], of: 'billed' | 'margin' | 'resold') =>
        Decimal.sum(
          all.flatMap(({ figures }) => figures.filter((one) => one.currency === USD)).map((one) => Decimal.of(one[of] ?? '0')),
        );
      for (const parent of bills.filter(({ tier }) => tier !== 'endCustomer')) {
        const children = bills.filter(({ path }) => path.at(-2) === parent.tenantId);
        expect(inUsd([parent], 'resold').toString()).toBe(inUsd(children, 'billed').toString());
      }
      const ends = bills.filter(({ tier }) => tier === 'endCustomer');
      const root = bills.filter(({ path }) => path.length === 1);
      expect(inUsd(root, 'billed').plus(inUsd(bills, 'margin')).toString()).toBe(inUsd(ends, 'billed').toString());
    });
  });

  it('every delivered line is in exactly one bucket: rated, excluded, unbilled or unassigned', () => {
    holdsFor((input, lines) => {
      const rated = rate(input, grouped(input, lines));
      const delivered = Decimal.sum(lines.filter((one) => one.currency === USD).map(({ cost }) => Decimal.of(cost)));
      const root = figuresOf(rated, D1);
      const buckets = [root.rated, root.unbilled, root.unassigned];
      expect(Decimal.sum(buckets.map((amount) => Decimal.of(amount))).toString()).toBe(delivered.toString());
      for (const { figures, tenantId } of rated.bills)
        for (const one of figures) {
          const parts = [one.rated, one.unbilled, one.unassigned, ...one.excluded.map(({ amount }) => amount)];
          const source = rated.sources.find((of) => of.tenantId === tenantId && of.currency === one.currency);
          expect(Decimal.sum(parts.map((amount) => Decimal.of(amount))).toString()).toBe(source?.amount ?? '0');
        }
    });
  });

  it('a document and its roundingDifference are what reports say', () => {
    holdsFor((input, lines) => {
      for (const { proforma, figures } of rate(input, grouped(input, lines)).bills) {
        if (!proforma) continue;
        const billed = figures.find(({ currency: of }) => of === proforma.currency)?.billed ?? '0';
        expect(Decimal.of(proforma.net).minus(Decimal.of(proforma.roundingDifference)).toString()).toBe(billed);
        for (const { amount, unrounded } of proforma.lines) {
          const exact = Decimal.of(unrounded);
          const off = Decimal.of(amount).minus(exact);
          expect(off.abs().compare(Decimal.of('0.005'))).toBeLessThanOrEqual(0);
          // Half a cent goes away from zero.
          if (off.abs().equals(Decimal.of('0.005'))) expect(off.sign()).toBe(exact.sign());
        }
      }
    });
  });

  it('the root is billed its source as it stands, and the source is what was delivered', () => {
    holdsFor((input, lines) => {
      const rated = rate(input, grouped(input, lines));
      const delivered = (all: readonly Line[]) =>
        Decimal.sum(all.filter((one) => one.currency === USD).map(({ cost }) => Decimal.of(cost))).toString();
      expect(figuresOf(rated, D1).billed).toBe(delivered(lines.filter(({ category }) => category !== 'Tax')));
      expect(rated.sources.find(({ tenantId, currency: of }) => tenantId === D1.id && of === USD)?.amount).toBe(delivered(lines));
    });
  });

  it('summing lines first changes no digit', () => {
    holdsFor((input, lines) => {
      expect(rate(input, ungrouped(input, lines)).bills).toEqual(rate(input, grouped(input, lines)).bills);
    });
  });

  it('the order of what comes in changes nothing', () => {
    holdsFor((input, lines) => {
      const reversed: RatingInput = {
        ...input,
        tenants: input.tenants.toReversed(),
        dataSources: input.dataSources.toReversed(),
        links: input.links.toReversed(),
        autoAssignments: input.autoAssignments.toReversed(),
        contracts: input.contracts.toReversed(),
      };
      const { bills, sources } = rate(input, grouped(input, lines));
      expect(rate(reversed, grouped(reversed, lines.toReversed()))).toMatchObject({ bills, sources });
    });
  });

  it('no line id occurs twice on a document', () => {
    holdsFor((input, lines) => {
      for (const { proforma } of rate(input, grouped(input, lines)).bills) {
        const ids = [...(proforma?.lines ?? []), ...(proforma?.taxes ?? [])].map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
      }
    });
  });

  it('nothing is excluded but by tenants on the way, and nothing for the root', () => {
    holdsFor((input, lines) => {
      for (const { path, figures } of rate(input, grouped(input, lines)).bills)
        for (const { by } of figures.flatMap(({ excluded }) => excluded)) {
          expect(path).toContain(by);
          expect(path.length).toBeGreaterThan(1);
        }
    });
  });

  it('every line is explained to every tier above it, down to its last digit', () => {
    /** Or nothing would be proven. */
    let explained = 0;
    holdsFor((input, lines) => {
      const groups = grouped(input, lines);
      const rated = rate(input, groups);
      for (const { tenantId, path, proforma } of rated.bills.slice(0, 5)) {
        for (const { id, unrounded, sourceLines, kind } of proforma?.lines.slice(0, 3) ?? []) {
          path.forEach((_viewer, at) => {
            const explanation = explain(rated, tenantId, id, path.slice(0, at + 1));
            const visible = path.slice(at);
            expect(explanation?.unrounded).toBe(unrounded);
            expect(explanation?.groups.reduce((sum, group) => sum + group.lines, 0)).toBe(sourceLines);
            const steps = explanation?.paths.flatMap((of) => of.steps) ?? [];
            for (const { tenantId: whose } of [...steps, ...(explanation?.removed ?? [])]) expect(visible).toContain(whose);
            if (kind === 'customLineItem' || kind === 'fixedRate') return;
            explained += 1;
            expect(Decimal.sum((explanation?.paths ?? []).map(({ amount }) => Decimal.of(amount))).toString()).toBe(unrounded);
          });
        }
      }
    }, 25);
    expect(explained).toBeGreaterThan(0);
  });
});

describe('rating again from what was rated before', () => {
  /** Some other contract, or none, in place of one; everything else is the very same. */
  const changedContracts = (input: RatingInput, other: RatingInput, which: number): RatingInput => {
    const tenantId = input.tenants[which % input.tenants.length]?.id;
    const theirs = other.contracts.filter((contract) => contract.tenantId === tenantId);
    return { ...input, contracts: [...input.contracts.filter((contract) => contract.tenantId !== tenantId), ...theirs] };
  };

  it('comes to the same as rating anew, whichever contracts change, one change after the other', () => {
    /** Or nothing would be proven. */
    let keptBills = 0;
    fc.assert(
      fc.property(
        anyMonth,
        fc.array(fc.tuple(anyMonth, fc.nat(20)), { minLength: 1, maxLength: 3 }),
        ([first, lines], changes) => {
          // Grouped as finely as can be, the groups are the same whatever the contracts ask.
          const inputs = changes.reduce<readonly RatingInput[]>(
            (all, [[other], which]) => [...all, changedContracts(all.at(-1) ?? first, other, which)],
            [first],
          );
          const groups = ungrouped({ ...first, contracts: inputs.flatMap(({ contracts }) => contracts) }, lines);
          let before = rate(first, groups);
          for (const input of inputs.slice(1)) {
            const again = rate(input, groups, before);
            const anew = rate(input, groups);
            expect({ bills: again.bills, sources: again.sources }).toEqual({ bills: anew.bills, sources: anew.sources });
            keptBills += again.bills.filter((bill, index) => bill === before.bills[index]).length;
            before = again;
          }
        },
      ),
      { numRuns: 100 },
    );
    expect(keptBills).toBeGreaterThan(0);
  });

  it('takes nothing over when usage, links or tenants are others', () => {
    fc.assert(
      fc.property(anyMonth, anyMonth, ([input, lines], [other, otherLines]) => {
        const before = rate(input, grouped(input, lines));
        for (const next of [{ ...input, links: other.links }, { ...input, autoAssignments: other.autoAssignments }, other]) {
          const groups = grouped(next, otherLines);
          expect(rate(next, groups, before).bills).toEqual(rate(next, groups).bills);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('a tie-out that does not hold', () => {
  it('is found, and says where', () => {
    const input = rating({ dataSources: SOURCES, contracts: [contract(R1, terms())], links: [] });
    const rated = rate(input, grouped(input, [line('p1', '100', { day: lastDay(JANUARY) })]));
    const [root, ...others] = rated.bills;
    if (!root) throw new Error('no bill');
    const wrong = { ...rated, bills: [{ ...root, figures: root.figures.map((one) => ({ ...one, billed: '99' })) }, ...others] };
    const found = tieOuts(wrong);
    expect(found.ok).toBe(false);
    expect(found).toMatchObject({
      where: expect.arrayContaining(['D1, USD, Billed of the root = source ex tax: 99 is not 100']),
    });
  });
});
