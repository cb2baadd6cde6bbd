import { isDeepStrictEqual } from 'node:util';
import { type VisibleTerms } from '../contract/visible-terms.ts';

/**
 * One field, rule or item in which two versions differ. `path` names rules by their id and conditions by their letter
 * (`priceBooks[b1].rules[r2].pricing.percentage`), `within` their names from the outside in. What is not there is null.
 */
export type Difference = Readonly<{
  path: string;
  within: readonly string[];
  change: 'added' | 'removed' | 'changed';
  left: unknown;
  right: unknown;
}>;

/** Field by field, in the order of the fields. The order of rules is no difference: priorities say what it means. */
export const compareTerms = (left: VisibleTerms, right: VisibleTerms): readonly Difference[] =>
  differences({ path: '', within: [] }, left, right);

type Place = Readonly<{ path: string; within: readonly string[] }>;
type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const differences = (place: Place, left: unknown, right: unknown): readonly Difference[] => {
  if (isDeepStrictEqual(left, right)) return [];
  if (left === undefined) return [{ ...place, change: 'added', left: null, right }];
  if (right === undefined) return [{ ...place, change: 'removed', left, right: null }];
  if (isFields(left) && isFields(right))
    return union(Object.keys(left), Object.keys(right)).flatMap((field) =>
      differences({ ...place, path: place.path === '' ? field : `${place.path}.${field}` }, left[field], right[field]),
    );
  const [itemsOfLeft, itemsOfRight] = [itemsByKey(left), itemsByKey(right)];
  if (itemsOfLeft && itemsOfRight)
    return union([...itemsOfLeft.keys()], [...itemsOfRight.keys()]).flatMap((key) => {
      const [before, after] = [itemsOfLeft.get(key), itemsOfRight.get(key)];
      return differences({ path: `${place.path}[${key}]`, within: [...place.within, ...nameOf(after ?? before)] }, before, after);
    });
  return [{ ...place, change: 'changed', left, right }];
};

const union = (a: readonly string[], b: readonly string[]): readonly string[] => [...new Set([...a, ...b])];

/** Objects of a list by what identifies them, support bands by their place; undefined for anything else. */
const itemsByKey = (list: unknown): ReadonlyMap<string, Fields> | undefined =>
  Array.isArray(list) && list.every(isFields)
    ? new Map(list.map((item, at) => [String(item['id'] ?? item['letter'] ?? at), item]))
    : undefined;

const nameOf = (item: Fields | undefined): readonly string[] => (typeof item?.['name'] === 'string' ? [item['name']] : []);
