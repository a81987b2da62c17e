/**
 * README.md cannot rot: its tour is gone through in an empty folder, and what the commands print is
 * what the page shows. `UPDATE_README=1 npx vitest run test/docs/readme.test.ts` goes through it by the
 * clock and writes what was printed into the page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';
import { normalise, readTour, replaceOutputs, takeTour } from './tour.ts';

const path = join(projectRoot, 'README.md');
const isUpdate = process.env['UPDATE_README'] === '1';

test('the tour prints what the page shows', { timeout: 120_000 }, () => {
  const page = readFileSync(path, 'utf8');
  const parts = readTour(page);
  const printed = takeTour(parts, makeTemporaryFolder(), { byClock: isUpdate });
  if (isUpdate) writeFileSync(path, replaceOutputs(page, printed));

  const commands = readTour(readFileSync(path, 'utf8')).filter((part) => part.kind === 'command');
  expect(commands.length).toBeGreaterThan(10);
  const shown = commands.map(({ text, output }) => ({ text, output: normalise(output) }));
  const actual = commands.map(({ text }, index) => ({
    text,
    output: normalise(printed[index] ?? []),
  }));
  expect(actual).toEqual(shown);
});
