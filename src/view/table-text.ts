/** Rows as aligned text where no table can be drawn, and how wide each column may be where one can. */
import { clipToWidth, displayWidth } from '../base/text.ts';

const GAP = '  ';

/** One line a row, columns aligned, no space at the ends of lines. Cells hold no control characters. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = columnWidths(rows);
  return rows.map((row) =>
    row
      .map((cell, column) => padTo(cell, widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

/** Widths in columns of a terminal. */
export function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    }
  }
  return widths;
}

/**
 * The same rows with the widest columns cut until all fit.
 * @param maxWidth for the cells alone, what is drawn between them not counted
 */
export function clipRows(
  rows: readonly (readonly string[])[],
  maxWidth: number,
  narrowest = 8,
): string[][] {
  const widths = columnWidths(rows);
  let over = widths.reduce((sum, width) => sum + width, 0) - maxWidth;
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= narrowest) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
  return rows.map((row) => row.map((cell, column) => clipToWidth(cell, widths[column] ?? 0)));
}

function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
