import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Decimal } from '#libs/money/decimal';
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
      expect(rate(input, ungrouped(input, lines))).toEqual(rate(input, grouped(input, lines)));
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
      expect(rate(reversed, grouped(reversed, lines.toReversed()))).toEqual(rate(input, grouped(input, lines)));
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
      for (const { tenantId, path, proforma } of rate(input, groups).bills.slice(0, 5)) {
        for (const { id, unrounded, sourceLines, kind } of proforma?.lines.slice(0, 3) ?? []) {
          path.forEach((_viewer, at) => {
            const explanation = explain(input, groups, tenantId, id, path.slice(0, at + 1));
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
