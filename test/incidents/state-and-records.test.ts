/**
 * What users of other orchestrators suffered with the state that these kept, told again with orch in
 * their place. Each test is named after the incident.
 */
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeIsolated } from '../engine/isolated-stage.ts';
import { outcomeOf, runOrch } from '../rig/cli.ts';
import { openTestRepository } from '../rig/repository.ts';
import { asRunOutcome } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

// Whole runs, with dozens of processes each.
vi.setConfig({ testTimeout: 300_000 });

test('ids collide and writes land in the wrong tree: two checkouts had the same run, and a tool wrote to the main one', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const { repository, env } = stage;
  repository.git('worktree', 'add', '-q', '-b', 'side', '../linked');
  const linked = openTestRepository(join(repository.folder, 'linked'), repository.folder);
  repository.write(
    '../w.yaml',
    'name: same\nworkspace: isolated\nsteps:\n  a: { run: "pwd > where.txt" }\n',
  );
  const start = (cwd: string) =>
    runOrch(['run', join(repository.folder, 'w.yaml'), '--json'], { cwd, env });
  const outcomes = await Promise.all([start(repository.top), start(linked.top), start(linked.top)]);
  const runs = outcomes.map((outcome) => stage.asRun(asRunOutcome(outcome)));
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(new Set(runs.map(({ run }) => run)).size).toBe(3);
  for (const run of runs) expect(run.file('where.txt')).toContain(env['XDG_CACHE_HOME']);
  for (const checkout of [repository, linked])
    expect(checkout.git('status', '--porcelain')).toBe('');
});

test('a merge overwrites the orchestrator’s own records: agents brought old state files back', async () => {
  const stage = makeIsolated({ '.orch/project.md': 'phase 1\n', 'code.txt': 'base\n' });
  const run = await stage.run(`
concurrency: 1
conflicts: { policy: theirs }
steps:
  one: { run: 'echo old > .orch/project.md; mkdir -p .orch/runs; cp -r .orch .orch-copy; echo one > code.txt' }
  two: { needs: [one], run: 'rm -rf .orch; echo two > code.txt' }
  three: { needs: [two], run: 'cat .orch/project.md > seen.txt; git rm -rq --cached .orch; git commit -qm "no records"' }
`);
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  expect(run.file('.orch/project.md')).toBe('phase 1');
  expect(run.file('seen.txt')).toBe('phase 1');
  expect(run.file('code.txt')).toBe('two');
  expect(run.file(`.orch/runs/${run.run}/run.json`)).toBeDefined();
  const { code, stdout } = await stage.orch('audit', run.run);
  expect(`${code} ${stdout}`).toMatch(/^0 /);
});

test('resume re-runs, skips or lies: what was done was done again, what was not done counted as done', async () => {
  const stage = makeIsolated({ 'a.txt': 'a\n' });
  const steering = await openSteering(makeTemporaryFolder());
  const child = stage.start(`
steps:
  done: { run: 'echo done >> "$NOTES/ran"; echo done > done.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  half: { needs: [done], run: "echo half >> $NOTES/ran; echo half > half.txt; ${steering.command('half')}" }
  last: { needs: [half], env: { ID: "\${{ steps.done.outputs.id }}" }, run: 'echo last >> "$NOTES/ran"; cat done.txt half.txt > last.txt; echo "$ID" >> last.txt' }
gates:
  - { name: verify, level: light, run: 'echo gate-$ORCH_WAVE >> "$NOTES/gates"; test ! -e half.txt || test -e last.txt' }
`);
  const killed = outcomeOf(child);
  const half = await steering.started('half');
  child.kill('SIGKILL');
  await killed;
  const resumed = stage.orch('resume', '--json');
  await half.exit(0); // It ran on without orch, and is not begun again.
  const run = stage.asRun(asRunOutcome(await resumed));
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  expect(stage.notes('ran')).toEqual(['done', 'half', 'last']);
  expect(run.file('last.txt')).toBe('done\nhalf\n7');
  expect(stage.notes('gates').length).toBeGreaterThan(0);
  // Resumed once more, there is nothing to do.
  expect((await stage.orch('resume', run.run)).code).toBe(0);
  expect(stage.notes('ran')).toHaveLength(3);
});

test('a worktree lacks its surroundings: no .env, no dependencies, and two servers on one port', async () => {
  const stage = makeIsolated({
    '.gitignore': '.env*\ndeps/\n',
    '.worktreeinclude': '.env.local\n',
    '.orch/config.yaml':
      'worktree: { setup: "mkdir -p deps; echo installed > deps/x", include: [.env], ports: 1 }\n',
  });
  stage.repository.write('.env', 'A=1\n');
  stage.repository.write('.env.local', 'B=2\n');
  stage.repository.write('.env.other', 'C=3\n');
  const both =
    'n=0; while test $(cat "$NOTES/ports" | wc -l) -lt 2; do n=$((n+1)); test $n -lt 1200 || exit 9; sleep 0.05; done';
  const run = await stage.run(`
concurrency: 2
steps:
  agent: { matrix: { k: [1, 2] }, run: 'cat .env .env.local deps/x > "$NOTES/seen-$ORCH_MATRIX_K"; test ! -e .env.other; echo $ORCH_PORT >> "$NOTES/ports"; ${both}' }
`);
  expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
  for (const k of [1, 2]) expect(stage.notes(`seen-${k}`)).toEqual(['A=1', 'B=2', 'installed']);
  expect(new Set(stage.notes('ports')).size).toBe(2);
});
