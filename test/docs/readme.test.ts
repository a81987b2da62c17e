/**
 * README.md cannot rot: its tour is gone through in an empty folder, and what the commands print is
 * what the page shows. `UPDATE_README=1 npx vitest run test/docs/readme.test.ts` goes through it by the
 * clock and writes what was printed into the page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../scripts/build.mjs';
import { CODEX, makeAgents } from '../engine/agent-stage.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';
import { normalise, readTour, replaceOutputs, takeTour } from './tour.ts';

const path = join(projectRoot, 'README.md');
const isUpdate = process.env['UPDATE_README'] === '1';

/** The lines below a command that stands in a block of its own, outside the tour. */
function shownBelow(page: string, command: string): string[] {
  const [, block] = page.split(`\`\`\`\n$ ${command}\n`);
  if (block === undefined) throw new Error(`the page does not show: ${command}`);
  return block.slice(0, block.indexOf('\n```')).split('\n');
}

test('agents that work on a feature print what the page shows', async () => {
  const stage = makeAgents();
  stage.agent('codex', 'codex', [`${CODEX.begun}\n${CODEX.done('DONE', 9)}`]);
  const { code, stdout, stderr } = await stage.orch(
    ...['run', 'feature', '--input', 'task=Add a search to the command line'],
  );
  expect(code).toBe(0);
  const page = readFileSync(path, 'utf8');
  const shown = shownBelow(
    page,
    'orch run feature --input task="Add a search to the command line"',
  );
  const printed = `${stderr}${stdout}`.trimEnd().split('\n');
  expect(normalise(printed)).toEqual(normalise(shown));
});

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
