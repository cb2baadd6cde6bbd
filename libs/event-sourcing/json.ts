/**
 * Refuses what JSON would silently lose or bend: `Date`, `Map`, class instances, `bigint`, `NaN`, functions, holes. An absent
 * property may be written as `undefined`. So an event is the same before and after the store. @throws TypeError naming the path.
 */
export const refuseUnstorable = (value: unknown, path: string): void => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (Number.isFinite(value)) return;
      break;
    case 'object':
      if (value === null) return;
      if (Array.isArray(value)) {
        for (let index = 0; index < value.length; index++) refuseUnstorable(value[index], `${path}[${String(index)}]`);
        return;
      }
      if (isPlain(value)) {
        for (const [key, property] of Object.entries(value))
          if (property !== undefined) refuseUnstorable(property, `${path}.${key}`);
        return;
      }
      break;
    default:
  }
  throw new TypeError(`${path} is ${described(value)}, which JSON does not keep: an event's data holds JSON values only.`);
};

/** Also plain objects of another realm (a parser's, a test runner's): their prototype has no prototype. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

const described = (value: unknown): string =>
  typeof value === 'object' && value !== null ? `a ${value.constructor.name}` : `${typeof value} ${String(value)}`;
