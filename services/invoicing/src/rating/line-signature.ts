import { type Condition, type Scope } from '#libs/published/contract-terms';
import { type ManagementAccountId } from '#libs/published/ids';
import { conditionKey, conditionTest, scopeTest } from '#libs/rules/condition';
import { type Group, type RatingInput } from './rating-input.ts';
import { CARRIED, conditionsIn, dimensionsOf } from './signature.ts';

/** All that a rule can ask of a line: groups that rules cannot tell apart share one, so a rule is evaluated once for all of them. */
export type LineSignature = Readonly<{ group: Group; managementAccountId: ManagementAccountId }>;

const SEPARATOR = '\u0000';

/** What keeps lines apart on documents and before price rules, whether a condition asks for it or not. */
const FACTS = new Set(['BillingCurrency', 'ChargeCategory', 'ServiceName', 'x_Marketplace']);

/** The texts of a record, joined; records are shared by many groups. */
const recordText = (keys: readonly string[]): ((record: Readonly<Record<string, string | boolean>>) => string) => {
  const known = new Map<object, string>();
  return (record) => {
    const before = known.get(record);
    if (before !== undefined) return before;
    const text = keys.map((key) => String(record[key])).join(SEPARATOR);
    known.set(record, text);
    return text;
  };
};

/** Gives groups their signature, and answers conditions about them; every answer is computed once. */
export class Signatures {
  readonly #partsOf: readonly ((group: Group, managementAccountId: ManagementAccountId) => string)[];
  readonly #truths: ReadonlySet<string>;
  readonly #known = new Map<string, LineSignature>();
  readonly #answers = new Map<string, (signature: LineSignature) => boolean>();

  constructor(input: RatingInput) {
    const { values, truths } = dimensionsOf(input);
    const asked = new Set(conditionsIn(input).map(({ dimension }) => dimension));
    const carried = [...CARRIED].filter(([dimension]) => asked.has(dimension) || FACTS.has(dimension));
    const textOfValues = recordText(values);
    const textOfTruths = recordText(truths.map(({ key }) => key));
    this.#partsOf = [
      ...carried.map(([, text]) => text),
      ({ unitRateApplies }) => String(unitRateApplies),
      (group) => textOfValues(group.values),
      (group) => textOfTruths(group.truths),
    ];
    this.#truths = new Set(truths.map(({ key }) => key));
  }

  of(group: Group, managementAccountId: ManagementAccountId): LineSignature {
    let key = '';
    for (const partOf of this.#partsOf) key += partOf(group, managementAccountId) + SEPARATOR;
    const known = this.#known.get(key);
    if (known) return known;
    const signature = { group, managementAccountId };
    this.#known.set(key, signature);
    return signature;
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
