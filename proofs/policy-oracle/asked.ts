import { type Random } from '../random.ts';
import { type Facts, type Question } from './facts.ts';
import { ABILITIES } from './oracle.ts';

export type Case = Readonly<{ facts: Facts; question: Question }>;

/** A tree of up to five tiers: few tenants, so that memberships, links and paths meet often. */
const PATHS = ['d', 'd r', 'd r c', 'd r c x', 'd r c x y', 'd r n', 'd s', 'd s m', 'o', 'o p'].map((path) => path.split(' '));
const TENANTS = [...new Set(PATHS.flat())];
const ROLES = [
  'admin',
  'admin',
  'regular',
  'readOnly',
  'support',
  'sales',
  'sales',
  'custom:known',
  'custom:other',
  'custom:unknown',
];

const chance = (random: Random, oneIn: number): boolean => random.int(1, oneIn) === 1;
const several = <T>(random: Random, most: number, one: () => T): readonly T[] => Array.from({ length: random.int(0, most) }, one);
const some = <T>(random: Random, of: readonly T[]): readonly T[] => of.filter(() => chance(random, 2));

const membership = (random: Random): Facts['memberships'][number] => ({
  tenant: chance(random, 40) ? 'platform' : random.pick(TENANTS),
  role: random.pick(ROLES),
  extras: chance(random, 3) ? some(random, ['billingUtilities', 'contractTemplates'] as const) : [],
  ...(chance(random, 3) ? { below: random.pick(['admin', 'sales', 'none'] as const) } : {}),
});

export const anyCase = (random: Random): Case => ({
  facts: {
    memberships: several(random, 4, () => membership(random)).map((one) =>
      one.tenant === 'platform' && !chance(random, 10) ? { ...one, role: 'operator' } : one,
    ),
    links: several(random, 3, () => ({ tenant: random.pick(TENANTS), role: random.pick(ROLES) })),
    carryOver: chance(random, 2) ? some(random, TENANTS) : [],
    custom: {
      'custom:known': several(random, 12, () => random.pick(ABILITIES)),
      'custom:other': several(random, 30, () => random.pick(ABILITIES)),
    },
  },
  question: { permission: random.pick(ABILITIES), path: chance(random, 100) ? undefined : random.pick(PATHS) },
});
