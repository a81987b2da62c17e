/** `orch plan`, where there is no repository: a plan is made of files alone. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const WORKFLOW = `name: ship
concurrency: 2
inputs:
  target: { type: string, required: true }
  count: { type: number, default: 1 }
steps:
  a: { run: "true", estimate: 2s }
  b: { needs: [a], run: "true", estimate: 3s }
  c: { needs: [a], run: "true", estimate: 1s }
  d: { needs: [b, c], run: "true", estimate: 1s }
`;

function makeFolder(): string {
  const folder = makeTemporaryFolder();
  mkdirSync(join(folder, '.orch/workflows'), { recursive: true });
  writeFileSync(join(folder, '.orch/workflows/ship.yaml'), WORKFLOW);
  return folder;
}

test('a name is found in .orch/workflows, and the plan has the fields that scripts rely on', async () => {
  const { code, document } = await runOrchJson(['plan', 'ship', '--what-if', '1,4'], {
    cwd: makeFolder(),
  });
  expect(document).toMatchObject({
    workflow: 'ship',
    workspace: 'in-place',
    concurrency: 2,
    critical_path: ['a', 'b', 'd'],
    critical_path_s: 6,
    work_s: 7,
    what_if: [{ concurrency: 1, makespan_s: 7 }, { concurrency: 4 }],
  });
  expect(code).toBe(0);
});

test('people get aligned lines without a terminal, the critical path marked', async () => {
  const { stdout, stderr } = await runOrch(['plan', 'ship', '--concurrency', '4'], {
    cwd: makeFolder(),
  });
  expect(stdout).toContain('ship: 4 steps in 1 wave, 4 at once, in-place');
  expect(stdout).toMatch(/\nstep +needs +start +end +estimate\n\* a +0s +2s +2s\n/);
  expect(stderr).toBe('');
});

test.for([
  { format: 'mermaid', begin: /^flowchart LR\n/ },
  { format: 'dot', begin: /^digraph "ship" \{\n/ },
  { format: 'json', begin: /^\{"workflow":"ship","nodes":/ },
])('--graph $format prints the graph alone', async ({ format, begin }) => {
  const { stdout } = await runOrch(['plan', 'ship', '--graph', format], { cwd: makeFolder() });
  expect(stdout).toMatch(begin);
});

test('a graph with --json is one document as well', async () => {
  const cwd = makeFolder();
  const graph = await runOrchJson(['plan', 'ship', '--graph', 'json'], { cwd });
  expect(graph.document).toHaveProperty('nodes');
  const dot = await runOrchJson(['plan', 'ship', '--graph', 'dot'], { cwd });
  expect(dot.document).toMatchObject({ format: 'dot', graph: expect.stringContaining('digraph') });
});

test('inputs that are given must fit; those that are missing are no obstacle to a plan', async () => {
  const cwd = makeFolder();
  const fits = await runOrch(['plan', 'ship', '--input', 'count=3'], { cwd });
  expect(fits.code).toBe(0);
  const wrong = await runOrchJson(['plan', 'ship', '--input', 'count=many'], { cwd });
  expect(wrong).toMatchObject({ code: 2, document: { error: { code: 'ORCH_INVALID_INPUT' } } });
});

test.for([
  { args: ['--what-if', '2,x'] },
  { args: ['--concurrency', '0'] },
  { args: ['--graph', 'svg'] },
  { args: ['--workspace', 'moon'] },
])('$args is wrong use', async ({ args }) => {
  const { code, document } = await runOrchJson(['plan', 'ship', ...args], { cwd: makeFolder() });
  expect(document).toHaveProperty('error.code', 'ORCH_USAGE');
  expect(code).toBe(2);
});

test('a file that is not there is named', async () => {
  const { code, document } = await runOrchJson(['plan', 'nothing'], { cwd: makeFolder() });
  expect(document).toHaveProperty('error.code', 'ORCH_FILE_NOT_FOUND');
  expect(code).toBe(2);
});

test('settings that nothing acts on are named, by plan and by run', async () => {
  const cwd = makeFolder();
  const file = join(cwd, '.orch/workflows/ship.yaml');
  writeFileSync(file, `budget: { usd: 5 }\nnotify: { on: [failed], to: [slack] }\n${WORKFLOW}`);
  writeFileSync(join(cwd, '.orch/config.yaml'), 'limits: { memory: 1GB }\n');
  const names = 'without effect in this version: notify, limits (.orch/config.yaml)';
  const plan = await runOrch(['plan', 'ship'], { cwd });
  expect(plan).toMatchObject({ code: 0, stderr: `note: ${names}\n` });
  spawnSync('git', ['init', '-q'], { cwd });
  const run = await runOrch(['run', 'ship', '--input', 'target=x', '--json'], { cwd });
  expect(run.stderr).toContain(`note: ${names}\n`);
});
