/**
 * JSON with the fields of every object in the order of their names: equal values make equal text. Absent and undefined are the same,
 * and `undefined` itself is the empty text. Fields that are named `without` are left out, however deep they lie.
 */
export const canonicalJson = (value: unknown, { without = [] }: Readonly<{ without?: readonly string[] }> = {}): string => {
  const text: string | undefined = JSON.stringify(value, (name, field: unknown) => {
    if (without.includes(name)) return undefined;
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
  return text ?? '';
};
