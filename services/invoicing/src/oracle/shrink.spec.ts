import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { anyCase } from './any-case.ts';
import { type Case } from './case.ts';
import { scenarioOf } from './scenario-of.ts';
import { shrink } from './shrink.ts';
import { isSound } from './sound.ts';

const SEEDS = Array.from({ length: 200 }, (_, index) => index + 1);

const hasSupportBands = ({ input: { contracts } }: Case): boolean =>
  contracts.some(({ versions }) =>
    versions.some(({ terms }) => terms.customLineItems.some(({ type }) => type === 'supportBands')),
  );
const hasCredit = ({ lines }: Case): boolean => lines.some(({ chargeCategory }) => chargeCategory === 'Credit');
const failing = (fails: (one: Case) => boolean): Case => {
  const found = SEEDS.map(anyCase).find(fails);
  if (!found) throw new Error('no case fails');
  return found;
};

describe('a random month', () => {
  it('is the same for the same seed', () => {
    expect(anyCase(5)).toEqual(anyCase(5));
    expect(anyCase(5)).not.toEqual(anyCase(6));
  });

  it('is one that could have come about', () => {
    expect(SEEDS.filter((seed) => !isSound(anyCase(seed)))).toEqual([]);
  });
});

describe('shrinking', () => {
  const fails = (one: Case): boolean => hasSupportBands(one) && hasCredit(one);
  const small = shrink(failing(fails), fails);

  it('keeps what the failure needs, and nothing else', () => {
    expect(fails(small)).toBe(true);
    expect(small.lines).toEqual([
      expect.objectContaining({ chargeCategory: 'Credit', columns: {}, serviceName: 'EC2', billedCost: '100' }),
    ]);
    const { contracts, dataSources, links, autoAssignments } = small.input;
    expect([contracts, dataSources, links, autoAssignments].map(({ length }) => length)).toEqual([1, 1, 0, 0]);
    expect(contracts[0]?.versions).toHaveLength(1);
    expect(contracts[0]?.versions[0]?.terms).toMatchObject({
      billingRules: [],
      priceBooks: [],
      customLineItems: [expect.objectContaining({ type: 'supportBands', includeCredits: false })],
    });
  });

  it('asks only of months that could have come about', () => {
    expect(isSound(small)).toBe(true);
    const asked: Case[] = [];
    shrink(anyCase(3), (one) => {
      asked.push(one);
      return false;
    });
    expect(asked.length).toBeGreaterThan(50);
    expect(asked.every(isSound)).toBe(true);
  });
});

describe('a case written as a scenario', () => {
  const schema: unknown = JSON.parse(
    readFileSync(new URL('../../../../scenarios/scenario.schema.json', import.meta.url), 'utf8'),
  );
  const isScenario = new Ajv({ allErrors: true }).compile(schema as object);

  it('has the form of all scenarios', () => {
    const written = SEEDS.map((seed) => scenarioOf(anyCase(seed), `oracle-${String(seed)}`));
    const faults = written.flatMap((one) => ('yaml' in one && !isScenario(parse(one.yaml)) ? [isScenario.errors] : []));
    expect(faults).toEqual([]);
    expect(written.filter((one) => 'yaml' in one).length).toBeGreaterThan(20);
  });

  it('is refused where a scenario cannot say it, with the reasons', () => {
    const current = failing(({ input, lines }) => input.mode === 'current' && lines.length > 0);
    expect(scenarioOf(current, 'oracle')).toMatchObject({
      reasons: expect.arrayContaining(['months are rated as of their days']),
    });
  });
});
