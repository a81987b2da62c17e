/**
 * `orch rollback` through the program: what it brings back, what it never touches, what it leaves
 * behind, and that neither a crash nor an edit in the middle of it loses anything.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runOrch, startOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';
import {
  type History,
  listing,
  makeHistory,
  placesOf,
  sealedTree,
  userState,
  workTreeListing,
} from './history-stage.ts';

const holdingWorkflow = (command: string) =>
  `name: hold\nsteps:\n  wait:\n    run: ${JSON.stringify(command)}\n`;

const EMPTY_COMMIT = ['commit', '-q', '--allow-empty', '-m', 'lib'];

const text = (history: History, path: string) =>
  readFileSync(history.repository.path(path), 'utf8');

test('what was left out when the run began is not deleted, although the run could take it in since', async () => {
  using repository = makeRepository();
  repository.write(
    'shrink.yaml',
    "name: shrink\nsteps: { a: { run: 'echo small > data.db; rm -r inner/.git; echo a > a.txt' } }\n",
  );
  repository.commitAll('first');
  repository.write('data.db', Buffer.alloc(12_000_000));
  repository.write('inner/mine.txt', 'mine\n');
  repository.git('init', '-q', 'inner');
  const { run } = await runToEnd(repository, 'run', 'shrink.yaml');
  expect(repository.git('ls-tree', '-r', '--name-only', `orch/${run}`)).not.toContain('data.db');
  const back = await runOrch(['rollback', '--to', '0'], { cwd: repository.top });
  expect(back.code, back.stderr).toBe(0);
  expect(existsSync(repository.path('a.txt'))).toBe(false);
  expect(readFileSync(repository.path('data.db'), 'utf8')).toBe('small\n');
  expect(readFileSync(repository.path('inner/mine.txt'), 'utf8')).toBe('mine\n');
});

describe('back and forward', () => {
  test('every checkpoint can be gone to, from every other, and nothing of git moves', async () => {
    using history = await makeHistory();
    const { repository, run } = history;
    const before = userState(repository);
    let rescues = 0;
    for (const wave of [0, 3, 1, 2, 0]) {
      const leaving = workTreeListing(repository);
      const result = await history.json(['rollback', '--to', String(wave)]);
      rescues += 1;
      expect(workTreeListing(repository)).toBe(sealedTree(history, wave));
      expect(result).toEqual({
        run,
        to: wave,
        rescue: `refs/orch/rescue/${run}/${rescues}`,
        restored: history.read().state.checkpoints[wave]?.commit,
        tree: history.read().state.checkpoints[wave]?.tree,
        worktree: repository.top,
        left_out: [],
        not_restored: [],
      });
      expect(listing(repository, String(result['rescue']))).toBe(leaving);
      expect(listing(repository, String(result['tree']))).toBe(sealedTree(history, wave));
    }
    expect(userState(repository)).toBe(before);
    expect(text(history, 'ignored/secret')).toBe('stays\n');
    expect(text(history, 'kept.txt')).toBe('edited\n');
    expect(text(history, 'untracked.txt')).toBe('untracked\n');
    expect((await history.orch(['audit'])).code).toBe(0);
  });

  test('what was done after the run is in the rescue, and comes back from it', async () => {
    using history = await makeHistory();
    const { repository } = history;
    repository.write('later/work.txt', 'precious\n');
    repository.write('one.txt', 'edited by hand\n');
    const { rescue } = await history.json(['rollback', '--to', '0']);
    expect(existsSync(repository.path('later'))).toBe(false);
    expect(repository.git('show', `${rescue}:later/work.txt`)).toBe('precious');
    expect(repository.git('show', `${rescue}:one.txt`)).toBe('edited by hand');
  });

  test('a force-added file that is ignored is brought back and stays in later snapshots', async () => {
    using history = await makeHistory({
      workflow: `
name: history
steps:
  one: { run: 'rm forced.log; echo x > one.txt' }
`,
      args: ['--quiet'],
    });
    // The run above had no such file; this one has.
    const { repository } = history;
    repository.write('.gitignore', 'ignored/\n*.log\n');
    repository.write('forced.log', 'tracked though ignored\n');
    repository.git('add', '-f', 'forced.log', '.gitignore');
    repository.git('commit', '-qm', 'forced');
    const again = await history.orch(['run', 'history']);
    expect(again.code).toBe(0);
    expect(existsSync(repository.path('forced.log'))).toBe(false);
    await history.json(['rollback', '--to', '0']);
    expect(text(history, 'forced.log')).toBe('tracked though ignored\n');
    const { rescue } = await history.json(['rollback', '--to', '1']);
    expect(repository.git('show', `${rescue}:forced.log`)).toBe('tracked though ignored');
  });

  test('a pruning git gc does not take the trees that rollbacks need', async () => {
    using history = await makeHistory();
    const { repository } = history;
    const target = sealedTree(history, 0);
    repository.git('reflog', 'expire', '--expire=now', '--all');
    repository.git('gc', '--prune=now', '-q');
    await history.json(['rollback', '--to', '0']);
    expect(workTreeListing(repository)).toBe(target);
  });

  test('records of other runs in the work tree are left alone', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    const other = '.orch/runs/other-261121-aaaa/run.json';
    repository.write(other, '{}\n');
    await history.json(['accept']);
    await history.json(['rollback', '--to', '0']);
    expect(text(history, other)).toBe('{}\n');
    expect(existsSync(repository.path(`.orch/runs/${run}/run.json`))).toBe(true);
    expect(existsSync(repository.path('one.txt'))).toBe(false);
  });
});

describe('refused, with nothing changed', () => {
  test('an ignored file in the way is named, and exit is 4', async () => {
    using history = await makeHistory();
    const { repository } = history;
    await history.json(['rollback', '--to', '0']);
    repository.write('.git/info/exclude', 'one.txt\n');
    repository.write('one.txt', 'mine, and ignored\n');
    const before = workTreeListing(repository);
    const refs = repository.git('for-each-ref');
    const { error } = await history.json(['rollback', '--to', '3'], 4);
    expect(error).toMatchObject({
      code: 'ORCH_IN_THE_WAY',
      message: '1 file that no checkpoint holds is in the way: one.txt; nothing was changed',
    });
    expect(text(history, 'one.txt')).toBe('mine, and ignored\n');
    expect(workTreeListing(repository)).toBe(before);
    expect(repository.git('for-each-ref')).toBe(refs);
    repository.remove('one.txt');
    await history.json(['rollback', '--to', '3']);
    expect(text(history, 'one.txt')).toBe('one\n');
  });

  test.for([
    { name: 'a wave without checkpoint', args: ['--to', '9'], code: 'ORCH_NO_SUCH_CHECKPOINT' },
    { name: 'no wave', args: [], code: 'ORCH_USAGE' },
    { name: 'a wave that is no number', args: ['--to', 'one'], code: 'ORCH_USAGE' },
    { name: 'an unknown run', args: ['nothing', '--to', '0'], code: 'ORCH_NO_SUCH_RUN' },
  ])('$name', { timeout: 60_000 }, async ({ args, code }) => {
    using history = await makeHistory();
    const before = workTreeListing(history.repository);
    const { error } = await history.json(['rollback', ...args], 2);
    expect(error).toMatchObject({ code });
    expect(workTreeListing(history.repository)).toBe(before);
  });
});

describe('while others are at work', () => {
  test('a living run says who holds it; its orphaned steps are named once it was killed', async () => {
    using history = await makeHistory();
    const { repository, run } = history;
    const folder = makeTemporaryFolder();
    const steering = await openSteering(folder);
    repository.write('hold.yaml', holdingWorkflow(steering.command('hold')));
    const before = workTreeListing(repository);
    const orch = startOrch(['run', 'hold.yaml'], { cwd: repository.top });
    const step = await steering.started('hold');
    const locked = await history.json(['rollback', run, '--to', '0'], 4);
    expect(locked['error']).toMatchObject({
      code: 'ORCH_LOCKED',
      message: expect.stringContaining(`process ${orch.pid} (run hold)`),
    });
    const isGone = once(orch, 'close');
    orch.kill('SIGKILL');
    await isGone;
    for (const args of [
      ['rollback', run, '--to', '0'],
      ['accept', run],
    ]) {
      const { error } = await history.json(args, 4);
      expect(error).toMatchObject({ code: 'ORCH_STEPS_RUNNING' });
    }
    expect(workTreeListing(repository)).toBe(before);
    await step.exit(0);
    await history.json(['rollback', run, '--to', '0']);
    expect(existsSync(repository.path('one.txt'))).toBe(false);
  });
});

describe('what cannot be restored', () => {
  /** With a workflow `move` whose step commits inside the submodule `lib`. */
  async function makeSubmoduleHistory(end: string): Promise<History> {
    const history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.git('init', '-q', '../lib');
    repository.git('-C', '../lib', '-c', 'user.name=x', '-c', 'user.email=x', ...EMPTY_COMMIT);
    repository.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'add',
      '../lib',
      'lib',
    );
    repository.write(
      '.orch/workflows/move.yaml',
      `name: move\non_failure: rollback\nsteps:\n  one: { run: git -C lib ${EMPTY_COMMIT.join(' ')}; echo one > one.md; ${end} }\n`,
    );
    repository.commitAll('with lib');
    return history;
  }

  test('the commit of a submodule stays, and is named with what brings it back', async () => {
    using history = await makeSubmoduleHistory('exit 0');
    const { repository } = history;
    const before = repository.git('-C', 'lib', 'rev-parse', 'HEAD');
    expect((await history.orch(['run', 'move'])).code).toBe(0);
    const after = repository.git('-C', 'lib', 'rev-parse', 'HEAD');
    expect(await history.json(['rollback', '--to', '0'])).toMatchObject({ not_restored: ['lib'] });
    expect(existsSync(repository.path('one.md'))).toBe(false);
    expect(repository.git('-C', 'lib', 'rev-parse', 'HEAD')).toBe(after);
    await history.json(['rollback', '--to', '1']);
    const { stdout } = await history.orch(['rollback', '--to', '0']);
    expect(stdout).toContain(`submodule lib; to bring it back too: git -C lib checkout ${before}`);
  });

  test('on_failure: rollback names it too', async () => {
    using history = await makeSubmoduleHistory('exit 1');
    const { code, stdout, stderr } = await history.orch(['run', 'move']);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('rolled back to wave 0, but not restored: lib');
  });
});

describe('going on afterwards', () => {
  test('a failed run does the waves after the checkpoint again, and those alone', async () => {
    using history = await makeHistory({ fails: true });
    expect(history.read().state.status).toBe('failed');
    history.failing(false);
    await history.json(['rollback', '--to', '1']);
    expect(existsSync(history.repository.path('two.txt'))).toBe(false);
    expect((await history.orch(['resume'])).code).toBe(0);
    expect(history.begun()).toEqual({ one: 1, two: 2, three: 2 });
    const { state } = history.read();
    expect(state.status).toBe('passed');
    // The second 2 says how the run ended the first time.
    expect(state.checkpoints.map(({ wave }) => wave)).toEqual([0, 1, 2, 2, 2, 3]);
    expect((await history.orch(['audit'])).stdout).toContain('agree');
    expect(text(history, 'three.txt')).toBe('3\n');
  });

  test('a crash while the waves are done again does not do them a third time', async () => {
    using history = await makeHistory({ fails: true });
    history.failing(false);
    await history.json(['rollback', '--to', '1']);
    const crashed = await history.orch(['resume'], { ORCH_CRASH: 'git update-ref:before#2' });
    expect(crashed.signal).toBe('SIGKILL');
    expect((await history.orch(['resume'])).code).toBe(0);
    expect(history.begun()).toEqual({ one: 1, two: 2, three: 2 });
  });

  test('a run that was killed does its open wave again from the checkpoint', async () => {
    using history = await makeHistory({ fails: true });
    const { repository } = history;
    await history.orch(['resume', '--retry-failed'], { ORCH_CRASH: 'git update-ref:before#1' });
    expect(history.read().state.status).toBe('running');
    history.failing(false);
    await history.json(['rollback', '--to', '2']);
    expect(workTreeListing(repository)).toBe(sealedTree(history, 2));
    expect((await history.orch(['resume'])).code).toBe(0);
    expect(history.read().state.status).toBe('passed');
    expect(history.begun()).toEqual({ one: 1, two: 1, three: 3 });
  });

  test('on_failure: rollback leaves a finished run that only a retry takes up', async () => {
    using history = await makeHistory({
      fails: true,
      workflow: `
name: history
on_failure: rollback
waves: { max: 10, min_steps: 1 }
steps:
  one: { wave: 1, run: 'echo one >> "$COUNTS"; echo one > one.txt' }
  two: { wave: 2, needs: [one], run: 'echo two >> "$COUNTS"; echo mess > mess.txt; test ! -e "$FAIL"' }
`,
    });
    expect(existsSync(history.repository.path('mess.txt'))).toBe(false);
    expect((await history.orch(['resume'])).stderr).toContain('nothing to resume');
    expect(history.begun()).toEqual({ one: 1, two: 1 });
    history.failing(false);
    expect((await history.orch(['resume', '--retry-failed'])).code).toBe(0);
    expect(history.begun()).toEqual({ one: 1, two: 2 });
    expect(text(history, 'mess.txt')).toBe('mess\n');
  });

  test('a wave that is being done again is no place to go to', async () => {
    using history = await makeHistory({ fails: true });
    await history.json(['rollback', '--to', '1']);
    await history.orch(['resume'], { ORCH_CRASH: 'git update-ref:before#1' });
    const { error } = await history.json(['rollback', '--to', '2'], 2);
    expect(error).toMatchObject({ code: 'ORCH_NO_SUCH_CHECKPOINT' });
    await history.json(['rollback', '--to', '1']);
  });
});

describe('cut short', () => {
  const finishers = [
    { name: 'resume', args: ['resume'] },
    { name: 'a second rollback', args: ['rollback', '--to', '0'] },
  ];

  test.for(finishers)(
    'killed at every persisted effect, $name finishes it',
    {
      timeout: 600_000,
    },
    async ({ args }) => {
      using history = await makeHistory();
      const { repository } = history;
      repository.write('later.txt', 'precious\n');
      const leaving = workTreeListing(repository);
      history.save();
      const places = await placesOf(history, ['rollback', '--to', '0']);
      const target = workTreeListing(repository);
      expect(target).toBe(sealedTree(history, 0));
      expect(places.length).toBeGreaterThan(20);
      const git = userState(repository);
      for (const place of places) {
        history.restore();
        const crashed = await history.orch(['rollback', '--to', '0'], { ORCH_CRASH: place });
        expect(crashed.signal, place).toBe('SIGKILL');
        const wasBegun = history
          .read()
          .journal.events.some(({ type }) => type === 'rollback.started');
        const finished = await history.orch(args);
        // Before it was recorded nothing has changed, and a resume has nothing to finish.
        const isDone = wasBegun || args[0] === 'rollback';
        expect(finished.code, `${place}: ${finished.stderr}`).toBe(0);
        expect(workTreeListing(repository), place).toBe(isDone ? target : leaving);
        expect(userState(repository), place).toBe(git);
        expect(text(history, 'ignored/secret'), place).toBe('stays\n');
        if (isDone) {
          const refs = repository.git('for-each-ref', '--format=%(refname)', 'refs/orch/rescue');
          const held = refs.split('\n').map((ref) => listing(repository, ref));
          expect(held, place).toContain(leaving);
        }
      }
    },
  );

  test('status, show and list say so, and what to type', async () => {
    using history = await makeHistory();
    const { run } = history;
    await history.orch(['rollback', '--to', '0'], { ORCH_CRASH: 'restore-delete:after#1' });
    const words = 'passed, and a rollback to wave 0 is half done';
    const next = `orch rollback ${run} --to 0`;
    expect((await history.orch(['show'])).stdout).toMatch(
      new RegExp(`^${run}: ${words}\n[^]*next: ${next}\n$`),
    );
    const status = (await history.orch(['status'])).stdout;
    expect(status).toContain('and a rollback to wave 0 is half done');
    expect(status).toContain(`next: ${next}\n`);
    expect((await history.orch(['list'])).stdout).toContain('passed, rollback half done');
    expect((await history.json(['status']))['last_run']).toMatchObject({
      next,
      rollback_open: { to: 0, rescue: `refs/orch/rescue/${run}/1` },
    });
    await history.json(['rollback', '--to', '0']);
    expect((await history.json(['status']))['last_run']).toMatchObject({ rollback_open: null });
  });

  test('a file that was edited before it is finished is in a rescue of its own', async () => {
    using history = await makeHistory();
    const { repository } = history;
    await history.orch(['rollback', '--to', '0'], { ORCH_CRASH: 'restore-delete:after#1' });
    repository.write('kept.txt', 'typed in between\n');
    repository.write('new.txt', 'new in between\n');
    expect((await history.orch(['resume'])).code).toBe(0);
    expect(text(history, 'kept.txt')).toBe('edited\n');
    const second = `refs/orch/rescue/${history.run}/2`;
    expect(repository.git('show', `${second}:kept.txt`)).toBe('typed in between');
    expect(repository.git('show', `${second}:new.txt`)).toBe('new in between');
  });
});
