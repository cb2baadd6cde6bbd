import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { StreamableFile } from '@nestjs/common';
import { type Columns, csvHeadings, csvRows } from '#libs/csv/csv';
import { type Page, type Query } from '#libs/read-models/read-model';
import { schema } from './schema.ts';

/** What a route answers that gives a `csvFile`, to be described with `CSV_TYPE`. */
export const csvSchema = schema<StreamableFile>({ type: 'string', description: 'CSV with a line of headings' });
export const CSV_TYPE = { mediaType: 'text/csv' } as const;

const ROWS_A_PAGE = 500;

type Part<Row> = Pick<Page<Row>, 'items' | 'nextCursor'>;
type Pages<Row> = (asked: Pick<Query, 'limit' | 'cursor'>) => Promise<Part<Row>>;

/** A list as a file `<name>.csv`, however long: it is read page by page while it is sent, and between two pages others are answered. */
export const csvFile = <Row>(name: string, columns: Columns<Row>, pages: Pages<Row>): StreamableFile =>
  new StreamableFile(Readable.from(written(columns, pages), { objectMode: false }), {
    type: 'text/csv; charset=utf-8',
    disposition: `attachment; filename="${name}.csv"`,
  });

async function* written<Row>(columns: Columns<Row>, pages: Pages<Row>): AsyncGenerator<Buffer> {
  yield Buffer.from(csvHeadings(columns));
  let cursor: string | null = null;
  do {
    const page: Part<Row> = await pages({ limit: ROWS_A_PAGE, ...(cursor === null ? {} : { cursor }) });
    yield Buffer.from(csvRows(columns, page.items));
    cursor = page.nextCursor;
    // Nothing here waits for a disk or another process: without a pause nobody else would be answered meanwhile.
    await nextTurn();
  } while (cursor !== null);
}
