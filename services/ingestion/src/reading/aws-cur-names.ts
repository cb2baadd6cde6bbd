/**
 * The Cost and Usage Report names its columns in two ways: `lineItem/UnblendedCost` (legacy, CSV) and `line_item_unblended_cost`
 * (legacy as Parquet, and CUR 2.0). We speak of them by their legacy names.
 */

/** `lineItem/UnblendedCost` → `line_item_unblended_cost`, `savingsPlan/SavingsPlanARN` → `savings_plan_savings_plan_a_r_n`. */
const snakeCase = (text: string): string =>
  text
    .split('/')
    .map((part) => part.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`).replace(/^_/, ''))
    .join('_');

/** Columns of these families are the report's own; those that no column of the store takes are left, not unknown. */
const FAMILIES = [
  'identity',
  'bill',
  'lineItem',
  'product',
  'pricing',
  'reservation',
  'capacityReservation',
  'savingsPlan',
  'discount',
  'costCategory',
  'resourceTags',
  'splitLineItem',
];

/** Columns of CUR 2.0 that hold many attributes of a line as key and value, by the family whose columns they stand for. */
export const MAPS = {
  product: 'product',
  discount: 'discount',
  costCategory: 'cost_category',
  resourceTags: 'resource_tags',
} as const;
const MAP_NAMES: readonly string[] = Object.values(MAPS);

/** How one file spells the report's names. */
export type Spelling = Readonly<{
  nameOf: (legacy: string) => string;
  isOurs: (name: string) => boolean;
  /** Key of the tag that a column of its own holds, as the legacy report has it: `user:env`. */
  tagIn: (name: string) => string | undefined;
}>;

const LEGACY_TAGS = 'resourceTags/';
const SNAKE_TAGS = 'resource_tags_';

export const LEGACY: Spelling = {
  nameOf: (legacy) => legacy,
  isOurs: (name) => FAMILIES.some((family) => name.startsWith(`${family}/`)),
  tagIn: (name) =>
    name.startsWith(LEGACY_TAGS) && name.length > LEGACY_TAGS.length ? name.slice(LEGACY_TAGS.length) : undefined,
};

export const SNAKE: Spelling = {
  nameOf: snakeCase,
  isOurs: (name) => MAP_NAMES.includes(name) || FAMILIES.some((family) => name.startsWith(`${snakeCase(family)}_`)),
  tagIn: (name) =>
    name.startsWith(SNAKE_TAGS) && name.length > SNAKE_TAGS.length
      ? name.slice(SNAKE_TAGS.length).replace(/^(user|aws)_/, '$1:')
      : undefined,
};

/** Key of a map that stands for a legacy column: `product/regionCode` → `region_code` of `product`. */
export const mapKeyOf = (legacy: string): Readonly<{ map: string; key: string }> | undefined => {
  const [family = '', attribute = ''] = legacy.split('/');
  const map = Object.entries(MAPS).find(([name]) => name === family)?.[1];
  return map && { map, key: snakeCase(attribute) };
};

/**
 * SQL: the tags of a map with the legacy report's keys, `user:env` for `user_env`; null without any. In valid JSON `{"` and `,"` occur
 * outside of texts only, before a key.
 */
export const tagsOfMap = (json: string): string =>
  `nullif(regexp_replace(json(${json})::VARCHAR, '([{,]")(user|aws)_', '\\1\\2:', 'g'), '{}')`;
