import { decide, decideAnywhere, decideFromAbove, decideOnPlatform, type Standing } from '#libs/access-policy/policy';
import { type Permission, type Role } from '#libs/access-policy/roles';
import { type TenantId } from '#libs/published/ids';
import { type Random } from '../random.ts';
import { anyCase, type Case } from './asked.ts';
import { type Facts, type Verdicts } from './facts.ts';
import { oracle } from './oracle.ts';

/** Whoever is compared with the oracle. */
export type Judge = (asked: Case) => Verdicts;

const standingOf = ({ memberships, links, carryOver, custom }: Facts): Standing => ({
  memberships: memberships.map(({ tenant, role, extras, below }) => ({
    tenantId: tenant as TenantId | 'platform',
    role: role as Role,
    extras,
    ...(below === undefined ? {} : { childTenantRole: below }),
    carriesOver: carryOver.includes(tenant),
  })),
  links: links.map(({ tenant, role }) => ({
    tenantId: tenant as TenantId,
    role: role as Role,
    carriesOver: carryOver.includes(tenant),
  })),
  bundles: new Map(
    Object.entries(custom).map(([role, permissions]) => [role as Role, new Set(permissions as readonly Permission[])]),
  ),
});

/** The policy that every service judges by. */
export const policy: Judge = ({ facts, question }) => {
  const standing = standingOf(facts);
  const permission = question.permission as Permission;
  const path = question.path as readonly TenantId[] | undefined;
  return {
    here: decide(standing, permission, path),
    fromAbove: decideFromAbove(standing, permission, path),
    onPlatform: decideOnPlatform(standing, permission),
    anywhere: decideAnywhere(standing, permission),
  };
};

const differs = (judge: Judge, asked: Case): boolean =>
  JSON.stringify(judge(asked)) !== JSON.stringify(oracle(asked.facts, asked.question));

const without = <T>(of: readonly T[], index: number): readonly T[] => of.toSpliced(index, 1);

/** The same with one fact less. */
const lesser = ({ facts, question }: Case): readonly Case[] =>
  [
    ...facts.memberships.map((_, index) => ({ ...facts, memberships: without(facts.memberships, index) })),
    ...facts.links.map((_, index) => ({ ...facts, links: without(facts.links, index) })),
    ...facts.carryOver.map((_, index) => ({ ...facts, carryOver: without(facts.carryOver, index) })),
  ].map((fewer) => ({ facts: fewer, question }));

const smallest = (judge: Judge, asked: Case): Case => {
  const smaller = lesser(asked).find((one) => differs(judge, one));
  return smaller ? smallest(judge, smaller) : asked;
};

type Difference = Readonly<{ asked: Case; judged: Verdicts; expected: Verdicts }>;

/** What became of the cases; `seen` counts the verdicts, so that one sees that each of them occurred. */
export type Compared = Readonly<{ differing: number; first: Difference | undefined; seen: ReadonlyMap<string, number> }>;

export const compare = (
  judge: Judge,
  cases: number,
  random: Random,
  progress: (done: number) => void = () => undefined,
): Compared => {
  const seen = new Map<string, number>();
  let differing = 0;
  let first: Case | undefined;
  for (let done = 1; done <= cases; done++) {
    const asked = anyCase(random);
    if (differs(judge, asked)) {
      differing += 1;
      first ??= smallest(judge, asked);
    }
    const { here } = judge(asked);
    seen.set(here, (seen.get(here) ?? 0) + 1);
    if (done % 100_000 === 0) progress(done);
  }
  return {
    differing,
    first: first && { asked: first, judged: judge(first), expected: oracle(first.facts, first.question) },
    seen,
  };
};
