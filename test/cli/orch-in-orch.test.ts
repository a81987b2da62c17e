/** A step that runs orch itself: what the outer run says to its job is nothing to the jobs of the inner one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { orchProgram } from '../rig/program.ts';
import { makeRepository } from '../rig/repository.ts';
import { makeStage } from '../rig/workflow-stage.ts';

const PRINT = 'env | sort | grep "^ORCH_" >';

test('jobs of an orch that runs in a step see their own variables, and none of the step', async () => {
  using inner = makeRepository();
  inner.write(
    'inner.yaml',
    `name: inner
inputs: { mine: { default: here } }
steps:
  s: { run: '${PRINT} ../step' }
gates:
  - { name: g, level: light, run: '${PRINT} ../gate; test -z "$ORCH_OUTPUT"' }
`,
  );
  inner.commitAll('first');
  const { run } = makeStage();
  const program = `ORCH_OF_USER=kept "${process.execPath}" "${orchProgram()}" -C "$INNER" run inner.yaml`;
  const outcome = await run(`inputs: { theirs: { default: outside } }
env: { INNER: ${JSON.stringify(inner.top)} }
steps:
  outer: { matrix: { k: [v] }, run: ${JSON.stringify(program)} }
`);
  expect(outcome.code, outcome.stdout).toBe(0);
  const seen = (name: string) => namesIn(join(inner.folder, name));
  const everywhere = ['ORCH_INPUT_MINE', 'ORCH_OF_USER', 'ORCH_RUN'];
  const ofStep = ['ORCH_ATTEMPT', 'ORCH_OUTPUT', 'ORCH_STEP', 'ORCH_WAVE'];
  expect(seen('step')).toEqual([...everywhere, ...ofStep].sort());
  expect(seen('gate')).toEqual([...everywhere, 'ORCH_GATE', 'ORCH_WAVE'].sort());
});

function namesIn(path: string): string[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.slice(0, line.indexOf('='))).sort();
}
