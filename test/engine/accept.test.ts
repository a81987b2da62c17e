/**
 * `orch accept` through the program: the branch and the index move together, what the user edited or
 * staged since is never lost, what does not go is refused with nothing changed, and a crash in the
 * middle is finished by asking again.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type History,
  listing,
  makeHistory,
  placesOf,
  sealedTree,
  userState,
  workTreeListing,
} from './history-stage.ts';

const text = (history: History, path: string) =>
  readFileSync(history.repository.path(path), 'utf8');

/** `git status` without what the test itself knows of. */
const status = ({ repository }: History) => repository.git('status', '--porcelain');

describe('the result on the branch', () => {
  test('merged: the checkpoints are in the history, the files stay, nothing is left to commit', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    const base = repository.git('rev-parse', 'HEAD');
    const files = workTreeListing(repository);
    const result = await history.json(['accept']);
    const head = repository.git('rev-parse', 'HEAD');
    expect(result).toMatchObject({
      run,
      outcome: 'accepted',
      how: 'merge',
      commit: head,
      branch: 'main',
      wave: 3,
    });
    const tip = repository.git('rev-parse', `orch/${run}`);
    expect(repository.git('log', '-1', '--format=%P')).toBe(`${base} ${tip}`);
    expect(repository.git('log', '-1', '--format=%s')).toBe('orch: accept history');
    expect(workTreeListing(repository)).toBe(files);
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
    expect(existsSync(repository.path(`.orch/runs/${run}/report.md`))).toBe(true);
    expect((await history.orch(['audit'])).code).toBe(0);
  });

  test('squashed: one commit with one parent', async () => {
    using history = await makeHistory({ dirty: false });
    const base = history.repository.git('rev-parse', 'HEAD');
    await history.json(['accept', '--squash']);
    expect(history.repository.git('log', '-1', '--format=%P')).toBe(base);
    expect(listing(history.repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
  });

  test('wound forward: the branch is at the checkpoint itself', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    await history.json(['accept', '--ff']);
    expect(repository.git('rev-parse', 'main')).toBe(repository.git('rev-parse', `orch/${run}`));
    expect(status(history)).toBe('');
  });

  test('the checkpoint at which the work tree stands is what is brought', async () => {
    using history = await makeHistory({ dirty: false });
    await history.json(['rollback', '--to', '1']);
    expect(await history.json(['accept'])).toMatchObject({ wave: 1 });
    expect(listing(history.repository, 'HEAD')).toBe(sealedTree(history, 1));
    expect(status(history)).toBe('');
  });

  test('a later checkpoint can be brought after an earlier one', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    await history.json(['rollback', '--to', '1']);
    await history.json(['accept']);
    await history.json(['rollback', '--to', '3']);
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'accepted', wave: 3 });
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
    await history.json(['audit']);
    const { stdout } = await history.orch(['show']);
    expect(stdout).toMatch(new RegExp(`^${run}: passed, accepted\n`));
    expect(stdout).not.toContain('next:');
  });

  test('a second time it says that it was accepted, and moves nothing', async () => {
    using history = await makeHistory({ dirty: false });
    const first = await history.json(['accept']);
    const before = userState(history.repository);
    const second = await history.json(['accept', '--squash']);
    expect(second).toEqual({ ...first, outcome: 'before', wave: null });
    expect(userState(history.repository)).toBe(before);
  });

  test('after the branch was taken back, it is accepted anew; so on another branch', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.git('branch', 'rel');
    await history.json(['accept']);
    repository.git('reset', '-q', '--hard', 'HEAD~1');
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'accepted', branch: 'main' });
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
    repository.git('checkout', '-q', 'rel');
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'accepted', branch: 'rel' });
    expect(listing(repository, 'rel')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'before', branch: 'rel' });
  });

  test('a detached HEAD moves, and no branch', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    const main = repository.git('rev-parse', 'main');
    repository.git('checkout', '-q', '--detach');
    expect(await history.json(['accept'])).toMatchObject({ branch: null });
    expect(repository.git('rev-parse', 'main')).toBe(main);
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
  });

  test('checkpoints that were put on the current branch are there already', async () => {
    using history = await makeHistory({ dirty: false, args: ['--commit-to', 'current'] });
    const before = userState(history.repository);
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'there', how: null });
    expect(userState(history.repository)).toBe(before);
  });

  test('so is a run that was merged by hand', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    repository.git('stash', '-q', '--include-untracked');
    repository.git('merge', '-q', '--no-ff', '-m', 'by hand', `orch/${run}`);
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'there' });
    expect(history.read().state.accepted?.rescue).toBeNull();
  });
});

describe("the user's own work", () => {
  test('uncommitted changes from before the run come only when asked for', async () => {
    using history = await makeHistory();
    const before = userState(history.repository);
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({
      code: 'ORCH_UNCOMMITTED',
      fix: `orch accept ${history.run} --merge --include-uncommitted`,
    });
    expect(String((error as { message: string }).message)).toContain('kept.txt, untracked.txt');
    expect(userState(history.repository)).toBe(before);
    await history.json(['accept', '--include-uncommitted']);
    expect(listing(history.repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
  });

  test('edits since the run stay as uncommitted changes, staged content stays in the rescue', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.write('one.txt', 'edited since\n');
    repository.write('kept.txt', 'staged\n');
    repository.git('add', 'kept.txt');
    repository.write('kept.txt', 'and edited again\n');
    repository.write('mine.txt', 'mine\n');
    repository.remove('two.txt');
    const files = workTreeListing(repository);
    const { rescue } = await history.json(['accept']);
    expect(workTreeListing(repository)).toBe(files);
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(status(history)).toBe(' M kept.txt\n M one.txt\n D two.txt\n?? mine.txt');
    expect(repository.git('show', `${rescue}:kept.txt`)).toBe('staged');
  });

  test('so do edits in a file whose name is not UTF-8', async () => {
    const workflow =
      'name: history\nsteps: { a: { run: \'for f in caf?.txt; do echo run > "$f"; done\' } }\n';
    using history = await makeHistory({ dirty: false, workflow, names: ['caf\xe9.txt'] });
    const { repository } = history;
    const path = Buffer.concat([
      Buffer.from(`${repository.top}/`),
      Buffer.from('caf\xe9.txt', 'latin1'),
    ]);
    expect(readFileSync(path, 'utf8')).toBe('run\n');
    writeFileSync(path, 'edited since\n');
    await history.json(['accept']);
    expect(readFileSync(path, 'utf8')).toBe('edited since\n');
    expect(repository.git('diff', 'HEAD^', 'HEAD', '--', '*.txt')).toContain('+run');
  });

  test('a work tree that is without the changes of the run gets them', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.git('stash', '-q', '--include-untracked');
    expect(existsSync(repository.path('one.txt'))).toBe(false);
    await history.json(['accept']);
    expect(status(history)).toBe('');
    expect(text(history, 'kept.txt')).toBe('changed\n');
    expect(existsSync(repository.path('gone.txt'))).toBe(false);
    expect(lstatSync(repository.path('one.txt')).mode & 0o111).not.toBe(0);
  });

  test('one that has only an edit of the user in their place keeps it and gets the others', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.git('stash', '-q', '--include-untracked');
    repository.write('one.txt', 'mine\n');
    await history.json(['accept']);
    expect(status(history)).toBe(' M one.txt');
    expect(text(history, 'one.txt')).toBe('mine\n');
    expect(text(history, 'two.txt')).toBe('two\n');
  });

  test('what was ignored when the run began is in no pin, though a step has rewritten .gitignore', async () => {
    using history = await makeHistory({
      dirty: false,
      workflow: "name: history\nsteps:\n  one: { run: 'echo nothing > .gitignore' }\n",
    });
    const { repository } = history;
    await history.json(['accept']);
    const pins = repository.git(
      'for-each-ref',
      '--format=%(objectname)',
      'refs/orch',
      'refs/heads',
    );
    const objects = repository.git('rev-list', '--objects', ...pins.split('\n'));
    expect(objects).toContain(' .gitignore');
    expect(objects).not.toContain('ignored');
  });

  test('a file that git was told to assume unchanged is named, kept, and still assumed so', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.write(
      '.orch/workflows/hidden.yaml',
      'name: hidden\nsteps:\n  one: { run: echo changed >> kept.txt; echo 1 > hidden.txt }\n',
    );
    repository.commitAll('second');
    repository.git('update-index', '--assume-unchanged', 'kept.txt');
    const { stdout } = await history.orch(['run', 'hidden', '--json']);
    const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(summary).toMatchObject({
      status: 'passed',
      left_out: [{ path: 'kept.txt', reason: 'assume_unchanged' }],
    });
    await history.json(['accept', summary.run]);
    expect(repository.git('show', 'HEAD:hidden.txt')).toBe('1');
    expect(repository.git('ls-files', '-v', 'kept.txt')).toBe('h kept.txt');
    expect(text(history, 'kept.txt')).toMatch(/changed\n$/);
  });

  test('there, an ignored file in the way is named and kept', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.git('stash', '-q', '--include-untracked');
    repository.write('.git/info/exclude', 'one.txt\n');
    repository.write('one.txt', 'mine, and ignored\n');
    const before = userState(repository);
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({ code: 'ORCH_IN_THE_WAY' });
    expect(text(history, 'one.txt')).toBe('mine, and ignored\n');
    expect(userState(repository)).toBe(before);
  });
});

describe('a branch that has moved', () => {
  test('is merged with, and changes of both are in the files', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.write('other.txt', 'by the user\n');
    repository.git('add', 'other.txt');
    repository.git('commit', '-qm', 'meanwhile', '--', 'other.txt');
    await history.json(['accept']);
    expect(status(history)).toBe('');
    expect(text(history, 'other.txt')).toBe('by the user\n');
    expect(text(history, 'one.txt')).toBe('one\n');
    expect(repository.git('show', 'HEAD:other.txt')).toBe('by the user');
    expect(repository.git('show', 'HEAD:one.txt')).toBe('one');
  });

  test('on another branch, its files follow', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    repository.git('stash', '-q', '--include-untracked');
    repository.git('checkout', '-qb', 'feature');
    repository.write('gone-too.txt', 'feature\n');
    symlinkSync('gone-too.txt', repository.path('link'));
    repository.commitAll('feature');
    expect(await history.json(['accept', '--squash'])).toMatchObject({ branch: 'feature' });
    expect(status(history)).toBe('');
    expect(text(history, 'one.txt')).toBe('one\n');
    expect(text(history, 'link')).toBe('feature\n');
  });

  test('in conflict, the paths are named and nothing has changed', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    const own = text(history, 'kept.txt');
    repository.write('kept.txt', 'the user says otherwise\n');
    repository.git('commit', '-qm', 'meanwhile', '--', 'kept.txt');
    repository.write('kept.txt', own);
    const before = `${userState(repository)}${workTreeListing(repository)}`;
    const refs = repository.git('for-each-ref', 'refs/orch');
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({ code: 'ORCH_MERGE_CONFLICT' });
    expect(String((error as { message: string }).message)).toContain('kept.txt');
    expect(`${userState(repository)}${workTreeListing(repository)}`).toBe(before);
    expect(repository.git('for-each-ref', 'refs/orch')).toBe(refs);
  });

  test('cannot be wound forward', async () => {
    using history = await makeHistory({ dirty: false });
    history.repository.git('commit', '-q', '--allow-empty', '-m', 'meanwhile');
    const { error } = await history.json(['accept', '--ff'], 4);
    expect(error).toMatchObject({ code: 'ORCH_NOT_FAST_FORWARD' });
  });
});

describe('refused, with nothing changed', () => {
  test('where a link of the user stands in the place of the records', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    const elsewhere = `${repository.folder}/elsewhere`;
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, repository.path('.orch/runs'));
    const before = userState(repository);
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({ code: 'ORCH_IN_THE_WAY' });
    expect(userState(repository)).toBe(before);
    expect(readlinkSync(repository.path('.orch/runs'))).toBe(elsewhere);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('a failed run', async () => {
    using history = await makeHistory({ fails: true });
    const before = userState(history.repository);
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({
      code: 'ORCH_NOT_ACCEPTABLE',
      fix: `orch resume ${history.run} --retry-failed, then: orch accept ${history.run}`,
    });
    expect(userState(history.repository)).toBe(before);
  });

  test('a run that was taken back to its beginning', async () => {
    using history = await makeHistory({ dirty: false });
    const { run } = history;
    await history.json(['rollback', '--to', '0']);
    const before = userState(history.repository);
    expect((await history.json(['status']))['last_run']).toMatchObject({
      next: `orch rollback ${run} --to 3`,
    });
    expect(await history.json(['accept'], 4)).toMatchObject({
      error: {
        code: 'ORCH_NOT_ACCEPTABLE',
        fix: `orch rollback ${run} --to 3, then: orch accept ${run}`,
      },
    });
    expect(userState(history.repository)).toBe(before);
    await history.json(['rollback', '--to', '3']);
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'accepted', wave: 3 });
  });

  test("on the run's own branch", async () => {
    using history = await makeHistory({ dirty: false });
    history.repository.git('symbolic-ref', 'HEAD', `refs/heads/orch/${history.run}`);
    const { error } = await history.json(['accept'], 4);
    expect(error).toMatchObject({ code: 'ORCH_NOT_ACCEPTABLE' });
  });

  test('unmerged paths in the index, and a merge under way', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository } = history;
    const before = userState(repository);
    repository.write('.git/MERGE_HEAD', `${repository.git('rev-parse', 'HEAD')}\n`);
    expect((await history.json(['accept'], 4))['error']).toMatchObject({ code: 'ORCH_GIT_BUSY' });
    repository.remove('.git/MERGE_HEAD');
    expect(userState(repository)).toBe(before);
    const blob = repository.git('rev-parse', 'HEAD:kept.txt');
    const stages = [1, 2, 3].map((stage) => `100644 ${blob} ${stage}\tkept.txt`).join('\n');
    repository.write('stages', `${stages}\n`);
    repository.git('rm', '-q', '--cached', 'kept.txt');
    repository.git('-c', 'alias.feed=!git update-index --index-info < stages', 'feed');
    expect((await history.json(['accept'], 4))['error']).toMatchObject({ code: 'ORCH_GIT_BUSY' });
  });

  test('two ways at once', async () => {
    using history = await makeHistory({ dirty: false });
    const { error } = await history.json(['accept', '--squash', '--ff'], 2);
    expect(error).toMatchObject({ code: 'ORCH_USAGE' });
  });
});

describe('cut short', () => {
  test('killed at every persisted effect, a second accept ends in the same state', {
    timeout: 600_000,
  }, async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    // Without the files of the run, so that accepting has to write them.
    repository.git('stash', '-q', '--include-untracked');
    repository.write('mine.txt', 'staged\n');
    repository.git('add', 'mine.txt');
    repository.write('mine.txt', 'and edited\n');
    history.save();
    const places = await placesOf(history, ['accept']);
    const shape = () => ({
      head: listing(repository, 'HEAD'),
      parents: repository.git('log', '-1', '--format=%P'),
      status: status(history),
      files: workTreeListing(repository),
      accepted: history.read().state.accepted?.how,
      open: history.read().state.acceptOpen,
      record: existsSync(repository.path(`.orch/runs/${run}/run.json`)),
    });
    const expected = shape();
    expect(expected.accepted).toBe('merge');
    expect(expected.status).toBe('?? mine.txt');
    expect(text(history, 'one.txt')).toBe('one\n');
    expect(places.length).toBeGreaterThan(20);
    for (const place of places) {
      history.restore();
      const crashed = await history.orch(['accept'], { ORCH_CRASH: place });
      expect(crashed.signal, place).toBe('SIGKILL');
      const finished = await history.orch(['accept']);
      expect(finished.code, `${place}: ${finished.stderr}`).toBe(0);
      expect(shape(), place).toEqual(expected);
      const { rescue } = history.read().state.accepted ?? {};
      expect(repository.git('show', `${rescue}:mine.txt`), place).toBe('staged');
    }
  });
});
