import {
  type DuckDBConnection,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBListValue,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { Decimal } from '#libs/money/decimal';

/** DECIMAL comes as `Decimal`, BIGINT and HUGEINT as bigint, TIMESTAMP as an instant and DATE as a day in text. */
export type Value = Decimal | bigint | number | string | boolean | null | readonly Value[];
export type Row = Readonly<Record<string, Value>>;
export type Parameter = string | number | bigint | boolean | null;
export type Column = Readonly<{ name: string; type: string }>;

export type DuckDbOptions = Readonly<{
  /** Where big sorts and groupings spill to. */
  tempDirectory: string;
  threads?: number;
  /** As DuckDB writes it: `2GB`. */
  memoryLimit?: string;
}>;

/** Ends a statement: the running query is interrupted and the call fails with the signal's reason. */
export type StatementOptions = Readonly<{ signal?: AbortSignal; timeoutMs?: number }>;

/**
 * The columnar engine over usage files: one `:memory:` database, no state of its own but macros. Every statement has its own
 * connection, so ending one never touches another.
 */
export class DuckDb {
  #open = true;

  private constructor(private readonly instance: DuckDBInstance) {}

  static async open(options: DuckDbOptions): Promise<DuckDb> {
    const instance = await DuckDBInstance.create(':memory:', {
      temp_directory: options.tempDirectory,
      // Nothing is ever downloaded: what the binary carries is enough.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      preserve_insertion_order: 'true',
      ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
      ...(options.memoryLimit === undefined ? {} : { memory_limit: options.memoryLimit }),
    });
    const duckDb = new DuckDb(instance);
    await duckDb.run("SET GLOBAL TimeZone = 'UTC'");
    return duckDb;
  }

  /** Runs a statement whose result nobody reads. */
  async run(sql: string, parameters: readonly Parameter[] = [], options: StatementOptions = {}): Promise<void> {
    await this.#within(options, async (connection) => {
      await connection.run(sql, [...parameters]);
    });
  }

  /** All rows at once: for results that are small. */
  async all(sql: string, parameters: readonly Parameter[] = [], options: StatementOptions = {}): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const batch of this.stream(sql, parameters, options)) rows.push(...batch);
    return rows;
  }

  /** Rows in batches as the engine makes them; the result is never whole in memory. */
  async *stream(
    sql: string,
    parameters: readonly Parameter[] = [],
    options: StatementOptions = {},
  ): AsyncGenerator<readonly Row[]> {
    for await (const { names, columns, rows } of this.#chunks(sql, parameters, options))
      yield Array.from({ length: rows }, (_, row) =>
        Object.fromEntries(names.map((name, index) => [name, columns[index]?.[row] ?? null])),
      );
  }

  /** The same by columns, without an object a row: for results of very many rows. */
  async *columns(
    sql: string,
    parameters: readonly Parameter[] = [],
    options: StatementOptions = {},
  ): AsyncGenerator<readonly (readonly Value[])[]> {
    for await (const { columns } of this.#chunks(sql, parameters, options)) yield columns;
  }

  async *#chunks(
    sql: string,
    parameters: readonly Parameter[],
    options: StatementOptions,
  ): AsyncGenerator<Readonly<{ names: readonly string[]; columns: readonly (readonly Value[])[]; rows: number }>> {
    const connection = await this.#connect();
    const ending = endingOf(connection, options);
    try {
      const result = await connection.stream(sql, [...parameters]);
      const names = result.deduplicatedColumnNames();
      for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
        ending.throwIfEnded();
        const full = chunk;
        yield {
          names,
          columns: names.map((_, index) => full.convertColumnValues<Value>(index, toValue)),
          rows: full.rowCount,
        };
      }
    } catch (error) {
      ending.throwIfEnded();
      throw error;
    } finally {
      ending.done();
      connection.closeSync();
    }
  }

  /** Names and types of what a query would answer, without running it. */
  async describe(sql: string, parameters: readonly Parameter[] = []): Promise<readonly Column[]> {
    const rows = await this.all(`DESCRIBE ${sql}`, parameters);
    return rows.map(({ column_name, column_type }) => ({ name: String(column_name), type: String(column_type) }));
  }

  async #within<T>(options: StatementOptions, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#connect();
    const ending = endingOf(connection, options);
    try {
      ending.throwIfEnded();
      return await work(connection);
    } catch (error) {
      ending.throwIfEnded();
      throw error;
    } finally {
      ending.done();
      connection.closeSync();
    }
  }

  async #connect(): Promise<DuckDBConnection> {
    if (!this.#open) throw new Error('the usage engine is closed');
    return this.instance.connect();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.instance.closeSync();
  }
}

/** An interrupt that comes before the engine has begun is lost, so it is repeated until the statement has ended. */
const REPEAT_INTERRUPT_MS = 20;

const endingOf = (connection: DuckDBConnection, { signal, timeoutMs }: StatementOptions) => {
  const signals = [...(signal ? [signal] : []), ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)])];
  const ended = AbortSignal.any(signals);
  let repeat: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    repeat = setInterval(() => {
      connection.interrupt();
    }, REPEAT_INTERRUPT_MS);
  };
  if (ended.aborted) interrupt();
  else ended.addEventListener('abort', interrupt, { once: true });
  return {
    throwIfEnded: (): void => {
      ended.throwIfAborted();
    },
    done: (): void => {
      ended.removeEventListener('abort', interrupt);
      clearInterval(repeat);
    },
  };
};

const MICROS_PER_MS = 1000n;
const MS_PER_DAY = 86_400_000;

/** Results name few days, each very often. */
const dayTexts = new Map<number, string>();
const MOST_DAYS = 10_000;

const dayText = (days: number): string => {
  const known = dayTexts.get(days);
  if (known !== undefined) return known;
  const text = new Date(days * MS_PER_DAY).toISOString().slice(0, 10);
  if (dayTexts.size < MOST_DAYS) dayTexts.set(days, text);
  return text;
};

const toValue = (value: DuckDBValue, type: DuckDBType): Value => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number' && type.typeId !== DuckDBTypeId.DOUBLE && type.typeId !== DuckDBTypeId.FLOAT) return value;
  if (value instanceof DuckDBDecimalValue) return Decimal.scaled(value.value, value.scale);
  if (value instanceof DuckDBTimestampValue) return new Date(Number(value.micros / MICROS_PER_MS)).toISOString();
  if (value instanceof DuckDBDateValue) return dayText(value.days);
  if (value instanceof DuckDBListValue && 'valueType' in type)
    return value.items.map((item) => toValue(item, type.valueType as DuckDBType));
  throw new TypeError(`a result of type ${type.toString()} is not read: no float may touch an amount`);
};

let shared: { engine: Promise<DuckDb>; users: number } | undefined;

/**
 * The process's one engine: made by the first user with its options, closed with the last one. Call `release` when done.
 */
export const sharedDuckDb = async (
  options: DuckDbOptions,
): Promise<Readonly<{ duckDb: DuckDb; release: () => Promise<void> }>> => {
  const mine = (shared ??= { engine: DuckDb.open(options), users: 0 });
  mine.users++;
  const duckDb = await mine.engine.catch((error: unknown) => {
    // The next one tries anew.
    if (shared === mine) shared = undefined;
    throw error;
  });
  let held = true;
  return {
    duckDb,
    release: async () => {
      if (!held) return;
      held = false;
      if (--mine.users > 0) return;
      if (shared === mine) shared = undefined;
      (await mine.engine).close();
    },
  };
};
