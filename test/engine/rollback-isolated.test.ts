/**
 * `orch rollback` of an isolated run: what the run goes on from is taken back, no file of the user
 * changes, and nothing that was merged is lost.
 */

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type History,
  listing,
  makeHistory,
  placesOf,
  sealedTree,
  userState,
  workTreeListing,
} from './history-stage.ts';

const ISOLATED = ['--workspace', 'isolated'];

/** Staged, edited and untracked work, which lies beside what the run does. */
function dirty({ repository }: Pick<History, 'repository'>): void {
  repository.write('kept.txt', 'staged\n');
  repository.git('add', 'kept.txt');
  repository.write('kept.txt', 'edited\n');
  repository.write('one.txt', 'mine\n');
}

const users = ({ repository }: History) =>
  [
    repository.git('status', '--porcelain', '--ignored'),
    userState(repository),
    workTreeListing(repository),
  ].join('\n');

/** Tree of what the run goes on from. */
const tip = ({ repository, run }: History) => listing(repository, `refs/orch/merged/${run}`);

const stderrOf = (outcome: { readonly stderr: string }) => outcome.stderr;

describe('of a run that passed', () => {
  let history: History;

  beforeAll(async () => {
    history = await makeHistory({ dirty: false, args: ISOLATED });
    history.save();
  });
  afterAll(() => history[Symbol.dispose]());

  test('back and forward, no file changes, and accept brings what it stands at', async () => {
    history.restore();
    const { repository, run } = history;
    dirty(history);
    const before = users(history);
    const held = repository.git('rev-parse', `refs/orch/merged/${run}`);
    const { stdout } = await history.orch(['rollback', '--to', '1']);
    expect(stdout).toContain('no file was changed');
    expect(stdout).not.toContain('work tree');
    expect(tip(history)).toBe(sealedTree(history, 1));
    expect(repository.git('rev-list', `refs/orch/merged/${run}`)).toContain(held);
    expect(repository.git('for-each-ref', '--format=%(objectname)', 'refs/orch/rescue')).toBe(held);
    expect((await history.orch(['show'])).stdout).toMatch(/wave 1 .* the run stands here/);
    expect(await history.json(['show'])).toMatchObject({ stands_at: 1 });
    expect((await history.orch(['resume'])).stderr).toContain('nothing to resume');

    const forward = await history.json(['rollback', '--to', '3']);
    expect(forward).toMatchObject({ to: 3, worktree: null });
    expect(tip(history)).toBe(sealedTree(history, 3));
    await history.json(['rollback', '--to', '1']);
    expect(users(history)).toBe(before);
    expect((await history.orch(['audit'])).stdout).toContain('agree');

    repository.git('reset', '-q', '--hard');
    repository.remove('one.txt');
    expect(await history.json(['accept'])).toMatchObject({ wave: 1 });
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 1));
    expect(repository.git('status', '--porcelain')).toBe('');
    await history.json(['rollback', '--to', '3']);
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'accepted', wave: 3 });
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(repository.git('status', '--porcelain')).toBe('');
  });

  test('to where it began, there is nothing to bring', async () => {
    history.restore();
    await history.json(['rollback', '--to', '0']);
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({
      code: 'ORCH_NOT_ACCEPTABLE',
      message: expect.not.stringContaining('work tree') as string,
      fix: `orch rollback ${history.run} --to 3, then: orch accept ${history.run}`,
    });
  });

  test('while a run works in the work tree, which it leaves alone', async () => {
    history.restore();
    const { repository } = history;
    repository.write(
      '.orch/workflows/slow.yaml',
      'name: slow\nsteps: { wait: { run: \'n=0; while test ! -e "$FAIL" -a $n -lt 2000; do n=$((n+1)); sleep 0.05; done\' } }\n',
    );
    const started = await history.json(['run', 'slow', '--detach']);
    expect(await history.json(['rollback', history.run, '--to', '1'])).toMatchObject({ to: 1 });
    const { error } = await history.json(['accept', history.run], 4);
    expect(error).toMatchObject({ code: 'ORCH_LOCKED' });
    history.failing(true);
    expect((await history.orch(['wait', String(started['run'])])).code).toBe(0);
    history.failing(false);
  });

  test('killed at every persisted effect, a second one finishes it', {
    timeout: 600_000,
  }, async () => {
    history.restore();
    dirty(history);
    const places = await placesOf(history, ['rollback', '--to', '1']);
    for (const place of places) {
      history.restore();
      dirty(history);
      const before = users(history); // A file written anew has other times in the index.
      const crashed = await history.orch(['rollback', '--to', '1'], { ORCH_CRASH: place });
      expect(crashed.signal, place).toBe('SIGKILL');
      const isBegun = history.read().state.rollbackOpen !== undefined;
      const finished = await history.orch(isBegun ? ['resume'] : ['rollback', '--to', '1']);
      expect(`${place}: ${finished.code} ${finished.stderr}`).toMatch(/: 0 /);
      expect(tip(history), place).toBe(sealedTree(history, 1));
      expect(history.read().state, place).toMatchObject({ standsAt: 1, status: 'passed' });
      expect(history.read().state.rollbackOpen, place).toBeUndefined();
      expect(users(history), place).toBe(before);
    }
    expect(places.length).toBeGreaterThan(5);
  });
});

describe('of a run that failed', () => {
  test('resume does the later waves again, on what the checkpoint holds', async () => {
    using history = await makeHistory({ dirty: false, fails: true, args: ISOLATED });
    dirty(history);
    const before = users(history);
    const { stdout } = await history.orch(['rollback', '--to', '1']);
    expect(stdout).toContain(`orch resume ${history.run}`);
    history.failing(false);
    const resumed = await history.orch(['resume']);
    expect(resumed.code, stderrOf(resumed)).toBe(0);
    expect(history.begun()).toEqual({ one: 1, two: 2, three: 2 });
    expect(history.read().state.status).toBe('passed');
    expect(listing(history.repository, `orch/${history.run}`)).toBe(tip(history));
    expect((await history.orch(['audit'])).stdout).toContain('agree');
    expect(users(history)).toBe(before);
  });

  test('on_failure: rollback takes back what the failed wave had merged', async () => {
    using history = await makeHistory({
      dirty: false,
      fails: true,
      args: ISOLATED,
      workflow: `
name: history
on_failure: rollback
waves: { max: 10, min_steps: 1 }
steps:
  one: { wave: 1, run: 'echo one >> "$COUNTS"; echo one > one.txt' }
  two: { wave: 2, needs: [one], run: 'echo two >> "$COUNTS"; echo two > two.txt' }
  bad: { wave: 2, needs: [two], run: 'echo bad >> "$COUNTS"; test ! -e "$FAIL"' }
`,
    });
    const { repository, run } = history;
    expect(history.read().state).toMatchObject({ status: 'failed', standsAt: 1 });
    expect(tip(history)).toBe(sealedTree(history, 1));
    expect(existsSync(repository.path('one.txt'))).toBe(false);
    expect((await history.orch(['resume'])).stderr).toContain('nothing to resume');
    history.failing(false);
    const retried = await history.orch(['resume', '--retry-failed']);
    expect(retried.code, stderrOf(retried)).toBe(0);
    expect(repository.git('show', `orch/${run}:two.txt`)).toBe('two');
    expect(repository.git('show', `orch/${run}:one.txt`)).toBe('one');
    expect((await history.orch(['audit'])).stdout).toContain('agree');
  });
});
