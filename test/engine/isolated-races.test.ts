/**
 * Two isolated runs at once in one repository, beside a user who commits, collects garbage, rebases,
 * prunes worktrees and stashes all the time. Afterwards everything is there, and right.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { readRun } from '../../src/engine/read-run.ts';
import { assertNoProcess } from '../rig/processes.ts';
import { asRunOutcome } from '../rig/runs.ts';
import { expectAllFreed, makeIsolated } from './isolated-stage.ts';

const ROUNDS = process.env['ORCH_LONG_TESTS'] ? 200 : 4;

/** What fails is written down; only `gc` may, when another one is at work. */
const USER = `
n=0
must() { "$@" >/dev/null 2>>../user-errors || echo "failed: $*" >> ../user-failed; }
while test ! -e ../stop; do
  n=$((n+1))
  echo $n >> mine.txt; must git commit -qam "user $n"
  git gc -q --prune=now >/dev/null 2>&1
  must git worktree prune
  echo $n >> stashed.txt; must git stash -q; must git stash pop -q; must git checkout -q stashed.txt
  must git checkout -q -b side HEAD~1; echo $n > side.txt; must git add side.txt; must git commit -qm "side $n"
  must git rebase -q main; must git checkout -q main; must git merge -q --ff-only side; must git branch -q -d side
done
echo $n > ../user-rounds
`;

function workflow(name: string): string {
  return `
concurrency: 3
steps:
  # The garbage collection may take what a step's own git has just written, and no ref holds yet.
  part: { wave: 1, matrix: { k: [1, 2, 3] }, retry: { max_attempts: 5, backoff: 10ms }, run: 'echo ${name}-$ORCH_MATRIX_K > part-$ORCH_MATRIX_K.txt; git add -A; git commit -qm mine' }
  sum: { wave: 2, needs: [part], run: 'cat part-*.txt > sum.txt; test -f mine.txt' }
gates:
  - { name: there, level: light, run: 'test -f part-1.txt' }
`;
}

test('nothing is lost, mixed up or damaged', { timeout: 3_600_000 }, async () => {
  const stage = makeIsolated({ 'mine.txt': '0\n', 'stashed.txt': '0\n', 'side.txt': '0\n' });
  const { repository } = stage;
  repository.commitAll('second');
  for (const name of ['left', 'right']) {
    repository.write(`../${name}.yaml`, `name: ${name}\nworkspace: isolated\n${workflow(name)}`);
  }
  const user = spawn('sh', ['-c', USER], { cwd: repository.top, stdio: 'ignore' });
  const userEnded = once(user, 'close');
  const runs: string[] = [];
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      const names = ['left', 'right'];
      const outcomes = await Promise.all(
        names.map((name) => stage.orch('run', join('..', `${name}.yaml`), '--json')),
      );
      for (const [at, outcome] of outcomes.entries()) {
        expect(
          `round ${round}: ${outcome.code} ${outcome.stderr}${outcome.stdout.slice(-600)}`,
        ).toMatch(/: 0 /);
        const run = stage.asRun(asRunOutcome(outcome));
        const parts = [1, 2, 3].map((k) => `${names[at]}-${k}`);
        expect(run.file('sum.txt')).toBe(parts.join('\n'));
        expect(run.ends('sum')).toHaveLength(1);
        runs.push(run.run);
      }
    }
  } finally {
    writeFileSync(join(repository.folder, 'stop'), '');
    await userEnded;
  }
  expect(stage.notes('user-failed'), stage.notes('user-errors').join('\n')).toEqual([]);
  const rounds = Number(stage.notes('user-rounds')[0]);
  expect(repository.git('rev-list', '--count', 'main')).toBe(`${2 + rounds * 2}`);
  expect(repository.git('status', '--porcelain')).toBe('');
  expect(repository.git('fsck', '--strict', '--no-dangling')).toBe('');
  expect(new Set(runs).size).toBe(ROUNDS * 2);
  for (const run of runs) {
    expect(readRun(createFiles(), repository.path('.git'), run).state.status).toBe('passed');
    expect(repository.git('cat-file', '-t', `refs/orch/attempts/${run}/sum/1`)).toBe('commit');
    assertNoProcess({ ORCH_RUN: run });
  }
  expectAllFreed(stage);
});
