type Table = Readonly<{ head: readonly string[]; rows: readonly (readonly string[])[]; texts: number }>;

/** Columns aligned by their widest cell: the first `texts` columns to the left, amounts to the right. */
export const table = ({ head, rows, texts }: Table, indent = '  '): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    indent +
    row
      .map((cell, column) => (column < texts ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), indent + widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
};
