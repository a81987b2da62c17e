/** Where there is little room: what gives way, and what is never cut because it has to be typed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayWidth } from '../../src/base/text.ts';
import { clipId } from '../../src/view/clip-id.ts';
import { RUN_COLUMNS, RUN_RULES } from '../../src/view/run-table.ts';
import { clipRows, leaveOutColumns } from '../../src/view/table-text.ts';

describe('an id of a step', () => {
  test.for([
    { id: 'matrix-step(linux)', width: 18, clipped: 'matrix-step(linux)' },
    { id: 'matrix-step(linux)', width: 12, clipped: 'matr…(linux)' },
    { id: '* matrix-step(node20)', width: 12, clipped: '* m…(node20)' },
    { id: 'a(a very long label of it)', width: 12, clipped: 'a(a…l of it)' },
    { id: 'prepare-the-release', width: 11, clipped: 'prepa…lease' },
  ])('$id in $width columns', ({ id, width, clipped }) => {
    expect(clipId(id, width)).toBe(clipped);
  });

  test('never takes more than its room', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (text, width) => displayWidth(clipId(`${text}(${text})`, width)) <= width,
      ),
    );
  });

  test('instances of a matrix stay apart', () => {
    const clipped = ['lima', 'oslo', 'pune'].map((city) => clipId(`* measure-all(${city})`, 12));
    expect(new Set(clipped).size).toBe(3);
  });
});

describe('a list of runs', () => {
  const RUN = 'report-261121-sbj7';
  const rows = [
    [...RUN_COLUMNS],
    [RUN, 'report', 'interrupted', '3m ago', '1m 20s', '7/9 (1 failed, 1 skipped)'],
  ];
  const fitted = (columns: number) => {
    const kept = leaveOutColumns(rows, (count) => columns - 3 * count - 1, RUN_RULES);
    const [head = []] = kept;
    return clipRows(kept, columns - 3 * head.length - 1, RUN_RULES);
  };

  test.for([
    { columns: 100, head: RUN_COLUMNS },
    { columns: 60, head: ['run', 'status', 'started', 'durat…', 'steps'] },
    { columns: 50, head: ['run', 'status', 'started', 'steps'] },
    { columns: 30, head: ['run', 'sta…'] },
  ])('has the whole id in $columns columns', ({ columns, head }) => {
    const [heads = [], row = []] = fitted(columns);
    const width = row.reduce((sum, cell) => sum + Math.max(displayWidth(cell), 1) + 3, 1);
    expect(row[0]).toBe(RUN);
    expect(heads.map((cell) => cell.slice(0, 3))).toEqual(head.map((cell) => cell.slice(0, 3)));
    expect(width).toBeLessThanOrEqual(columns);
  });
});
