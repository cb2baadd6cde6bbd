import { DomainError } from '#libs/event-sourcing/domain-error';
import { type DataSourceId } from '#libs/published/ids';
import { type DuckDb, type StatementOptions } from '#libs/usage-store/duckdb';
import { type Grouping, KeptGroups, type UsageSlice } from '#libs/usage-store/grouping';
import { type UsageGroup } from '#libs/usage-store/usage-group';
import { sourceLines, type SourceLineCursor, type SourceLinePage } from '#libs/usage-store/source-lines';
import { type UsageFiles } from '#libs/usage-store/usage-files';
import { type RatingInput } from '../rating/rating-input.ts';
import { cutsOf, dimensionsOf } from '../rating/signature.ts';

/** What the tree's rules make of its usage: which days, dimensions and conditions keep lines apart. */
const groupingOf = (input: RatingInput): Grouping => {
  const { values, truths } = dimensionsOf(input);
  return { cuts: cutsOf(input), dimensions: values, conditions: truths };
};

/** The usage that a rating input names, grouped. The engine is opened on first use. */
export class MonthUsage {
  readonly #known = new WeakMap<
    readonly UsageGroup[],
    Readonly<{ slices: readonly (readonly UsageGroup[])[]; groups: readonly UsageGroup[] }>
  >();
  #opened: Promise<Readonly<{ duckDb: DuckDb; kept: KeptGroups }>> | undefined;

  constructor(
    private readonly files: UsageFiles,
    private readonly open: () => Promise<DuckDb>,
  ) {}

  /** All groups of the month; slices one after the other, since each uses the whole machine. */
  async groupsOf(input: RatingInput, options: StatementOptions = {}): Promise<readonly UsageGroup[]> {
    const { kept } = await this.#engine();
    const grouping = groupingOf(input);
    const groups: (readonly UsageGroup[])[] = [];
    try {
      for (const slice of this.#slicesOf(input)) groups.push(await kept.of(slice, grouping, options));
    } catch (error) {
      throw (await this.#missing(input)) ?? error;
    }
    return this.#joined(groups);
  }

  /** The very same array as long as no slice has been grouped anew: whoever rated it knows it again. */
  #joined(slices: readonly (readonly UsageGroup[])[]): readonly UsageGroup[] {
    const [first] = slices;
    if (!first) return [];
    const known = this.#known.get(first);
    if (known?.slices.length === slices.length && known.slices.every((slice, index) => slice === slices[index]))
      return known.groups;
    const groups = slices.flat();
    this.#known.set(first, { slices, groups });
    return groups;
  }

  /** The source lines behind some of the input's groups. */
  async sourceLines(
    input: RatingInput,
    groups: readonly UsageGroup[],
    page: Readonly<{ after?: SourceLineCursor; limit: number }>,
    options: StatementOptions = {},
  ): Promise<SourceLinePage> {
    const { duckDb } = await this.#engine();
    const grouping = groupingOf(input);
    const bySource = new Map<DataSourceId, UsageGroup[]>();
    for (const group of groups) {
      const own = bySource.get(group.dataSourceId);
      if (own) own.push(group);
      else bySource.set(group.dataSourceId, [group]);
    }
    const slices = this.#slicesOf(input).map((slice) => ({ slice, grouping, groups: bySource.get(slice.dataSourceId) ?? [] }));
    return sourceLines(duckDb, slices, page, options);
  }

  async #missing({ dataSources }: RatingInput): Promise<DomainError | undefined> {
    for (const { path } of dataSources.flatMap(({ slice }) => slice?.files ?? []))
      if (!(await this.files.has(path)))
        return new DomainError('unavailable', 'usage-file-missing', `The usage file ${path} is not in the data directory.`);
    return undefined;
  }

  #slicesOf({ dataSources }: RatingInput): readonly UsageSlice[] {
    return dataSources.flatMap(({ id, slice }) =>
      slice ? [{ dataSourceId: id, files: slice.files.map(({ path }) => this.files.absolute(path)) }] : [],
    );
  }

  #engine(): Promise<Readonly<{ duckDb: DuckDb; kept: KeptGroups }>> {
    this.#opened ??= this.open().then((duckDb) => ({ duckDb, kept: new KeptGroups(duckDb) }));
    return this.#opened;
  }
}
