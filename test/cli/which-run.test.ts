/** Which run is meant when none is named, and what is said of runs that are not here. */
import { cpSync, existsSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, runToEnd } from '../rig/runs.ts';

const WAITS = 'name: waits\nsteps: { ok: { approval: { message: go? } } }\n';
const PASSES = 'name: passes\nsteps: { a: { run: echo a > a.txt } }\n';
const FAILS = "name: fails\nsteps: { a: { run: 'exit 3' } }\n";

function makeProject(): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('waits.yaml', WAITS);
  repository.write('passes.yaml', PASSES);
  repository.write('fails.yaml', FAILS);
  repository.commitAll('first');
  return repository;
}

describe('without a name', () => {
  test('resume means the newest run that is not over, and with --retry-failed one that failed', async () => {
    const repository = makeProject();
    const failed = await runToEnd(repository, 'run', 'fails.yaml');
    const waiting = await runToEnd(repository, 'run', 'waits.yaml');
    const passed = await runToEnd(repository, 'run', 'passes.yaml');
    expect((await runToEnd(repository, 'resume')).run).toBe(waiting.run);
    await runOrch(['cancel', waiting.run], { cwd: repository.top });
    expect((await runToEnd(repository, 'resume')).run).toBe(passed.run);
    const retried = await runToEnd(repository, 'resume', failed.run, '--retry-failed');
    expect(retried).toMatchObject({ run: failed.run, code: 1 });
    expect((await runToEnd(repository, 'resume', '--retry-failed')).run).toBe(waiting.run);
  });

  test('cancel means the newest run that is not over', async () => {
    const repository = makeProject();
    const waiting = await runToEnd(repository, 'run', 'waits.yaml');
    await runToEnd(repository, 'run', 'passes.yaml');
    const { document } = await runOrchJson(['cancel'], { cwd: repository.top });
    expect(document).toMatchObject({ run: waiting.run });
  });

  test('a run of another work tree is not meant; named, it is changed there, and that is said', async () => {
    const repository = makeProject();
    const other = join(repository.folder, 'other tree');
    repository.git('worktree', 'add', '-q', '-b', 'other', other);
    const { run } = await runToEnd(repository, 'run', 'passes.yaml');
    for (const command of [['rollback', '--to', '0'], ['resume'], ['accept'], ['cancel']]) {
      const { code, document } = await runOrchJson(command, { cwd: other });
      expect([command[0], code], JSON.stringify(document)).toEqual([command[0], 2]);
      const error = { code: 'ORCH_NO_SUCH_RUN', message: 'no run was made in this work tree' };
      expect(document).toMatchObject({ error });
    }
    expect(existsSync(repository.path('a.txt'))).toBe(true);
    const back = await runOrch(['rollback', run, '--to', '0'], { cwd: other });
    expect(back.stdout).toContain(`  in the work tree ${repository.top}\n`);
    expect(existsSync(repository.path('a.txt'))).toBe(false);
    const here = await runOrchJson(['rollback', '--to', '1'], { cwd: repository.top });
    expect(here.document).toMatchObject({ run, worktree: repository.top });
  });
});

test('the newest run is the one that began last, whenever its files were written', async () => {
  const repository = makeProject();
  const first = await runToEnd(repository, 'run', 'fails.yaml');
  const second = await runToEnd(repository, 'run', 'passes.yaml');
  const folder = (run: string) => repository.path(`.git/orch/runs/${run}`);
  const now = new Date();
  utimesSync(join(folder(first.run), 'run.json'), now, now);
  const { document } = await runOrchJson(['show', '@latest'], { cwd: repository.top });
  expect(document).toMatchObject({ run: second.run });
  // Of another day, and without a record that says so.
  const old = 'fails-250101-zzzz';
  cpSync(folder(first.run), folder(old), { recursive: true });
  writeFileSync(join(folder(old), 'run.json'), '');
  const list = await runOrchJson(['list'], { cwd: repository.top });
  expect(list.document).toMatchObject({
    runs: [{ run: second.run }, { run: first.run }, { run: old }],
  });
});

describe('in a copy of the repository', () => {
  test('a command changes the copy and leaves the original alone', async () => {
    const repository = makeProject();
    const { run } = await runToEnd(repository, 'run', 'passes.yaml');
    const waiting = await runToEnd(repository, 'run', 'waits.yaml');
    const copy = join(repository.folder, 'copy');
    cpSync(repository.top, copy, { recursive: true });
    const gone = await runOrch(['cancel'], { cwd: copy });
    expect(gone.stdout).toContain(waiting.run);
    const back = await runOrchJson(['rollback', run, '--to', '0'], { cwd: copy });
    expect(back.document).toMatchObject({ run, worktree: copy });
    expect(existsSync(join(copy, 'a.txt'))).toBe(false);
    expect(existsSync(repository.path('a.txt'))).toBe(true);
    expect((await runToEnd(repository, 'resume', waiting.run)).code).toBe(75);
  });

  test('a moved repository goes on, and a work tree of another one is refused', async () => {
    const repository = makeProject();
    const linked = join(repository.folder, 'linked');
    repository.git('worktree', 'add', '-q', '-b', 'side', linked);
    const { run } = asRunOutcome(await runOrch(['run', 'waits.yaml', '--json'], { cwd: linked }));
    const copy = join(repository.folder, 'copy');
    cpSync(repository.top, copy, { recursive: true });
    for (const command of [
      ['rollback', run, '--to', '0'],
      ['resume', run],
      ['cancel', run],
    ]) {
      const { code, document } = await runOrchJson(command, { cwd: copy });
      expect([command[0], code], JSON.stringify(document)).toEqual([command[0], 3]);
      expect(document).toMatchObject({ error: { code: 'ORCH_WORKTREE_GONE' } });
    }
    const { run: main } = await runToEnd(repository, 'run', 'passes.yaml');
    const moved = join(repository.folder, 'moved');
    renameSync(repository.top, moved);
    const back = await runOrchJson(['rollback', main, '--to', '0'], { cwd: moved });
    expect(back.document).toMatchObject({ run: main, worktree: moved });
  });
});

describe('in a clone', () => {
  function cloneOf(repository: TestRepository): string {
    const clone = join(repository.folder, 'clone');
    repository.git('clone', '-q', repository.top, clone);
    return clone;
  }

  test('commands that need the files of a run say that they are elsewhere', async () => {
    const repository = makeProject();
    const { run } = await runToEnd(repository, 'run', 'waits.yaml');
    const clone = cloneOf(repository);
    for (const command of ['resume', 'logs', 'wait', 'cancel']) {
      for (const name of [[], [run]]) {
        const { code, document } = await runOrchJson([command, ...name], { cwd: clone });
        expect([command, code], JSON.stringify(document)).toEqual([command, 2]);
        const { error } = document as { error: { code: string; message: string } };
        expect(error.code).toBe('ORCH_NO_SUCH_RUN');
        expect(error.message).toContain(`run ${run} was made elsewhere`);
      }
    }
  });

  test('a rollback without a name takes the newest branch of a run, a remote one too', async () => {
    const repository = makeProject();
    const { run, summary } = await runToEnd(repository, 'run', 'passes.yaml');
    const clone = cloneOf(repository);
    const { code, document } = await runOrchJson(['rollback', '--to', '1'], { cwd: clone });
    expect([code, document]).toMatchObject([0, { run, to: 1, worktree: clone }]);
    expect(existsSync(join(clone, 'a.txt'))).toBe(true);
    const tip = repository.git('-C', clone, 'rev-parse', `refs/heads/orch/${run}`);
    expect(tip).toBe(summary.checkpoints.at(-1)?.commit);
    expect((await runOrch(['audit', run], { cwd: clone })).code).toBe(0);
  });
});
