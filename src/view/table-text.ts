/** Rows as aligned text where no table can be drawn, and how wide each column may be where one can. */
import { clipToWidth, displayWidth } from '../base/text.ts';
import { clipId } from './clip-id.ts';

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

/** How columns, by their heads, give way where a table is too wide. */
export interface ColumnRules {
  /** Never cut, because they are to be typed. */
  readonly whole?: readonly string[];
  /** Ids of steps, cut so that the instances of a matrix stay apart. */
  readonly ids?: readonly string[];
  /** Left out, the first of them first, when the others would become too narrow to be read. */
  readonly spare?: readonly string[];
}

/** Columns are made narrower than this only when none can be left out. */
const READABLE_WIDTH = 6;
const NARROWEST_WIDTH = 3;

/**
 * The same rows without the columns for which there is no room. The first row is the head.
 * @param roomFor the width for the cells of so many columns
 */
export function leaveOutColumns(
  rows: readonly (readonly string[])[],
  roomFor: (columns: number) => number,
  { whole = [], spare = [] }: ColumnRules,
): string[][] {
  const [head = []] = rows;
  const widths = columnWidths(rows);
  let kept = [...head.keys()];
  const least = (column: number) => {
    const width = widths[column] ?? 0;
    return whole.includes(head[column] ?? '') ? width : Math.min(width, READABLE_WIDTH);
  };
  for (const name of spare) {
    const needed = kept.reduce((sum, column) => sum + least(column), 0);
    if (needed <= roomFor(kept.length)) break;
    kept = kept.filter((column) => head[column] !== name);
  }
  return rows.map((row) => kept.map((column) => row[column] ?? ''));
}

/**
 * The same rows with the widest columns cut until all fit, as far as the rules allow. The first row is
 * the head.
 * @param maxWidth for the cells alone, what is drawn between them not counted
 */
export function clipRows(
  rows: readonly (readonly string[])[],
  maxWidth: number,
  { whole = [], ids = [] }: ColumnRules = {},
): string[][] {
  const [head = []] = rows;
  const widths = columnWidths(rows);
  const cuttable = [...widths.keys()].filter((column) => !whole.includes(head[column] ?? ''));
  let over = widths.reduce((sum, width) => sum + width, 0) - maxWidth;
  for (const floor of [READABLE_WIDTH, NARROWEST_WIDTH]) {
    while (over > 0) {
      const widest = Math.max(...cuttable.map((column) => widths[column] ?? 0));
      if (widest <= floor) break;
      widths[cuttable.find((column) => widths[column] === widest) ?? 0] = widest - 1;
      over -= 1;
    }
  }
  return rows.map((row) =>
    row.map((cell, column) => {
      const clip = ids.includes(head[column] ?? '') ? clipId : clipToWidth;
      return clip(cell, widths[column] ?? 0);
    }),
  );
}

function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
