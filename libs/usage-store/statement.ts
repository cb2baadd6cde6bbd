/**
 * Every statement over usage is declared here, so that a test can DESCRIBE each and find no DOUBLE. `example` gives arguments for
 * it over usage files that the test has at hand.
 */
export type UsageStatement<Args extends readonly unknown[]> = Readonly<{
  name: string;
  sql: (...args: Args) => string;
  example: NoInfer<(files: readonly string[]) => Args>;
}>;

const declared: Readonly<{ name: string; sqlOver: (files: readonly string[]) => string }>[] = [];

/** Declares a query and gives back how to write it. */
export const usageStatement = <Args extends readonly unknown[]>(statement: UsageStatement<Args>): ((...args: Args) => string) => {
  declared.push({ name: statement.name, sqlOver: (files) => statement.sql(...statement.example(files)) });
  return statement.sql;
};

/** What the modules loaded so far have declared, written over these files. */
export const usageStatementsOver = (files: readonly string[]): readonly Readonly<{ name: string; sql: string }>[] =>
  declared.map(({ name, sqlOver }) => ({ name, sql: sqlOver(files) }));
