/**
 * `orch accept` of a run whose steps worked elsewhere: its files come into the work tree, and what the
 * user has there, staged or not, tracked or not, is never changed.
 */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestRepository } from '../rig/repository.ts';
import {
  type History,
  type HistoryOptions,
  listing,
  makeHistory,
  placesOf,
  sealedTree,
  userState,
  workTreeListing,
} from './history-stage.ts';

const ISOLATED = ['--workspace', 'isolated'];

async function makeIsolated(options: HistoryOptions = {}): Promise<History> {
  return await makeHistory({ dirty: false, args: ISOLATED, ...options });
}

/** A run that began on a clean work tree; most tests begin anew from its end. */
let ended: History;

beforeAll(async () => {
  ended = await makeIsolated({ names: ['a', 'b', 'c', 'd', 'e'] });
  ended.save();
});

afterAll(() => ended[Symbol.dispose]());

function again(): History {
  ended.restore();
  return ended;
}

const text = (history: History, path: string) =>
  readFileSync(history.repository.path(path), 'utf8');

const status = ({ repository }: History) => repository.git('status', '--porcelain');

/** Everything that a refused accept must not change. */
const everything = ({ repository }: History) =>
  [
    // First, because it brings the index up to the files.
    repository.git('status', '--porcelain', '--ignored'),
    userState(repository),
    workTreeListing(repository),
    repository.git('for-each-ref', 'refs/orch/rescue'),
  ].join('\n');

async function refused(history: History, args: readonly string[], code: string): Promise<string> {
  const before = everything(history);
  const { error } = await history.json(['accept', ...args], 4);
  expect(error).toMatchObject({ code });
  expect(everything(history)).toBe(before);
  const { message, fix } = error as { message: string; fix: string };
  return `${message}\n${fix}`;
}

describe('the result on the branch', () => {
  test('merged: the files of the run are there, nothing is left to commit', async () => {
    const history = again();
    const { repository, run } = history;
    const base = repository.git('rev-parse', 'HEAD');
    expect(existsSync(repository.path('one.txt'))).toBe(false);
    expect(await history.json(['accept'])).toMatchObject({
      run,
      outcome: 'accepted',
      how: 'merge',
      branch: 'main',
      wave: 3,
    });
    const tip = repository.git('rev-parse', `orch/${run}`);
    expect(repository.git('log', '-1', '--format=%P')).toBe(`${base} ${tip}`);
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(workTreeListing(repository)).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
    expect(lstatSync(repository.path('one.txt')).mode & 0o111).not.toBe(0);
    expect(existsSync(repository.path('gone.txt'))).toBe(false);
    expect(existsSync(repository.path(`.orch/runs/${run}/report.md`))).toBe(true);
    expect(text(history, 'ignored/secret')).toBe('stays\n');
    expect((await history.orch(['audit'])).code).toBe(0);
    expect(await history.json(['accept'])).toMatchObject({ outcome: 'before' });
  });

  test('as one commit, and wound forward', async () => {
    const history = again();
    const { repository, run } = history;
    const base = repository.git('rev-parse', 'HEAD');
    await history.json(['accept', '--squash']);
    expect(repository.git('log', '-1', '--format=%P')).toBe(base);
    expect(workTreeListing(repository)).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
    repository.git('reset', '-q', '--hard', base);
    await history.json(['accept', '--ff']);
    expect(repository.git('rev-parse', 'main')).toBe(repository.git('rev-parse', `orch/${run}`));
    expect(workTreeListing(repository)).toBe(sealedTree(history, 3));
    expect(status(history)).toBe('');
  });

  test('on a branch that has moved, with what both have changed', async () => {
    const history = again();
    const { repository } = history;
    repository.write('other.txt', 'by the user\n');
    repository.commitAll('meanwhile');
    expect((await history.json(['accept', '--ff'], 4))['error']).toMatchObject({
      code: 'ORCH_NOT_FAST_FORWARD',
    });
    await history.json(['accept']);
    expect(status(history)).toBe('');
    expect(text(history, 'other.txt')).toBe('by the user\n');
    expect(text(history, 'one.txt')).toBe('one\n');
    expect(repository.git('show', 'HEAD:other.txt')).toBe('by the user');
  });

  test('where HEAD is detached, in another worktree, and on a branch without commits', async () => {
    const history = again();
    const { repository } = history;
    const main = repository.git('rev-parse', 'main');
    repository.git('checkout', '-q', '--detach');
    expect(await history.json(['accept'])).toMatchObject({ branch: null });
    expect(repository.git('rev-parse', 'main')).toBe(main);
    expect(status(history)).toBe('');
    repository.git('checkout', '-q', 'main');

    const linked = `${repository.folder}/linked`;
    repository.git('worktree', 'add', '-q', '-b', 'side', linked);
    const beside = openTestRepository(linked, repository.folder);
    const before = `${userState(repository)}${workTreeListing(repository)}`;
    const { code, stderr } = await history.orch(['-C', linked, 'accept', history.run]);
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    expect(beside.git('status', '--porcelain')).toBe('');
    expect(listing(beside, 'HEAD')).toBe(sealedTree(history, 3));
    expect(readFileSync(`${linked}/one.txt`, 'utf8')).toBe('one\n');
    expect(`${userState(repository)}${workTreeListing(repository)}`).toBe(before);

    repository.git('checkout', '-q', '--orphan', 'fresh');
    repository.git('rm', '-rqf', '.');
    await history.json(['accept', '--merge']);
    expect(repository.git('rev-parse', 'fresh')).toBe(
      repository.git('rev-parse', `orch/${history.run}`),
    );
    expect(status(history)).toBe('');
  });
});

describe("the user's own work", () => {
  test('in files that the run leaves alone stays as it is: staged, edited, both, new, removed', async () => {
    const history = again();
    const { repository } = history;
    repository.write('a', 'edited\n');
    repository.write('b', 'staged\n');
    repository.git('add', 'b');
    repository.write('c', 'staged\n');
    repository.git('add', 'c');
    repository.write('c', 'and edited\n');
    repository.remove('d');
    repository.git('rm', '-q', 'e');
    repository.write('staged-new', 'new\n');
    repository.git('add', 'staged-new');
    repository.write('intended', 'later\n');
    repository.git('add', '--intent-to-add', 'intended');
    repository.write('untracked', 'mine\n');
    const before = status(history);
    const entries = repository.git('ls-files', '-s', 'a', 'b', 'c', 'd', 'staged-new', 'intended');
    await history.json(['accept']);
    expect(status(history)).toBe(before);
    expect(repository.git('ls-files', '-s', 'a', 'b', 'c', 'd', 'staged-new', 'intended')).toBe(
      entries,
    );
    expect(text(history, 'a')).toBe('edited\n');
    expect(text(history, 'c')).toBe('and edited\n');
    expect(text(history, 'untracked')).toBe('mine\n');
    expect(existsSync(repository.path('d'))).toBe(false);
    expect(listing(repository, 'HEAD')).toBe(sealedTree(history, 3));
    expect(text(history, 'one.txt')).toBe('one\n');
  });

  test('a file whose name is not UTF-8 comes with its bytes', async () => {
    const workflow =
      'name: history\nsteps: { a: { run: \'for f in caf?.txt; do echo run > "$f"; done\' } }\n';
    using history = await makeIsolated({ workflow, names: ['caf\xe9.txt'] });
    const { repository } = history;
    await history.json(['accept']);
    const path = Buffer.concat([
      Buffer.from(`${repository.top}/`),
      Buffer.from('caf\xe9.txt', 'latin1'),
    ]);
    expect(readFileSync(path, 'utf8')).toBe('run\n');
    expect(status(history)).toBe('');
  });

  test('what is there already as the run has it is nothing to write', async () => {
    const history = again();
    const { repository, run } = history;
    repository.git('checkout', '-q', `orch/${run}`, '--', 'one.txt', 'kept.txt');
    repository.git('reset', '-q', '--', 'one.txt');
    await history.json(['accept']);
    expect(status(history)).toBe('');
    expect(workTreeListing(repository)).toBe(sealedTree(history, 3));
  });

  test.for([
    { name: 'an edit', change: (h: History) => h.repository.write('kept.txt', 'mine\n') },
    {
      name: 'a staged edit',
      change: ({ repository }: History) => {
        repository.write('kept.txt', 'mine\n');
        repository.git('add', 'kept.txt');
      },
    },
    {
      name: 'one that is staged and nowhere else',
      change: ({ repository }: History) => {
        repository.write('kept.txt', 'mine\n');
        repository.git('add', 'kept.txt');
        repository.write('kept.txt', 'kept\n');
      },
    },
    { name: 'a removed file', change: (h: History) => h.repository.remove('kept.txt') },
    { name: 'a new file', change: (h: History) => h.repository.write('one.txt', 'mine\n') },
    {
      name: 'an ignored file',
      change: ({ repository }: History) => {
        repository.write('.git/info/exclude', 'one.txt\n');
        repository.write('one.txt', 'mine\n');
      },
    },
    {
      name: 'a folder',
      change: ({ repository }: History) => repository.write('one.txt/mine', 'mine\n'),
    },
    {
      name: 'a file that git was told not to look at',
      change: ({ repository }: History) => {
        repository.git('update-index', '--assume-unchanged', 'kept.txt');
        repository.write('kept.txt', 'mine\n');
      },
    },
  ])(
    '$name where the run has changed something refuses, and nothing has changed',
    async ({ change }) => {
      const history = again();
      change(history);
      const said = await refused(history, [], 'ORCH_IN_THE_WAY');
      expect(said).toMatch(/kept\.txt|one\.txt/);
      expect(said).toContain(`orch accept ${history.run}`);
    },
  );

  test('a file of the user where the run has made a folder is named', async () => {
    using history = await makeIsolated({
      workflow: "name: history\nsteps:\n  a: { run: 'mkdir made; echo 1 > made/it' }\n",
    });
    history.repository.write('made', 'mine\n');
    expect(await refused(history, [], 'ORCH_IN_THE_WAY')).toContain('made');
  });

  test('put aside as the refusal says, it can be accepted', async () => {
    const history = again();
    const { repository } = history;
    repository.write('kept.txt', 'mine\n');
    repository.write('a', 'mine\n');
    await refused(history, [], 'ORCH_IN_THE_WAY');
    repository.git('stash', '-q', '--include-untracked');
    await history.json(['accept']);
    expect(status(history)).toBe('');
  });
});

describe('a run that began on uncommitted changes', () => {
  const workflow = `
name: history
steps:
  one: { run: 'echo one > one.txt; sed -i "s/^last$/changed/" kept.txt' }
`;
  const KEPT = 'first\n\n\n\n\n\nlast\n';
  const EDITED = KEPT.replace('first', 'mine');

  /** `kept.txt` has an uncommitted edit above what the run changes; beside it is an untracked file. */
  async function makeDirty(staged: boolean): Promise<History> {
    const made = await makeIsolated({
      workflow,
      prepare(repository) {
        repository.write('kept.txt', KEPT);
        repository.commitAll('second');
        repository.write('kept.txt', EDITED);
        repository.write('untracked.txt', 'untracked\n');
        if (staged) repository.git('add', 'kept.txt');
      },
    });
    made.save();
    return made;
  }

  let dirty: History;
  beforeAll(async () => {
    dirty = await makeDirty(false);
  });
  afterAll(() => dirty[Symbol.dispose]());
  const dirtyAgain = () => {
    dirty.restore();
    return dirty;
  };

  test.for(['--merge', '--ff'])('wants to be asked for them with %s', async (how) => {
    const history = dirtyAgain();
    const said = await refused(history, [how], 'ORCH_UNCOMMITTED');
    expect(said).toContain('kept.txt, untracked.txt');
    expect(said).toContain(`orch accept ${history.run} ${how} --include-uncommitted`);
    expect(said).toContain('--squash');
    await history.json(['accept', how, '--include-uncommitted']);
    expect(status(history)).toBe('');
    expect(text(history, 'kept.txt')).toBe(EDITED.replace('last', 'changed'));
    expect(history.repository.git('show', 'HEAD:untracked.txt')).toBe('untracked');
  });

  test.for([false, true])(
    'is squashed without them, and they stay uncommitted (staged: %s)',
    async (staged) => {
      using history = await makeDirty(staged);
      const { repository } = history;
      await history.json(['accept', '--squash']);
      expect(repository.git('show', 'HEAD:kept.txt')).toBe(
        KEPT.replace('last', 'changed').trimEnd(),
      );
      expect(repository.git('show', 'HEAD:one.txt')).toBe('one');
      expect(text(history, 'kept.txt')).toBe(EDITED.replace('last', 'changed'));
      expect(status(history)).toBe(' M kept.txt\n?? untracked.txt');
      expect(existsSync(repository.path(`.orch/runs/${history.run}/run.json`))).toBe(true);
    },
  );

  test('they are no longer asked for once they are committed', async () => {
    const history = dirtyAgain();
    history.repository.commitAll('mine');
    await history.json(['accept']);
    expect(status(history)).toBe('');
    expect(text(history, 'kept.txt')).toBe(EDITED.replace('last', 'changed'));
  });

  test('what builds on them cannot be told apart, and the refusal says what to type', async () => {
    using history = await makeHistory({ args: ISOLATED });
    const said = await refused(history, ['--squash'], 'ORCH_MERGE_CONFLICT');
    expect(said).toContain('kept.txt');
    expect(said).toContain(`orch accept ${history.run} --squash --include-uncommitted`);
    await history.json(['accept', '--squash', '--include-uncommitted']);
    expect(status(history)).toBe('');
    expect(listing(history.repository, 'HEAD')).toBe(sealedTree(history, 3));
  });

  test('edited once more, they are in the way', async () => {
    const history = dirtyAgain();
    history.repository.write('kept.txt', EDITED.replace('mine', 'mine again'));
    await refused(history, ['--merge', '--include-uncommitted'], 'ORCH_IN_THE_WAY');
    await refused(history, ['--squash'], 'ORCH_IN_THE_WAY');
  });
});

describe('a conflict with commits made meanwhile', () => {
  test('is listed, and nothing has changed', async () => {
    const history = again();
    const { repository } = history;
    repository.write('kept.txt', 'the user says otherwise\n');
    repository.commitAll('meanwhile');
    const said = await refused(history, [], 'ORCH_MERGE_CONFLICT');
    expect(said).toContain('kept.txt');
    expect(said).toContain(`git merge orch/${history.run}`);
  });
});

describe('cut short', () => {
  test('killed at every persisted effect, a second accept ends in the same state', {
    timeout: 1_200_000,
  }, async () => {
    using history = await makeIsolated();
    const { repository, run } = history;
    repository.write('mine.txt', 'staged\n');
    repository.git('add', 'mine.txt');
    repository.write('mine.txt', 'and edited\n');
    history.save();
    const places = await placesOf(history, ['accept']);
    const shape = () => ({
      head: listing(repository, 'HEAD'),
      parents: repository.git('log', '-1', '--format=%P'),
      status: status(history),
      staged: repository.git('show', ':mine.txt'),
      files: workTreeListing(repository),
      accepted: history.read().state.accepted?.how,
      open: history.read().state.acceptOpen,
      record: existsSync(repository.path(`.orch/runs/${run}/run.json`)),
    });
    const expected = shape();
    expect(expected).toMatchObject({ accepted: 'merge', status: 'AM mine.txt', staged: 'staged' });
    expect(text(history, 'one.txt')).toBe('one\n');
    expect(places.length).toBeGreaterThan(20);
    for (const place of places) {
      history.restore();
      const crashed = await history.orch(['accept'], { ORCH_CRASH: place });
      expect(crashed.signal, place).toBe('SIGKILL');
      const finished = await history.orch(['accept']);
      expect(finished.code, `${place}: ${finished.stderr}`).toBe(0);
      expect(shape(), place).toEqual(expected);
    }
  });

  test('what the user edits and stages before it is finished is kept', async () => {
    const history = again();
    const { repository } = history;
    const crashed = await history.orch(['accept'], { ORCH_CRASH: 'restore-begun:before#1' });
    expect(crashed.signal).toBe('SIGKILL');
    repository.write('kept.txt', 'mine\n');
    repository.write('three.txt', 'mine too\n');
    repository.git('add', 'three.txt');
    expect((await history.orch(['accept'])).code).toBe(0);
    expect(text(history, 'kept.txt')).toBe('mine\n');
    expect(repository.git('show', ':three.txt')).toBe('mine too');
    expect(text(history, 'one.txt')).toBe('one\n');
    expect(status(history)).toBe(' M kept.txt\nM  three.txt');
  });
});
