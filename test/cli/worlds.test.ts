/**
 * `orch run` in repositories and on machines of every kind: it works, or ends with an error that says
 * what, where and what to type; either way nothing of the user's has changed, and a rollback brings
 * everything back.
 */
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RunOptions, runOrch } from '../rig/cli.ts';
import { mountReadOnly, mountSmallDisk } from '../rig/mount.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, runToEnd } from '../rig/runs.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const WORKFLOW = `name: tiny
steps:
  one: { wave: 1, run: 'echo 1 > made-1.txt; echo changed > "tracked file.txt"' }
  two: { wave: 2, needs: [one], run: 'mkdir -p ignored sub; echo 2 > sub/made-2.txt; echo 2 > ignored/made-2.txt' }
gates:
  - { name: there, level: light, run: test -f made-1.txt }
`;

interface Place {
  readonly repository: TestRepository;
  /** Where orch is called; the top by default. */
  readonly cwd?: string;
  readonly env?: RunOptions['env'];
}

/** A repository with a commit, and with staged, unstaged, untracked and ignored changes of the user. */
function makeUsual(): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  return fillUsual(repository);
}

function fillUsual(repository: TestRepository): TestRepository {
  repository.write('.gitignore', 'ignored/\n');
  repository.write('tracked file.txt', 'one\n');
  repository.write('deleted.txt', 'gone\n');
  repository.write('staged.txt', 'one\n');
  repository.commitAll('first');
  repository.write('stashed.txt', 'x');
  repository.git('add', '-A');
  repository.git('stash', '-q');
  writeUsers(repository);
  return repository;
}

function writeUsers(repository: TestRepository): void {
  repository.write('.gitignore', 'ignored/\n');
  repository.write('staged.txt', 'two\n');
  repository.git('add', 'staged.txt');
  repository.write('staged.txt', 'three\n');
  repository.remove('deleted.txt');
  repository.write('untracked/ünïcode "quoted"\nnew line.txt', 'mine\n', 0o755);
  repository.write('ignored/kept.txt', 'kept\n');
  repository.write('.orch/workflows/tiny.yaml', WORKFLOW);
}

/** Everything that is the user's: HEAD, refs, index, stash, settings, and what status says of the files. */
function usersState(repository: TestRepository): string {
  const gitDir = repository.git('rev-parse', '--absolute-git-dir');
  const index = join(gitDir, 'index');
  const refs = repository
    .git('for-each-ref', '--format=%(refname) %(objectname)')
    .split('\n')
    .filter((ref) => ref !== '' && !/^refs\/(heads\/)?orch\//.test(ref));
  return [
    readFileSync(join(gitDir, 'HEAD'), 'utf8'),
    ...refs,
    existsSync(index) ? repository.git('hash-object', '--no-filters', index) : 'no index',
    repository.git('config', '--local', '--list'),
    repository.git('stash', 'list'),
  ].join('\n');
}

function filesOf(repository: TestRepository): string {
  // Without the refreshed index that git would write.
  const env = { GIT_OPTIONAL_LOCKS: '0' };
  return repository.gitWith(env, 'status', '--porcelain', '-z', '-uall', '--ignored');
}

function expectSound(repository: TestRepository): void {
  const { status, stderr } = spawnSync('git', ['fsck', '--strict', '--no-dangling'], {
    cwd: repository.top,
    encoding: 'utf8',
  });
  expect(`${status} ${stderr}`).toMatch(/^0 /);
}

/** Runs the tiny workflow to its end and takes it back again. */
async function expectItWorks({ repository, cwd = repository.top, env = {} }: Place) {
  const before = usersState(repository);
  const files = filesOf(repository);
  const outcome = asRunOutcome(await runOrch(['run', 'tiny', '--json'], { cwd, env }));
  expect(outcome, outcome.stdout + outcome.stderr).toMatchObject({
    code: 0,
    summary: { status: 'passed' },
  });
  expect(usersState(repository), 'after the run').toBe(before);
  const show = (path: string) => repository.git('show', `orch/${outcome.run}:${path}`);
  expect([show('made-1.txt'), show('sub/made-2.txt'), show('tracked file.txt')]).toEqual([
    '1',
    '2',
    'changed',
  ]);
  expect(readFileSync(repository.path('sub/made-2.txt'), 'utf8')).toBe('2\n');
  expectSound(repository);

  const back = await runOrch(['rollback', '--to', '0', '--json'], { cwd, env });
  expect(back.code, back.stdout).toBe(0);
  expect(usersState(repository), 'after the rollback').toBe(before);
  expect(filesOf(repository).replace('!! ignored/made-2.txt\0', '')).toBe(files);
  expectSound(repository);
  return outcome;
}

describe('orch run works', () => {
  const places: Readonly<Record<string, () => Place>> = {
    'with staged, unstaged, untracked and ignored changes': () => ({ repository: makeUsual() }),
    'on a detached HEAD': () => {
      const repository = makeUsual();
      repository.git('checkout', '-q', '--detach');
      return { repository };
    },
    'without any commit': () => {
      const repository = makeRepository();
      onTestFinished(() => repository[Symbol.dispose]());
      repository.write('staged.txt', 'two\n');
      repository.write('tracked file.txt', 'not yet\n');
      repository.write('.gitignore', 'ignored/\n');
      repository.git('add', 'staged.txt');
      repository.write('.orch/workflows/tiny.yaml', WORKFLOW);
      return { repository };
    },
    'in a folder whose name has spaces, quotes, line breaks and more': () => {
      const folder = makeTemporaryFolder();
      const top = join(folder, `it's "odd"\n$(x) \\n 'über' %s -`);
      mkdirSync(top);
      const repository = openTestRepository(top, folder);
      repository.git('init', '-q', '-b', 'main');
      repository.git('config', 'user.name', 'Ada');
      repository.git('config', 'user.email', 'ada@example.org');
      return { repository: fillUsual(repository) };
    },
    'called from a folder below, through a symbolic link': () => {
      const repository = makeUsual();
      repository.write('deep/down/x', 'x');
      symlinkSync(repository.top, join(repository.folder, 'link'));
      return { repository, cwd: join(repository.folder, 'link', 'deep', 'down') };
    },
    'with core.autocrlf': () => {
      const repository = makeUsual();
      repository.git('config', 'core.autocrlf', 'true');
      repository.write('crlf.txt', 'a\r\nb\r\n');
      // As a clone with this setting would have it.
      repository.remove('tracked file.txt');
      repository.git('checkout', '-q', '--', 'tracked file.txt');
      return { repository };
    },
    'with filters of .gitattributes': () => {
      const repository = makeUsual();
      repository.git('config', 'filter.up.clean', 'tr a-z A-Z');
      repository.git('config', 'filter.up.smudge', 'tr A-Z a-z');
      repository.write('.gitattributes', '*.up filter=up\n*.eol text eol=crlf\n');
      repository.write('x.up', 'quiet\n');
      repository.write('x.eol', 'a\r\nb\r\n');
      return { repository };
    },
    'with a submodule': () => {
      const library = makeUsual();
      const repository = makeUsual();
      const allow = ['-c', 'protocol.file.allow=always'];
      repository.git(...allow, 'submodule', '-q', 'add', library.top, 'lib');
      repository.write('lib/tracked file.txt', 'dirty inside\n');
      return { repository };
    },
    'in a linked worktree': () => {
      const main = makeUsual();
      main.git('worktree', 'add', '-q', '../linked', '-b', 'side');
      const repository = openTestRepository(join(main.folder, 'linked'), main.folder);
      writeUsers(repository);
      return { repository };
    },
    'without a name of the user anywhere': () => {
      const repository = makeUsual();
      repository.git('config', '--unset', 'user.name');
      repository.git('config', '--unset', 'user.email');
      const names = ['AUTHOR', 'COMMITTER'].flatMap((who) => [
        `GIT_${who}_NAME`,
        `GIT_${who}_EMAIL`,
      ]);
      return { repository, env: Object.fromEntries(names.map((name) => [name, undefined])) };
    },
    'with hooks that fail and commits that are to be signed': () => {
      const repository = makeUsual();
      for (const hook of ['pre-commit', 'commit-msg', 'post-checkout', 'reference-transaction'])
        repository.write(`.git/hooks/${hook}`, '#!/bin/sh\nexit 1\n', 0o755);
      repository.git('config', 'commit.gpgsign', 'true');
      repository.git('config', 'gpg.program', '/bin/false');
      return { repository };
    },
    'from a hook, with GIT_DIR and GIT_INDEX_FILE of another repository': () => {
      const other = makeUsual();
      const env = { GIT_DIR: other.path('.git'), GIT_INDEX_FILE: other.path('.git/index') };
      return { repository: makeUsual(), env };
    },
    'without a git program, in a plain repository': () => ({
      repository: makeUsual(),
      env: { PATH: folderOfPrograms() },
    }),
    'with names that look like options': () => {
      const repository = makeUsual();
      repository.write('-rf', 'x');
      repository.write('--', 'x');
      repository.write(':(exclude)x', 'x');
      return { repository };
    },
  };

  test.for(Object.entries(places))('%s', async ([, prepare]) => {
    await expectItWorks(prepare());
  });

  test('beside a file of 50 MB: a new one is left out and named, a tracked one is kept', async () => {
    const repository = makeUsual();
    repository.write('tracked.bin', Buffer.alloc(50_000_000, 'orch'));
    repository.git('add', '-f', 'tracked.bin');
    repository.git('commit', '-qm', 'large', '--', 'tracked.bin');
    repository.write('tracked.bin', Buffer.alloc(50_000_000, 'orch!'));
    repository.write('new.bin', Buffer.alloc(50_000_000, 'new'));
    const { events, run } = await expectItWorks({ repository });
    const sealed = events.find((event) => event.type === 'wave.sealed');
    expect(sealed).toMatchObject({
      left_out: [{ path: 'new.bin', reason: 'too_large', size_bytes: 50_000_000 }],
    });
    expect(repository.git('cat-file', '-s', `orch/${run}:tracked.bin`)).toBe('50000000');
    expect(repository.git('hash-object', 'tracked.bin')).toBe(
      repository.git('rev-parse', `orch/${run}:tracked.bin`),
    );
  });
});

/** A few programs that steps use, and no git among them. */
function folderOfPrograms(): string {
  const folder = makeTemporaryFolder();
  for (const name of ['sh', 'mkdir', 'test', 'cat', 'printf', 'id', 'env'])
    symlinkSync(`/usr/bin/${name}`, join(folder, name));
  return folder;
}

describe('orch run refuses, and changes nothing', () => {
  const isRoot = process.getuid?.() === 0;
  const refusals: Readonly<
    Record<
      string,
      { readonly code: number; readonly error: string; readonly fix: string; prepare(): Place }
    >
  > = {
    'in a bare repository': {
      code: 3,
      error: 'ORCH_BARE_REPOSITORY',
      fix: 'git clone',
      prepare: () => {
        const repository = makeUsual();
        repository.git('clone', '-q', '--bare', '.', '../bare.git');
        return { repository, cwd: join(repository.folder, 'bare.git') };
      },
    },
    'in the .git folder': {
      code: 3,
      error: 'ORCH_INSIDE_GIT_DIR',
      fix: 'cd to the top',
      prepare: () => {
        const repository = makeUsual();
        return { repository, cwd: repository.path('.git') };
      },
    },
    'beside a branch named orch': {
      code: 4,
      error: 'ORCH_BRANCH_IN_THE_WAY',
      fix: 'git branch -m orch',
      prepare: () => {
        const repository = makeUsual();
        repository.git('branch', 'orch');
        return { repository };
      },
    },
    'without a git program where one is needed': {
      code: 3,
      error: 'ORCH_NEEDS_GIT',
      fix: 'install git',
      prepare: () => {
        const repository = makeUsual();
        repository.git('config', 'core.autocrlf', 'true');
        return { repository, env: { PATH: folderOfPrograms() } };
      },
    },
    ...(isRoot && {
      'in a repository of somebody else': {
        code: 3,
        error: 'ORCH_GIT_UNSAFE',
        fix: 'safe.directory',
        prepare: () => {
          const repository = makeUsual();
          repository.git('config', 'user.name', 'Ada');
          chownSync(repository.top, 12_345, 12_345);
          onTestFinished(() => chownSync(repository.top, 0, 0));
          return { repository };
        },
      },
    }),
  };

  test.for(Object.entries(refusals))('%s', async ([, { code, error, fix, prepare }]) => {
    const { repository, cwd = repository.top, env = {} } = prepare();
    const owner = error === 'ORCH_GIT_UNSAFE';
    const look = (): string => {
      if (owner) chownSync(repository.top, 0, 0);
      const seen = usersState(repository) + filesOf(repository);
      if (owner) chownSync(repository.top, 12_345, 12_345);
      return seen;
    };
    const before = look();
    const outcome = await runOrch(['run', 'tiny', '--json'], { cwd, env });
    expect(JSON.parse(outcome.stdout), outcome.stderr).toMatchObject({
      error: { code: error, fix: expect.stringContaining(fix) },
    });
    expect(outcome.code).toBe(code);
    expect(look()).toBe(before);
    const plain = await runOrch(['run', 'tiny'], { cwd, env });
    expect(plain.stderr).toMatch(/^orch: .+\n {2}fix: .+ \[ORCH_\w+\]\n$/);
  });
});

describe('storage that fails', () => {
  test('a .git that cannot be written: an error with what to do, and nothing has changed', async (context) => {
    const repository = makeUsual();
    const before = usersState(repository) + filesOf(repository);
    {
      using mount = mountReadOnly(repository.path('.git'));
      if (mount === undefined) return context.skip('a folder cannot be mounted read-only here');
      const outcome = await runOrch(['run', 'tiny'], { cwd: repository.top });
      expect(outcome.code, outcome.stderr).toBe(3);
      expect(outcome.stderr).toMatch(/^orch: .*(\n.*)*\n {2}fix: make .* \[ORCH_\w+\]\n$/);
    }
    expect(usersState(repository) + filesOf(repository)).toBe(before);
    await expectItWorks({ repository });
  });

  test('a disk that fills up while steps run: the run stops, and goes on when there is space', async (context) => {
    using disk = mountSmallDisk(6_000_000);
    if (disk === undefined) return context.skip('a small tmpfs cannot be mounted here');
    using repository = makeRepository({ parent: disk.path });
    fillUsual(repository);
    const filling =
      '[ -e ../full ] || { touch ../full; cat /dev/zero > ../filler; }; echo x > made.txt';
    repository.write(
      '.orch/workflows/tiny.yaml',
      `name: tiny\nsteps:\n  one: { wave: 1, run: echo 1 > one.txt }\n  two: { wave: 2, needs: [one], retry: { max_attempts: 2, backoff: 1ms }, run: '${filling}' }\n  three: { wave: 3, needs: [two], run: echo 3 > three.txt }\n`,
    );
    const before = usersState(repository);
    const at = { cwd: repository.top, env: { TMPDIR: makeTemporaryFolder() } };
    const outcome = await runOrch(['run', 'tiny'], at);
    expect(outcome.code, outcome.stderr).toBe(3);
    expect(outcome.stderr).toMatch(/[Nn]o space left on device/);
    expect(outcome.stderr).toMatch(/fix: free some .*space/);
    expect(outcome.stderr).toMatch(/to go on with it: orch resume tiny-/);
    rmSync(join(repository.folder, 'filler'));
    expectSound(repository);
    expect(usersState(repository)).toBe(before);

    const resumed = asRunOutcome(await runOrch(['resume', '--json'], at));
    expect(resumed, resumed.stdout).toMatchObject({ code: 0, summary: { status: 'passed' } });
    for (const path of ['one.txt', 'made.txt', 'three.txt'])
      expect(repository.git('cat-file', '-t', `orch/${resumed.run}:${path}`)).toBe('blob');
    expectSound(repository);
    expect(usersState(repository)).toBe(before);
  });

  test('a work tree folder that is gone is named, with where its checkpoints are', async () => {
    const main = makeUsual();
    main.git('worktree', 'add', '-q', '../linked', '-b', 'side');
    const linked = openTestRepository(join(main.folder, 'linked'), main.folder);
    writeUsers(linked);
    linked.write('.orch/workflows/tiny.yaml', 'name: tiny\nsteps:\n  ask: { approval: Go on? }\n');
    const { run, code } = await runToEnd(linked, 'run', 'tiny');
    expect(code).toBe(75);
    rmSync(linked.top, { recursive: true });
    writeFileSync(linked.top, 'a file now');
    const outcome = await runOrch(['resume', run, '--json'], { cwd: main.top });
    expect(outcome.code, outcome.stdout).toBe(3);
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      error: { code: 'ORCH_WORKTREE_GONE', message: expect.stringContaining(linked.top) },
    });
  });
});
