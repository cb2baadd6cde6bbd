/** @throws Error for a key that is not there: a case that names what it does not list is none. */
export const known = <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value => {
  const value = map.get(key);
  if (value === undefined) throw new Error(`the case does not list ${String(key)}`);
  return value;
};

/** What the map holds under the key, put there first if there is nothing. */
export const entry = <Key, Value>(map: Map<Key, Value>, key: Key, fresh: () => Value): Value => {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = fresh();
  map.set(key, made);
  return made;
};
