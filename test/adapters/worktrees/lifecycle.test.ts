/** How worktrees come and go: made anew when they are gone, removed when they are free. */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createClock } from '../../../src/adapters/clock.ts';
import { createFiles } from '../../../src/adapters/files/files.ts';
import { openGit } from '../../../src/adapters/git/open-git.ts';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { openWorktreePool } from '../../../src/adapters/worktrees/worktree-pool.ts';
import { bundleProgram } from '../../rig/child-program.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';
import { dirtOf, filesOf, makeStage, RUN, textOf } from './stage.ts';

describe('a worktree that is gone', () => {
  test.for([
    ['its folder', (root: string) => rmSync(root, { recursive: true })],
    [
      'its folder and what git knew of it',
      (root: string, prune: () => void) => {
        rmSync(root, { recursive: true });
        prune();
      },
    ],
    ['what git knew of it', (root: string) => rmSync(gitDirOf(root), { recursive: true })],
    [
      'the folder of the whole pool',
      (root: string) => rmSync(dirname(dirname(root)), { recursive: true }),
    ],
    [
      'its folder, and another lies there',
      (root: string) => {
        rmSync(root, { recursive: true });
        mkdirSync(join(root, 'not', 'git'), { recursive: true });
      },
    ],
  ] as const)('%s: it is made anew', async ([, destroy]) => {
    using stage = await makeStage();
    const pool = await stage.open({ setup: { run: 'x', reads: [] } });
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    pool.noteSetup(claim, []);
    destroy(claim.root, () => stage.repository.git('worktree', 'prune'));
    if (!existsSync(join(claim.root, 'top.txt'))) expect(await pool.open(claim)).toBeUndefined();
    const worktree = await pool.prepare(claim, stage.first);
    expect(worktree.setup).toBe('x');
    const files = filesOf(worktree, stage);
    expect(dirtOf(files)).toBe('');
    expect(textOf(files, 'src/deep/b.ts')).toBe('b\n');
    expect(stage.repository.git('worktree', 'list').split('\n')).toHaveLength(2);
  });

  test('after a reboot nothing of it is believed, because nothing of it was synced', async () => {
    using stage = await makeStage();
    const pool = await stage.open({ setup: { run: 'x', reads: [] } });
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    pool.noteSetup(claim, []);
    const processes = { ...createProcesses(), bootId: () => 'another' };
    const rebooted = openWorktreePool(
      { clock: createClock(), files: createFiles(), processes },
      await openGit(stage.repository.top),
      { root: stage.root, include: [], setup: { run: 'x', reads: [] }, ports: 0 },
    );
    const { ino } = statSync(join(claim.root, 'top.txt'));
    expect((await rebooted.prepare(claim, stage.first)).setup).toBe('x');
    expect(statSync(join(claim.root, 'top.txt')).ino).not.toBe(ino);
  });

  test('a git that has outlived its orch does not write into the new one', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    // Stands for such a git: it carries the mark that all of them do.
    const env = { ...process.env, ORCH_PREPARES: claim.root };
    const orphan = spawn('sleep', ['60'], { env, detached: true, stdio: 'ignore' });
    const ended = new Promise((resolve) => orphan.on('exit', (_code, signal) => resolve(signal)));
    await pool.prepare(claim, stage.first);
    expect(await ended).toBe('SIGKILL');
  });
});

describe('locks of git that others hold', () => {
  test('are waited for', async () => {
    using stage = await makeStage();
    stage.repository.git('sparse-checkout', 'set', 'src');
    stage.repository.git('config', '--worktree', 'core.bare', 'false');
    const pool = await stage.open();
    const locks = [stage.repository.path('.git/config.lock')];
    for (const lock of locks) writeFileSync(lock, '');
    setTimeout(
      () =>
        locks.forEach((lock) => {
          rmSync(lock);
        }),
      300,
    );
    const claim = pool.claim(RUN);
    const { git } = await pool.prepare(claim, stage.first);
    const own = join(git.repository.gitDir, 'orch', 'index.lock');
    writeFileSync(own, '');
    setTimeout(() => rmSync(own), 300);
    expect(dirtOf(filesOf(await pool.prepare(claim, stage.first), stage))).toBe('');
  });

  test('several processes make worktrees at the same time', async () => {
    using stage = await makeStage();
    const program = bundleProgram(
      join(import.meta.dirname, 'pool-program.ts'),
      makeTemporaryFolder(),
    );
    const make = (run: string) =>
      new Promise<string>((resolve) => {
        const words = ['make', stage.repository.top, stage.root, run, stage.first];
        const child = spawn(process.execPath, [program, ...words]);
        let said = '';
        child.stderr.on('data', (part) => (said += part));
        child.on('close', () => resolve(said));
      });
    expect(await Promise.all(['a', 'b', 'c'].map(make))).toEqual(['', '', '']);
    const pool = await stage.open();
    expect(pool.list().map(({ commit, exists }) => [commit, exists])).toEqual(
      Array.from({ length: 6 }, () => [stage.first, true]),
    );
    expect(readdirSync(stage.repository.path('.git/orch/pool/making'))).toEqual([]);
  });

  test('what a dead process has announced is in nobody’s way', async () => {
    using stage = await makeStage();
    const making = stage.repository.path('.git/orch/pool/making');
    mkdirSync(making, { recursive: true });
    const { pid } = spawnSync('true');
    const processes = createProcesses();
    const holder = { ...processes.place(), pid, start: '1', boot: processes.bootId() };
    writeFileSync(join(making, 'dead'), JSON.stringify(holder));
    writeFileSync(join(making, 'nonsense'), 'x');
    const pool = await stage.open();
    await pool.prepare(pool.claim(RUN), stage.first);
    expect(readdirSync(making)).toEqual([]);
  });

  test('what this process has announced and could not take back is in nobody’s way either', async () => {
    using stage = await makeStage();
    const making = stage.repository.path('.git/orch/pool/making');
    mkdirSync(making, { recursive: true });
    const processes = createProcesses();
    const holder = { ...processes.place(), ...processes.self(), boot: processes.bootId() };
    writeFileSync(join(making, 'own'), JSON.stringify(holder));
    const pool = await stage.open();
    await pool.prepare(pool.claim(RUN), stage.first);
    expect(readdirSync(making)).toEqual([]);
  });

  test('what a dead process has announced goes when a run lets go of its worktrees', async () => {
    using stage = await makeStage();
    const making = stage.repository.path('.git/orch/pool/making');
    mkdirSync(making, { recursive: true });
    const processes = createProcesses();
    const dead = { ...processes.place(), pid: spawnSync('true').pid, start: '1' };
    const living = { ...processes.place(), ...processes.self() };
    const boot = processes.bootId();
    writeFileSync(join(making, 'dead'), JSON.stringify({ ...dead, boot }));
    writeFileSync(join(making, 'living'), JSON.stringify({ ...living, boot }));
    const pool = await stage.open();
    pool.releaseOthers(RUN, []);
    expect(readdirSync(making)).toEqual(['living']);
  });
});

describe('removing', () => {
  test('deletes folder, record and what git knows of it; one that is claimed stays', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    expect(await pool.remove(claim.number)).toBe(false);
    pool.release(claim);
    expect(pool.list()).toMatchObject([
      { number: 1, run: null, commit: stage.first, exists: true },
    ]);
    expect(await pool.remove(claim.number)).toBe(true);
    expect(existsSync(claim.root)).toBe(false);
    expect(pool.list()).toEqual([]);
    expect(stage.repository.git('worktree', 'list').split('\n')).toHaveLength(1);
    expect(await pool.remove(claim.number)).toBe(true);
  });

  test('goes on where a removal was killed, and not beside one that lives', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    const processes = createProcesses();
    const write = (pid: number, start: string) =>
      writeFileSync(
        stage.repository.path('.git/orch/pool/1.claim'),
        JSON.stringify({
          ...{ v: 1, run: null, root: claim.root, claimedAtMs: 1 },
          remover: { ...processes.place(), boot: processes.bootId(), pid, start },
        }),
      );
    const self = processes.self();
    write(self.pid, self.start);
    expect(await pool.remove(1)).toBe(false);
    expect(pool.claim(RUN).number).toBe(2);
    write(self.pid, 'earlier');
    expect(await pool.remove(1)).toBe(true);
    expect(existsSync(claim.root)).toBe(false);
  });

  test('does not touch one that the user has locked', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    pool.release(claim);
    stage.repository.git('worktree', 'lock', '--reason', 'mine', claim.root);
    await expect(pool.remove(1)).rejects.toThrow(/is locked: mine\n.*git worktree unlock/s);
    expect(existsSync(claim.root)).toBe(true);
  });

  test('in a copy of the repository forgets the original’s worktrees and leaves their folders', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    pool.release(claim);
    const copy = join(stage.repository.folder, 'copy');
    spawnSync('cp', ['-a', stage.repository.top, copy]);
    const copied = await stage.open({}, copy);
    const own = copied.claim(RUN);
    expect(own.number).toBe(2);
    await copied.prepare(own, stage.first);
    expect(await copied.remove(1)).toBe(true);
    expect(textOf(filesOf({ claim } as never, stage), 'top.txt')).toBe('top\n');
    expect(pool.list()).toMatchObject([{ exists: true, commit: stage.first }]);
  });

  test('is refused where a link leads to another folder', async () => {
    using stage = await makeStage();
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    pool.release(claim);
    const elsewhere = join(stage.repository.folder, 'elsewhere');
    mkdirSync(join(elsewhere, '1'), { recursive: true });
    rmSync(dirname(claim.root), { recursive: true });
    symlinkSync(elsewhere, dirname(claim.root));
    await expect(pool.remove(1)).rejects.toThrow(/leads to another folder/);
    expect(existsSync(join(elsewhere, '1'))).toBe(true);
  });
});

test('the size is that of the disk, and a file with two names counts once', async () => {
  using stage = await makeStage();
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  expect(await pool.sizeBytes(claim)).toBe(0);
  const files = filesOf(await pool.prepare(claim, stage.first), stage);
  const before = await pool.sizeBytes(claim);
  files.write('big', Buffer.alloc(1_000_000, 1));
  linkSync(files.path('big'), files.path('again'));
  symlinkSync('/', files.path('link'));
  const grown = (await pool.sizeBytes(claim)) - before;
  expect(grown).toBeGreaterThanOrEqual(1_000_000);
  expect(grown).toBeLessThan(1_200_000);
});

test('a prepared worktree is a repository of its own for the ports', async () => {
  using stage = await makeStage();
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  const { git, workTree, port } = await pool.prepare(claim, stage.first);
  expect(await git.head()).toEqual({ oid: stage.first, ref: null });
  expect(git.repository).toEqual((await openGit(claim.root)).repository);
  expect(await workTree.glob(['src/**'])).toEqual(['src/a.ts', 'src/deep/b.ts']);
  expect(port).toBeUndefined();
  const opened = await pool.open(claim);
  expect(opened?.git.repository).toEqual(git.repository);
});

function gitDirOf(root: string): string {
  return readFileSync(join(root, '.git'), 'utf8').trim().slice('gitdir: '.length);
}
