/**
 * Whether JSON gives a value back exactly as it is. False where the difference says nothing: a property that is undefined, the class
 * of an object that holds data only, -0.
 * @throws TypeError, naming the path, for what JSON would lose or bend: `Date`, `Map`, `Decimal`, `bigint`, `NaN`, functions, holes.
 */
export const survivesJson = (value: unknown, path: string): boolean => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      if (Number.isFinite(value)) return !Object.is(value, -0);
      break;
    case 'object':
      if (value === null) return true;
      if (Array.isArray(value)) return elementsSurvive(value, path);
      if (isRecord(value)) return propertiesSurvive(value, path);
      break;
    default:
  }
  throw new TypeError(`${path} is ${described(value)}, which JSON does not keep: an event's data holds JSON values only.`);
};

const elementsSurvive = (values: readonly unknown[], path: string): boolean => {
  let same = true;
  for (let index = 0; index < values.length; index++) if (!survivesJson(values[index], `${path}[${String(index)}]`)) same = false;
  return same;
};

const propertiesSurvive = (value: object, path: string): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object's prototype is the last one, in whatever realm it was made.
  let same = prototype !== null && Object.getPrototypeOf(prototype) === null;
  for (const [key, property] of Object.entries(value))
    if (property === undefined || !survivesJson(property, `${path}.${key}`)) same = false;
  return same;
};

/** An object that is nothing but its properties; one that says itself how it wants to be written is something else. */
const isRecord = (value: object): boolean => Object.prototype.toString.call(value) === '[object Object]' && !('toJSON' in value);

const described = (value: unknown): string =>
  typeof value === 'object' && value !== null ? `a ${value.constructor.name}` : `${typeof value} ${String(value)}`;
