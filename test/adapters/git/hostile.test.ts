/**
 * Repositories that are not as one would like: each works as git does, or ends with an error that
 * says what, where and what to type, and nothing is lost.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openGit } from '../../../src/adapters/git/open-git.ts';
import { mountReadOnly, mountSmallDisk } from '../../rig/mount.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../../rig/repository.ts';
import { embedded, fill, gitProgram, oracleTree, snapshotOf, userState } from './adapters.ts';

/** What the whole of a checkpoint gives, proved complete by git. */
async function checkpoint(top: string): Promise<{ tree: string; commit: string }> {
  const port = await openGit(top);
  const { tree } = await snapshotOf(port);
  const head = await port.head();
  const parents = head.oid === null ? [] : [head.oid];
  const commit = await port.commit({ tree, parents, message: 'orch: wave 1\n' });
  await port.updateRefs([{ ref: 'refs/heads/orch/run-1', to: commit }]);
  expect(await port.isComplete(commit, parents)).toBe(true);
  return { tree, commit };
}

describe('settings and shapes of a repository', () => {
  test.for<{
    name: string;
    prepare: (r: TestRepository) => void;
    init?: string[];
    changesBytes?: true;
  }>([
    {
      name: 'core.autocrlf',
      changesBytes: true,
      prepare: (r) => {
        r.git('config', 'core.autocrlf', 'true');
        r.write('crlf', 'a\r\nb\r\n');
      },
    },
    {
      name: 'core.autocrlf=input',
      changesBytes: true,
      prepare: (r) => {
        r.git('config', 'core.autocrlf', 'input');
        r.write('crlf', 'a\r\nb\r\n');
      },
    },
    {
      name: 'line ends by attribute',
      prepare: (r) => {
        r.write('.gitattributes', '*.t text eol=crlf\n');
        r.write('x.t', 'a\r\nb\r\n');
      },
    },
    {
      name: 'a clean filter',
      prepare: (r) => {
        r.git('config', 'filter.up.clean', 'tr a-z A-Z');
        r.git('config', 'filter.up.smudge', 'tr A-Z a-z');
        r.write('.gitattributes', '*.u filter=up\n');
        r.write('x.u', 'shout\n');
      },
    },
    {
      name: 'core.fileMode=false',
      prepare: (r) => {
        r.git('config', 'core.fileMode', 'false');
        r.write('src/a.ts', 'one\n', 0o755);
        r.write('new', 'n', 0o755);
      },
    },
    {
      name: 'core.symlinks=false',
      prepare: (r) => {
        r.git('config', 'core.symlinks', 'false');
        r.write('new', 'n');
      },
    },
    { name: 'sha256', init: ['--object-format=sha256'], prepare: (r) => r.write('new', 'n') },
    {
      name: 'a split index',
      prepare: (r) => {
        r.git('update-index', '--split-index');
        r.write('src/a.ts', 'two');
      },
    },
    {
      name: 'an index of version 4',
      prepare: (r) => {
        r.git('update-index', '--index-version', '4');
        r.write('new', 'n');
      },
    },
    {
      name: 'an untracked cache',
      prepare: (r) => {
        r.git('config', 'core.untrackedCache', 'true');
        r.git('update-index', '--force-untracked-cache');
        r.git('status');
        r.write('src/new', 'n');
      },
    },
    {
      name: 'feature.manyFiles',
      prepare: (r) => {
        r.git('config', 'feature.manyFiles', 'true');
        r.git('status');
        r.write('new', 'n');
      },
    },
    {
      name: 'submodule.recurse, status and diff settings',
      prepare: (r) => {
        for (const [k, v] of [
          ['submodule.recurse', 'true'],
          ['status.showUntrackedFiles', 'no'],
          ['diff.noprefix', 'true'],
          ['diff.renames', 'copies'],
          ['core.quotePath', 'true'],
          ['color.ui', 'always'],
          ['status.relativePaths', 'false'],
        ] as const)
          r.git('config', k, v);
        r.write('nëw', 'n');
      },
    },
    {
      name: 'a detached HEAD',
      prepare: (r) => {
        r.git('checkout', '-q', '--detach');
        r.write('new', 'n');
      },
    },
    {
      name: 'a hook that refuses everything',
      prepare: (r) => {
        for (const hook of [
          'pre-commit',
          'reference-transaction',
          'post-index-change',
          'commit-msg',
        ]) {
          r.write(`.git/hooks/${hook}`, '#!/bin/sh\nexit 1\n', 0o755);
        }
        r.write('new', 'n');
      },
    },
    {
      name: 'commit.gpgSign with a signer that fails',
      prepare: (r) => {
        r.git('config', 'commit.gpgSign', 'true');
        r.git('config', 'gpg.program', 'false');
        r.write('new', 'n');
      },
    },
    {
      name: 'a bare folder name in an ignored folder',
      prepare: (r) => {
        r.write('.gitignore', 'node_modules/\n');
        r.write('node_modules/x/.gitignore', '!*');
        r.write('node_modules/x/y', 'n');
      },
    },
  ])('$name', async ({ prepare, init, changesBytes }) => {
    using repository = makeRepository(init === undefined ? {} : { init });
    fill(repository);
    prepare(repository);
    const port = await openGit(repository.top);
    const { tree } = await checkpoint(repository.top);
    expect(tree).toBe(oracleTree(repository));
    // The way back from an edit gives the same tree, and the same bytes on disk.
    const before = readFiles(repository);
    for (const path of before.keys())
      if (!path.startsWith('.git')) repository.write(path, 'edited\n');
    const edited = await snapshotOf(port);
    await port.restoreWorkTree(edited.tree, tree, []);
    expect(await snapshotOf(port)).toEqual({ tree, leftOut: [] });
    if (changesBytes !== true) expect(readFiles(repository)).toEqual(before);
  });

  test('a file that is assumed unchanged keeps its old content in the tree', async () => {
    using repository = makeRepository();
    const head = fill(repository);
    repository.git('update-index', '--assume-unchanged', 'top.txt');
    repository.write('top.txt', 'local');
    for (const { open } of [gitProgram, embedded]) {
      repository.remove('.git/orch');
      const { tree } = await snapshotOf(await open(repository.top));
      expect(tree).toBe(repository.git('rev-parse', `${head}^{tree}`));
    }
  });

  test('a sparse checkout keeps what is not checked out', async () => {
    using repository = makeRepository();
    fill(repository);
    repository.write('far/away/b.ts', 'b');
    const head = repository.commitAll('second');
    for (const isSparseIndex of ['false', 'true']) {
      repository.git('config', 'index.sparse', isSparseIndex);
      repository.git('sparse-checkout', 'set', '--cone', 'src');
      repository.git('sparse-checkout', 'reapply');
      expect(existsSync(repository.path('far'))).toBe(false);
      const port = await openGit(repository.top);
      repository.remove('.git/orch');
      expect((await snapshotOf(port)).tree).toBe(repository.git('rev-parse', `${head}^{tree}`));
      repository.write('src/new.ts', isSparseIndex);
      expect((await snapshotOf(port)).tree).toBe(oracleTree(repository));
      repository.remove('src/new.ts');
    }
  });

  test('a linked worktree keeps its own index, and refs are shared', async () => {
    using repository = makeRepository();
    fill(repository);
    repository.git('worktree', 'add', '-q', '../linked', '-b', 'side');
    const linked = openTestRepository(join(repository.folder, 'linked'), repository.folder);
    linked.write('only-here', '1');
    const port = await openGit(linked.top);
    expect(port.repository.commonDir).toBe(repository.path('.git'));
    expect(port.repository.worktree).toBe(linked.top);
    const { tree, commit } = await checkpoint(linked.top);
    expect(tree).toBe(oracleTree(linked));
    expect(repository.git('rev-parse', 'orch/run-1')).toBe(commit);
    await port.adoptCommit(commit, await port.resolve('HEAD'));
    expect(linked.git('status', '--porcelain')).toBe('');
    expect(repository.git('status', '--porcelain')).toBe('');
  });

  test('a submodule is a commit in the tree; its files are outside', async () => {
    using library = makeRepository();
    fill(library);
    using repository = makeRepository();
    fill(repository);
    repository.git(
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '-q',
      'add',
      library.top,
      'lib',
    );
    repository.commitAll('with a submodule');
    const port = await openGit(repository.top);
    const before = await snapshotOf(port);
    repository.write('lib/top.txt', 'dirty inside');
    expect(await snapshotOf(port)).toEqual(before);
    const inner = openTestRepository(repository.path('lib'), repository.folder);
    inner.git('-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-qam', 'moved on');
    const moved = await snapshotOf(port);
    expect(moved.tree).toBe(oracleTree(repository));
    expect(moved.tree).not.toBe(before.tree);
    await port.restoreWorkTree(moved.tree, before.tree, []);
    expect(readFileSync(repository.path('lib/top.txt'), 'utf8')).toBe('dirty inside');
    const innerPort = await openGit(repository.path('lib/src'));
    expect(innerPort.repository.worktree).toBe(repository.path('lib'));
    inner.write('new', 'n');
    expect((await snapshotOf(innerPort)).tree).toBe(oracleTree(inner));
  });

  test('repositories inside the work tree are left out and named, with and without commits', async () => {
    using repository = makeRepository();
    const head = fill(repository);
    repository.git('init', '-q', 'nested/empty');
    repository.git('init', '-q', 'other');
    repository.write('other/file', 'x');
    const port = await openGit(repository.top);
    const expected = {
      tree: repository.git('rev-parse', `${head}^{tree}`),
      leftOut: [
        { path: 'nested/empty', reason: 'nested_repository' },
        { path: 'other', reason: 'nested_repository' },
      ],
    };
    expect(await snapshotOf(port)).toEqual(expected);
    expect(await snapshotOf(await embedded.open(repository.top))).toEqual(expected);
  });

  test('a tracked file whose place a repository has taken', async () => {
    using repository = makeRepository();
    fill(repository);
    repository.remove('top.txt');
    repository.git('init', '-q', 'top.txt');
    const inner = openTestRepository(repository.path('top.txt'), repository.folder);
    inner.write('f', '1');
    inner.git('add', '-A');
    inner.git('-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-qm', 'x');
    const port = await openGit(repository.top);
    const { tree, leftOut } = await snapshotOf(port);
    expect(leftOut).toEqual([{ path: 'top.txt', reason: 'nested_repository' }]);
    expect((await port.listFiles(tree, '')).map(({ path }) => path)).toEqual(['src/a.ts']);
  });

  test('a name that is not UTF-8 keeps its bytes', async () => {
    using repository = makeRepository();
    fill(repository);
    const odd = Buffer.concat([Buffer.from(`${repository.top}/odd-`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(odd, 'odd');
    for (const { open } of [gitProgram, embedded]) {
      const port = await open(repository.top);
      repository.remove('.git/orch');
      const first = await snapshotOf(port);
      expect(first.tree).toBe(oracleTree(repository));
      rmSync(odd);
      const second = await snapshotOf(port);
      expect(second.tree).not.toBe(first.tree);
      await port.restoreWorkTree(second.tree, first.tree, []);
      expect(readFileSync(odd, 'utf8')).toBe('odd');
    }
  });

  test('a repository opened through a symbolic link, and from a folder below', async () => {
    using repository = makeRepository();
    fill(repository);
    symlinkSync(repository.top, join(repository.folder, 'link'));
    for (const { open } of [gitProgram, embedded]) {
      const port = await open(join(repository.folder, 'link', 'src'));
      expect(port.repository).toEqual({
        worktree: repository.top,
        gitDir: repository.path('.git'),
        commonDir: repository.path('.git'),
      });
    }
  });

  test('a file of 50 MB', async () => {
    using repository = makeRepository();
    fill(repository);
    repository.write('large.bin', Buffer.alloc(50_000_000, 'orch'));
    const port = await openGit(repository.top);
    const taken = await snapshotOf(port, { maxFileSizeBytes: 60_000_000 });
    expect(taken).toEqual({ tree: oracleTree(repository), leftOut: [] });
    const files = new Map([['large.bin', readFileSync(repository.path('large.bin'))]]);
    expect(await port.treeWithFiles(taken.tree, files)).toBe(taken.tree);
  });

  test('GIT_DIR and GIT_INDEX_FILE of a calling hook are not followed', async () => {
    using repository = makeRepository();
    using other = makeRepository();
    fill(repository);
    fill(other);
    const variables = {
      GIT_DIR: other.path('.git'),
      GIT_INDEX_FILE: other.path('.git/index'),
      GIT_WORK_TREE: other.top,
    };
    Object.assign(process.env, variables);
    onTestFinished(() => {
      for (const name of Object.keys(variables)) delete process.env[name];
    });
    const port = await openGit(repository.top);
    expect(port.repository.worktree).toBe(repository.top);
    await snapshotOf(port);
    expect(existsSync(other.path('.git/orch'))).toBe(false);
  });

  test('a repository that vanishes is an error, although there is another one further up', async () => {
    using outer = makeRepository();
    fill(outer);
    outer.git('init', '-q', 'inner');
    const inner = openTestRepository(outer.path('inner'), outer.folder);
    inner.write('f', '1');
    const port = await openGit(inner.top);
    const before = userState(outer);
    inner.remove('.git');
    await expect(snapshotOf(port)).rejects.toThrow(/not a git repository/);
    expect(userState(outer)).toBe(before);
  });
});

describe('storage that fails', () => {
  test('a disk that is full: an error, nothing is lost, and it goes on when there is space', async (context) => {
    using disk = mountSmallDisk(2_000_000);
    if (disk === undefined) return context.skip('a small tmpfs cannot be mounted here');
    for (const { open } of [gitProgram, embedded]) {
      using repository = makeRepository({ parent: disk.path });
      const head = fill(repository);
      const port = await open(repository.top);
      const first = await snapshotOf(port);
      // Random bytes cannot be compressed, so that git needs as much again.
      repository.write('ballast', randomBytes(900_000));
      writeFileSync(join(disk.path, 'filler'), Buffer.alloc(500_000));
      await expect(snapshotOf(port)).rejects.toMatchObject({ code: 'ORCH_DISK_FULL', exitCode: 3 });
      repository.git('fsck', '--strict', '--no-dangling');
      expect(repository.git('rev-parse', 'HEAD')).toBe(head);
      expect(statSync(repository.path('ballast')).size).toBe(900_000);
      repository.remove('ballast');
      rmSync(join(disk.path, 'filler'));
      expect(await snapshotOf(port)).toEqual(first);
    }
  });

  test('a .git that cannot be written', async (context) => {
    using repository = makeRepository();
    fill(repository);
    repository.write('new', 'n');
    const gitDir = repository.path('.git');
    using mount = mountReadOnly(gitDir);
    if (mount === undefined) return context.skip('a folder cannot be mounted read-only here');
    for (const open of [openGit, embedded.open]) {
      const port = await open(repository.top);
      await expect(snapshotOf(port)).rejects.toMatchObject({
        code: 'ORCH_GIT_READ_ONLY',
        exitCode: 3,
        fix: expect.stringContaining(gitDir),
      });
      const update = port.updateRefs([{ ref: 'refs/orch/x', to: (await port.head()).oid }]);
      await expect(update).rejects.toMatchObject({ code: 'ORCH_GIT_READ_ONLY' });
    }
  });

  test('an index that names pruned objects is built again', async () => {
    using repository = makeRepository();
    fill(repository);
    for (const { open } of [gitProgram, embedded]) {
      repository.remove('.git/orch');
      repository.write('dir/new', 'content that only the private index names');
      const port = await open(repository.top);
      const first = await snapshotOf(port);
      repository.git('reflog', 'expire', '--expire=now', '--all');
      repository.remove('.git/oracle-index');
      repository.git('gc', '-q', '--prune=now');
      const again = await snapshotOf(port);
      expect(again).toEqual(first);
      const commit = await port.commit({ tree: again.tree, parents: [], message: 'x' });
      expect(await port.isComplete(commit, [])).toBe(true);
    }
  });

  test('a private index that was cut short is built again', async () => {
    using repository = makeRepository();
    fill(repository);
    for (const { open } of [gitProgram, embedded]) {
      repository.remove('.git/orch');
      repository.write('new', 'n');
      const port = await open(repository.top);
      const first = await snapshotOf(port);
      const index = repository.path('.git/orch/runs/run-1/index');
      const whole = readFileSync(index);
      for (const length of [0, 4, 40, whole.length - 1]) {
        writeFileSync(index, whole.subarray(0, length));
        expect(await snapshotOf(port)).toEqual(first);
      }
    }
  });

  test('the lock that a killed git left at the private index is taken away', async () => {
    using repository = makeRepository();
    fill(repository);
    const port = await openGit(repository.top);
    await snapshotOf(port);
    repository.write('new', 'n');
    repository.write('.git/orch/runs/run-1/index.lock', '');
    expect((await snapshotOf(port)).tree).toBe(oracleTree(repository));
  });
});

describe('time and other processes', () => {
  test('a change in the same second and of the same size is seen', async () => {
    using repository = makeRepository();
    fill(repository);
    const instant = new Date('2026-01-01T00:00:00.500Z');
    for (const { open } of [gitProgram, embedded]) {
      repository.remove('.git/orch');
      repository.write('top.txt', 'aaaa');
      utimesSync(repository.path('top.txt'), instant, instant);
      repository.git('add', 'top.txt');
      utimesSync(repository.path('.git/index'), instant, instant);
      repository.write('top.txt', 'bbbb');
      utimesSync(repository.path('top.txt'), instant, instant);
      const port = await open(repository.top);
      const { tree } = await snapshotOf(port);
      expect(Buffer.from((await port.readFile(tree, 'top.txt')) ?? []).toString()).toBe('bbbb');
    }
  });

  test('files that come and go while they are looked at do no harm', async () => {
    using repository = makeRepository();
    fill(repository);
    const port = await openGit(repository.top);
    const script =
      'i=0; while :; do i=$((i+1)); echo $i > flicker; mkdir -p d; echo $i > d/x; rm -rf flicker d; done';
    const churn = spawn('sh', ['-c', script], { cwd: repository.top, stdio: 'ignore' });
    const ended = new Promise((resolve) => churn.once('exit', resolve));
    try {
      for (let round = 0; round < 25; round += 1) await snapshotOf(port);
    } finally {
      churn.kill('SIGKILL');
      await ended;
    }
    repository.remove('flicker');
    repository.remove('d');
    expect((await snapshotOf(port)).tree).toBe(oracleTree(repository));
  });

  test('of two that change one ref, exactly one gets it', async () => {
    using repository = makeRepository();
    const head = fill(repository);
    for (const { open } of [gitProgram, embedded]) {
      const ref = `refs/orch/race-${open.length}-${Date.now()}`;
      const ports = [await open(repository.top), await open(repository.top)];
      const tries = [...ports, ...ports].map((port) =>
        port.updateRefs([{ ref, to: head, from: null }]),
      );
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
  });
});

/** Every file that git knows or would take, by path. */
function readFiles(repository: TestRepository): Map<string, Buffer> {
  const paths = repository.git('ls-files', '-z', '-c', '-o', '--exclude-standard').split('\0');
  return new Map(
    paths.filter((path) => path !== '').map((path) => [path, readFileSync(repository.path(path))]),
  );
}
