/**
 * Tables: drawn by cli-table3 on a terminal, aligned text elsewhere, so that `grep` and `awk` get
 * plain lines. Cells are made harmless by the views that make them.
 */
import {
  alignColumns,
  type ColumnRules,
  clipRows,
  columnWidths,
  leaveOutColumns,
} from '../view/table-text.ts';
import type { CliContext } from './context.ts';
import { paintHead, paintStatus } from './paint.ts';

/** Columns that cli-table3 draws beside each cell: a border and a space on either side. */
const BORDER_WIDTH = 3;
/** A longer table is scrolled and searched, not looked at: drawing it would only take time. */
const DRAWN_ROWS_MAX = 500;
/** No lines between rows. */
const COMPACT = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** @returns text without a line break at its end; the first row is the head */
export async function renderTable(
  context: CliContext,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  rules: ColumnRules = {},
): Promise<string> {
  if (!context.isTty || rows.length > DRAWN_ROWS_MAX)
    return alignColumns([head, ...rows]).join('\n');
  const { default: Table } = await import('cli-table3');
  const roomFor = (columns: number) => (context.stdout.columns || 80) - BORDER_WIDTH * columns - 1;
  const kept = leaveOutColumns([head, ...rows], roomFor, rules);
  const room = roomFor(kept[0]?.length ?? 0);
  const [clippedHead = [], ...clipped] = clipRows(kept, room, rules);
  const widths = columnWidths([clippedHead, ...clipped]);
  const table = new Table({
    chars: COMPACT,
    head: clippedHead.map((cell) => paintHead(context, cell)),
    colWidths: widths.map((width) => width + BORDER_WIDTH - 1),
    style: { head: [], border: context.color ? ['gray'] : [] },
  });
  for (const row of clipped) table.push(row.map((cell) => paintStatus(context, cell)));
  return table.toString();
}
