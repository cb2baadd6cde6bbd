import { type Condition, type Scope } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { conditionKey, conditionTest, scopeTest } from '#libs/rules/condition';
import { type Group, type RatingInput } from './rating-input.ts';
import { CARRIED, conditionsIn, dimensionsOf } from './signature.ts';

/** All that a rule can ask of a line: groups that rules cannot tell apart share one, so a rule is evaluated once for all of them. */
export type LineSignature = Readonly<{ id: number; group: Group; managementAccountId: ManagementAccountId }>;

/** What keeps lines apart on documents and before price rules, whether a condition asks for it or not. */
const FACTS = ['BillingCurrency', 'ChargeCategory', 'x_Marketplace', 'ServiceName'];

/** A part of a signature; equal parts are the same text. */
type PartOf = (group: Group, managementAccountId: ManagementAccountId) => string;

/** A tree of signatures, one level a part: looking a text up costs less than joining all of them for every group. */
type Branch = { readonly next: Map<string, Branch>; signature: LineSignature | undefined };
const branch = (): Branch => ({ next: new Map(), signature: undefined });

/** The texts of a record, joined; records are shared by many groups, so each is read once. */
const recordText = (
  keys: readonly string[],
  recordOf: (group: Group) => Readonly<Record<string, string | boolean>>,
): readonly PartOf[] => {
  if (keys.length === 0) return [];
  const known = new Map<object, string>();
  const textOfRecord = (group: Group): string => {
    const record = recordOf(group);
    const before = known.get(record);
    if (before !== undefined) return before;
    const text = keys.map((key) => String(record[key])).join('\u0000');
    known.set(record, text);
    return text;
  };
  return [textOfRecord];
};

/** Gives groups their signature, and answers conditions about them; every answer is computed once. */
export class Signatures {
  readonly #partsOf: readonly PartOf[];
  readonly #truths: ReadonlySet<string>;
  readonly #root = branch();
  #count = 0;
  readonly #answers = new Map<string, (signature: LineSignature) => boolean>();

  constructor(input: RatingInput) {
    const { values, truths } = dimensionsOf(input);
    const keys = truths.map(({ key }) => key);
    const asked = new Set(conditionsIn(input).map(({ dimension }) => dimension));
    const carried = [...FACTS, ...[...CARRIED.keys()].filter((dimension) => asked.has(dimension) && !FACTS.includes(dimension))];
    this.#partsOf = [
      ({ unitRateApplies }) => (unitRateApplies ? 'true' : 'false'),
      ...carried.flatMap((dimension) => CARRIED.get(dimension) ?? []),
      ...recordText(values, (group) => group.values),
      ...recordText(keys, (group) => group.truths),
    ];
    this.#truths = new Set(keys);
  }

  of(group: Group, managementAccountId: ManagementAccountId): LineSignature {
    let at = this.#root;
    for (const partOf of this.#partsOf) {
      const part = partOf(group, managementAccountId);
      let next = at.next.get(part);
      if (!next) {
        next = branch();
        at.next.set(part, next);
      }
      at = next;
    }
    at.signature ??= { id: this.#count++, group, managementAccountId };
    return at.signature;
  }

  /** A predicate for a scope. */
  test(scope: Scope): (signature: LineSignature) => boolean {
    const holds = scopeTest(scope);
    const answers = new Map(scope.conditions.map((condition) => [condition, this.#answerTo(condition)]));
    return (signature) => holds((condition) => answers.get(condition)?.(signature) ?? false);
  }

  #answerTo(condition: Condition): (signature: LineSignature) => boolean {
    const key = conditionKey(condition);
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#truths.has(key) ? truthOf(key) : textTest(condition);
    this.#answers.set(key, answer);
    return answer;
  }
}

const truthOf =
  (key: string) =>
  ({ group: { truths } }: LineSignature): boolean => {
    const truth = truths[key];
    if (truth === undefined) throw new Error(`the groups do not say whether ${key} holds`);
    return truth;
  };

const textTest = ({ dimension, values }: Condition): ((signature: LineSignature) => boolean) => {
  const matches = conditionTest(values);
  const known = new Map<string, boolean>();
  return (signature) => {
    const text = textOf(signature, dimension);
    const before = known.get(text);
    if (before !== undefined) return before;
    const truth = matches(text);
    known.set(text, truth);
    return truth;
  };
};

const textOf = ({ group, managementAccountId }: LineSignature, dimension: string): string => {
  const text = CARRIED.get(dimension)?.(group, managementAccountId) ?? group.values[dimension];
  if (text === undefined) throw new Error(`the groups do not carry ${dimension}`);
  return text;
};
