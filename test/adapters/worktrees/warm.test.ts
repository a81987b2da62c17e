/** A worktree that was used is brought to the next commit: whatever a job has left there is gone. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PreparedWorktree } from '../../../src/ports/worktrees.ts';
import { bundleProgram } from '../../rig/child-program.ts';
import type { TestRepository } from '../../rig/repository.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';
import { dirtOf, filesOf, makeStage, RUN, type Stage, textOf } from './stage.ts';

/** One worktree, used by a job, then brought back to the same commit or to another. */
async function afterJob(
  stage: Stage,
  job: (files: TestRepository, worktree: PreparedWorktree) => void,
  commit = stage.first,
): Promise<{ files: TestRepository; worktree: PreparedWorktree }> {
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  const before = await pool.prepare(claim, stage.first);
  const files = filesOf(before, stage);
  expect(dirtOf(files)).toBe('');
  const { ino } = statSync(claim.root);
  job(files, before);
  const worktree = await pool.prepare(claim, commit);
  expect(statSync(claim.root).ino).toBe(ino); // Used again and not made anew.
  expect(dirtOf(files)).toBe('');
  expect(files.git('rev-parse', 'HEAD')).toBe(commit);
  expect(spawnSync('git', ['symbolic-ref', '-q', 'HEAD'], { cwd: claim.root }).status).toBe(1);
  return { files, worktree };
}

describe('what a job has done to files', () => {
  test('new files, ignored files and empty folders are deleted', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      job.write('new.txt', 'x');
      job.write('src/deep/new.txt', 'x');
      job.write('a.log', 'x');
      job.write('node_modules/x/index.js', 'x');
      mkdirSync(job.path('src/empty/in/empty'), { recursive: true });
    });
    expect(readdirSync(files.top).sort()).toEqual(['.git', '.gitignore', 'bin', 'src', 'top.txt']);
    expect(readdirSync(files.path('src')).sort()).toEqual(['a.ts', 'deep']);
    expect(readdirSync(files.path('src/deep'))).toEqual(['b.ts']);
  });

  test('tracked files come back: content, mode, kind, and those that were deleted', async () => {
    using stage = await makeStage();
    stage.repository.git(
      'update-index',
      '--add',
      '--cacheinfo',
      `120000,${blob(stage, 'top.txt')},link`,
    );
    stage.repository.git('commit', '-qm', 'with a link');
    const commit = stage.repository.git('rev-parse', 'HEAD');
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    const files = filesOf(await pool.prepare(claim, commit), stage);
    files.write('top.txt', 'changed');
    rmSync(files.path('src/a.ts'));
    symlinkSync('/etc/passwd', files.path('src/a.ts'));
    files.remove('src/deep');
    chmodSync(files.path('bin/run'), 0o644);
    rmSync(files.path('link'));
    files.write('link', 'a file');
    await pool.prepare(claim, commit);
    expect(dirtOf(files)).toBe('');
    expect(textOf(files, 'src/deep/b.ts')).toBe('b\n');
    expect(lstatSync(files.path('src/a.ts')).isFile()).toBe(true);
    expect(lstatSync(files.path('bin/run')).mode & 0o111).not.toBe(0);
    expect(lstatSync(files.path('link')).isSymbolicLink()).toBe(true);
  });

  test('a change of the same length in the same instant is seen', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      const { atime, mtime } = statSync(job.path('top.txt'));
      writeFileSync(job.path('top.txt'), 'pot\n');
      spawnSync('touch', ['-d', mtime.toISOString(), job.path('top.txt')]);
      expect(atime).toBeDefined();
    });
    expect(textOf(files, 'top.txt')).toBe('top\n');
  });

  test('repositories that a job has made are deleted, in new folders and in tracked ones', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      spawnSync('git', ['init', '-q', 'nested/repo'], { cwd: job.top });
      spawnSync('git', ['init', '-q', 'src/deep'], { cwd: job.top });
    });
    expect(existsSync(files.path('nested'))).toBe(false);
    expect(existsSync(files.path('src/deep/.git'))).toBe(false);
  });

  test('named pipes, which git does not see, are deleted', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      expect(spawnSync('mkfifo', [job.path('src/pipe')]).status).toBe(0);
    });
    expect(existsSync(files.path('src/pipe'))).toBe(false);
  });

  test('files between tracked and untracked: a folder for a file, a file for a folder', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      job.remove('top.txt');
      job.write('top.txt/inside', 'x');
      job.remove('src');
      job.write('src', 'a file now');
    });
    expect(textOf(files, 'top.txt')).toBe('top\n');
    expect(textOf(files, 'src/deep/b.ts')).toBe('b\n');
  });

  test('going to another commit removes folders with what a job has put into them', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    repository.remove('src');
    repository.write('other/deep/c.ts', 'c\n');
    const second = repository.commitAll('second');
    const { files } = await afterJob(
      stage,
      (job) => {
        job.write('src/deep/junk.log', 'x');
        job.write('other/deep/junk.log', 'x');
        job.write('other/junk', 'x');
      },
      second,
    );
    expect(readdirSync(files.top).sort()).toEqual([
      '.git',
      '.gitignore',
      'bin',
      'other',
      'top.txt',
    ]);
    expect(readdirSync(files.path('other/deep'))).toEqual(['c.ts']);
  });

  test('nothing that did not change is written', async () => {
    using stage = await makeStage();
    stage.repository.write('src/a.ts', 'a2\n');
    const second = stage.repository.commitAll('second');
    let before: Record<string, bigint> = {};
    const look = (files: TestRepository) =>
      Object.fromEntries(
        ['top.txt', 'src/deep/b.ts', 'bin/run'].map((path) => [
          path,
          statSync(files.path(path), { bigint: true }).ctimeNs,
        ]),
      );
    const { files } = await afterJob(stage, (job) => (before = look(job)), second);
    expect(look(files)).toEqual(before);
    expect(textOf(files, 'src/a.ts')).toBe('a2\n');
  });
});

describe('links that lead out of the worktree', () => {
  test('are deleted, and nothing behind them', async () => {
    using stage = await makeStage();
    const outside = join(stage.repository.folder, 'outside');
    mkdirSync(join(outside, 'deep'), { recursive: true });
    writeFileSync(join(outside, 'precious'), 'x');
    writeFileSync(join(outside, 'deep', 'b.ts'), 'theirs');
    const { files } = await afterJob(stage, (job) => {
      symlinkSync(outside, job.path('link'));
      job.write('new/file', 'x');
      symlinkSync(outside, job.path('new/link'));
      job.remove('src');
      symlinkSync(outside, job.path('src'));
      job.remove('bin');
      symlinkSync('/nowhere/at/all', job.path('bin'));
    });
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('x');
    expect(readFileSync(join(outside, 'deep', 'b.ts'), 'utf8')).toBe('theirs');
    expect(readdirSync(outside).sort()).toEqual(['deep', 'precious']);
    expect(lstatSync(files.path('src')).isDirectory()).toBe(true);
  });

  test('in the place of a tracked folder that was moved outside: the moved one stays as it is', async () => {
    using stage = await makeStage();
    const outside = join(stage.repository.folder, 'outside');
    const { files } = await afterJob(stage, (job) => {
      renameSync(job.path('src'), outside);
      symlinkSync(outside, job.path('src'));
    });
    expect(readdirSync(outside).sort()).toEqual(['a.ts', 'deep']);
    expect(textOf(files, 'src/deep/b.ts')).toBe('b\n');
    expect(lstatSync(files.path('src')).isDirectory()).toBe(true);
  });

  test('in the place of the worktree itself: it is made anew, and the target stays', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    const moved = join(stage.repository.folder, 'moved');
    renameSync(claim.root, moved);
    symlinkSync(moved, claim.root);
    const files = filesOf(await pool.prepare(claim, stage.first), stage);
    expect(lstatSync(claim.root).isDirectory()).toBe(true);
    expect(readFileSync(join(moved, 'top.txt'), 'utf8')).toBe('top\n');
    expect(dirtOf(files)).toBe('');
  });
});

describe('what a job has begun with git', () => {
  test('a merge that was not finished, and the locks of a killed git, are forgotten', async () => {
    using stage = await makeStage();
    const { worktree } = await afterJob(stage, (job, { git }) => {
      const { gitDir } = git.repository;
      job.git('checkout', '-q', '-b', 'one');
      job.write('top.txt', 'one\n');
      job.git('commit', '-qam', 'one');
      job.git('checkout', '-q', '-b', 'two', stage.first);
      job.write('top.txt', 'two\n');
      job.git('commit', '-qam', 'two');
      expect(() => job.git('merge', '-q', 'one')).toThrow();
      expect(existsSync(join(gitDir, 'MERGE_HEAD'))).toBe(true);
      for (const name of ['index.lock', 'HEAD.lock']) writeFileSync(join(gitDir, name), '');
    });
    const { gitDir } = worktree.git.repository;
    expect(readdirSync(gitDir).sort()).toEqual(['HEAD', 'commondir', 'gitdir', 'index', 'orch']);
    // Branches are the job's work and stay where it left them.
    expect(stage.repository.git('branch', '--format=%(refname:short)')).toBe('main\none\ntwo');
    expect(stage.repository.git('log', '-1', '--format=%s', 'two')).toBe('two');
  });

  test('a rebase, a bisection and a log of HEAD are forgotten', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job, { git }) => {
      mkdirSync(join(git.repository.gitDir, 'rebase-merge'));
      job.git('bisect', 'start');
      job.git('bisect', 'bad');
      job.git('commit', '-q', '--allow-empty', '-m', 'x');
    });
    expect(files.git('status')).not.toMatch(/rebas|bisect/);
    expect(files.git('reflog')).toBe('');
  });

  test('hidden from git by flags of its index, a change is found all the same', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      job.git('update-index', '--assume-unchanged', 'top.txt');
      job.git('update-index', '--skip-worktree', 'src/a.ts');
      job.write('top.txt', 'hidden\n');
      job.write('src/a.ts', 'hidden\n');
      job.write('added.log', 'x');
      job.git('add', '-f', 'added.log');
    });
    expect(textOf(files, 'top.txt')).toBe('top\n');
    expect(textOf(files, 'src/a.ts')).toBe('a\n');
    expect(existsSync(files.path('added.log'))).toBe(false);
  });

  test('settings of the worktree alone are forgotten', async () => {
    using stage = await makeStage();
    stage.repository.git('config', 'extensions.worktreeConfig', 'true');
    const { files } = await afterJob(stage, (job) => {
      job.git('config', '--worktree', 'user.name', 'Mallory');
      job.git('sparse-checkout', 'set', '--no-cone', '/bin/');
      expect(existsSync(job.path('top.txt'))).toBe(false);
    });
    expect(files.git('config', 'user.name')).toBe('Ada Lovelace');
    expect(textOf(files, 'top.txt')).toBe('top\n');
  });

  test('its link to git, removed or replaced by a repository, is put back', async () => {
    using stage = await makeStage();
    const { files } = await afterJob(stage, (job) => {
      rmSync(job.path('.git'));
      spawnSync('git', ['init', '-q'], { cwd: job.top });
      expect(lstatSync(job.path('.git')).isDirectory()).toBe(true);
    });
    expect(lstatSync(files.path('.git')).isFile()).toBe(true);
  });

  test('hooks do not run', async () => {
    using stage = await makeStage();
    stage.repository.write('.git/hooks/post-checkout', '#!/bin/sh\ntouch "$PWD/hooked"\n', 0o755);
    stage.repository.write('top.txt', 'second\n');
    const second = stage.repository.commitAll('second');
    await afterJob(stage, () => {}, second);
  });
});

test('folders that their owner may not write are opened, mended and deleted', async () => {
  using stage = await makeStage();
  const folder = makeTemporaryFolder();
  const program = bundleProgram(join(import.meta.dirname, 'pool-program.ts'), folder);
  // Root may write everywhere, so this is done by somebody else.
  const isRoot = process.getuid?.() === 0;
  const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
  if (isRoot) spawnSync('chown', ['-R', '65534:65534', stage.repository.folder, folder]);
  const words = ['closed', stage.repository.top, stage.root, RUN, stage.first];
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...words], nobody);
  expect(stderr.toString()).toBe('');
  expect(stdout.toString()).toBe('.git .gitignore bin src top.txt\na b.ts\n755\n');
});

test('a worktree whose git folder a job has broken is made anew', async () => {
  using stage = await makeStage();
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  const { git } = await pool.prepare(claim, stage.first);
  writeFileSync(join(git.repository.gitDir, 'HEAD'), 'nonsense');
  const files = filesOf(await pool.prepare(claim, stage.first), stage);
  expect(dirtOf(files)).toBe('');
  expect(files.git('rev-parse', 'HEAD')).toBe(stage.first);
});

test('a commit that does not exist is said in git’s words, and the worktree stays', async () => {
  using stage = await makeStage();
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  await pool.prepare(claim, stage.first);
  const { ino } = statSync(claim.root);
  await expect(pool.prepare(claim, '1'.repeat(40))).rejects.toThrow(/1111.*ORCH_/s);
  expect(statSync(claim.root).ino).toBe(ino);
});

function blob({ repository }: Stage, content: string): string {
  repository.write('../blob', content);
  return repository.git('hash-object', '-w', '../blob');
}
