import { type Database } from '#libs/sqlite/database';
import { type Filter } from '../read-model.ts';
import { counting, type Members, type Sql, totalAmong } from './statements.ts';

/** So many totals are kept; the one not asked for the longest goes first. Each costs every write of its documents a look. */
const KEPT = 32;
/** After so many changed documents a total that nobody asked for meanwhile is given up. */
const MOST_CHANGED = 500;

/** `count` leaves out the documents in `changed`. */
type Total = {
  count: number;
  readonly changed: Set<string>;
  readonly among: (ids: Iterable<string>) => number;
  asked: boolean;
};

/**
 * How many rows match a filter, exactly, without counting a long list for each of its pages: a total is counted once, and from
 * then on only the documents that were written are looked at. They are looked at when somebody asks, as they stand in that moment,
 * so a write that is undone changes nothing.
 */
export class Totals {
  readonly #database: Database;
  readonly #members: Members;
  readonly #kept = new Map<string, Total>();

  constructor(database: Database, members: Members) {
    this.#database = database;
    this.#members = members;
  }

  of(filter: Filter): number {
    const key = JSON.stringify(filter);
    const total = this.#kept.get(key) ?? this.#counted(filter);
    total.asked = true;
    settle(total);
    this.#kept.delete(key);
    this.#kept.set(key, total);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > KEPT) this.#kept.delete(oldest);
    return total.count;
  }

  /** To be called before these documents are written. */
  changing(ids: readonly string[]): void {
    for (const [key, total] of this.#kept) {
      if (total.changed.size > MOST_CHANGED) {
        if (!total.asked) {
          this.#kept.delete(key);
          continue;
        }
        total.asked = false;
        settle(total);
      }
      const first = ids.filter((id) => !total.changed.has(id));
      if (first.length > 0) total.count -= total.among(first);
      for (const id of first) total.changed.add(id);
    }
  }

  #counted(filter: Filter): Total {
    const among = totalAmong(filter, this.#members);
    return {
      count: this.#count(counting(filter, this.#members)),
      changed: new Set(),
      asked: true,
      among: (ids) => this.#count({ text: among.text, parameters: [JSON.stringify([...ids]), ...among.parameters] }),
    };
  }

  #count({ text, parameters }: Sql): number {
    return this.#database.prepare<{ total: number }>(text).get(...parameters)?.total ?? 0;
  }
}

const settle = (total: Total): void => {
  if (total.changed.size === 0) return;
  total.count += total.among(total.changed);
  total.changed.clear();
};
