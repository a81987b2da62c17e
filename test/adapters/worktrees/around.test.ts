/** What a job needs around its files: copies of ignored ones, a setup, the user's sparse patterns. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dirtOf, filesOf, makeStage, RUN, textOf } from './stage.ts';

const SETUP = { run: 'npm ci', reads: ['*.lock', 'pkg/{a,b}.json', '!c.lock'] };

describe('included files', () => {
  test('are ignored ones that match, from the setting and from .worktreeinclude', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    repository.write('.worktreeinclude', '# local\n/.env.local\nbuild/*\n!big.log\n');
    const commit = repository.commitAll('list');
    repository.write('.env', 'one', 0o600);
    repository.write('.env.local', 'two');
    repository.write('build/out.txt', 'three');
    repository.write('build/big.log', 'no');
    repository.write('src/.env', 'below');
    repository.write('other.log', 'no');
    repository.write('untracked.txt', 'unfinished');
    const pool = await stage.open({ include: ['.env', 'untracked.txt', 'top.txt'] });
    const claim = pool.claim(RUN);
    const files = filesOf(await pool.prepare(claim, commit), stage);
    expect(dirtOf(files).split('\n').sort()).toEqual([
      '!! .env',
      '!! .env.local',
      '!! build/out.txt',
      '!! src/.env',
    ]);
    expect(textOf(files, '.env')).toBe('one');
    expect(statSync(files.path('.env')).mode & 0o777).toBe(0o600);
    expect(textOf(files, 'src/.env')).toBe('below');
  });

  test('are brought up to date, put back when a job changed them, and go with their original', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    for (const path of ['.env', '.env.b', 'build/c.txt']) repository.write(path, 'old');
    const pool = await stage.open({ include: ['.env*', 'build/'] });
    const claim = pool.claim(RUN);
    const files = filesOf(await pool.prepare(claim, stage.first), stage);
    const kept = statSync(files.path('.env')).ino;
    files.write('.env.b', 'job');
    files.write('build/junk', 'x');
    repository.write('build/c.txt', 'new');
    utimesSync(repository.path('build/c.txt'), 1, 1);
    await pool.prepare(claim, stage.first);
    expect(statSync(files.path('.env')).ino).toBe(kept);
    expect(textOf(files, '.env.b')).toBe('old');
    expect(textOf(files, 'build/c.txt')).toBe('new');
    expect(existsSync(files.path('build/junk'))).toBe(false);
    repository.remove('build');
    await pool.prepare(claim, stage.first);
    expect(existsSync(files.path('build'))).toBe(false);
  });

  test('never take the place of what the commit tracks', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    repository.write('.env', 'tracked');
    repository.write('build/x', 'tracked');
    repository.git('add', '-f', '.env', 'build/x');
    repository.git('commit', '-qm', 'tracks them');
    const tracking = repository.git('rev-parse', 'HEAD');
    repository.git('rm', '-rq', '--cached', '.env', 'build');
    repository.git('commit', '-qm', 'not any more');
    repository.write('.env', 'mine');
    rmSync(repository.path('build'), { recursive: true });
    repository.write('build', 'a file');
    repository.write('.git/info/exclude', 'build\n');
    const pool = await stage.open({ include: ['.env', 'build'] });
    const files = filesOf(await pool.prepare(pool.claim(RUN), tracking), stage);
    expect(textOf(files, '.env')).toBe('tracked');
    expect(textOf(files, 'build/x')).toBe('tracked');
  });

  test('that are links are copied as links, and a link of the commit leads nothing outside', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    const outside = join(repository.folder, 'outside');
    mkdirSync(outside);
    symlinkSync(outside, repository.path('build'));
    repository.git('add', '-f', 'build');
    repository.git('commit', '-qm', 'a link');
    const linked = repository.git('rev-parse', 'HEAD');
    repository.git('rm', '-q', '--cached', 'build');
    repository.git('commit', '-qm', 'a folder');
    rmSync(repository.path('build'));
    repository.write('build/secret', 'x');
    symlinkSync('/etc/passwd', repository.path('.env'));
    const pool = await stage.open({ include: ['.env', 'build/'] });
    const claim = pool.claim(RUN);
    const files = filesOf(await pool.prepare(claim, linked), stage);
    expect(readlinkSync(files.path('.env'))).toBe('/etc/passwd');
    expect(existsSync(join(outside, 'secret'))).toBe(false);
    await pool.prepare(claim, stage.first);
    rmSync(files.path('build'), { recursive: true });
    symlinkSync(outside, files.path('build'));
    await pool.prepare(claim, stage.first);
    expect(textOf(files, 'build/secret')).toBe('x');
    expect(existsSync(join(outside, 'secret'))).toBe(false);
  });

  test('are refused where a line leaves the repository', async () => {
    using stage = await makeStage();
    stage.repository.write('.worktreeinclude', '../.ssh/id\n');
    const pool = await stage.open();
    await expect(pool.prepare(pool.claim(RUN), stage.first)).rejects.toThrow(
      /"\.\.\/\.ssh\/id" leaves the repository/,
    );
  });
});

describe('a setup', () => {
  test('runs in a new worktree, and again after it failed, until somebody says that it went', async () => {
    using stage = await makeStage();
    const pool = await stage.open({ setup: SETUP });
    const claim = pool.claim(RUN);
    expect((await pool.prepare(claim, stage.first)).setup).toBe('npm ci');
    expect((await pool.open(claim))?.setup).toBe('npm ci');
    const again = await pool.prepare(claim, stage.first);
    expect(again.setup).toBe('npm ci');
    const files = filesOf(again, stage);
    files.write('node_modules/x/index.js', 'x');
    files.write('a.log', 'x');
    pool.noteSetup(claim, ['node_modules/']);
    const ready = await pool.prepare(claim, stage.first);
    expect(ready.setup).toBeUndefined();
    expect((await (await stage.open({ setup: SETUP })).open(claim))?.setup).toBeUndefined();
    // What it made stays, and nothing else.
    expect(dirtOf(files)).toBe('!! node_modules/x/index.js');
  });

  test('runs again when the script or a file that it reads is another, on a clean worktree', async () => {
    using stage = await makeStage();
    const { repository } = stage;
    const commits = ['one.lock', 'pkg/a.json', 'c.lock', 'src/x.lock', 'unrelated'].map((path) => {
      repository.write(path, 'x');
      return repository.commitAll(path);
    });
    const pool = await stage.open({ setup: SETUP });
    const claim = pool.claim(RUN);
    const due: boolean[] = [];
    for (const commit of [stage.first, ...commits]) {
      const { setup } = await pool.prepare(claim, commit);
      due.push(setup !== undefined);
      if (setup === undefined) continue;
      expect(existsSync(join(claim.root, 'node_modules'))).toBe(false);
      mkdirSync(join(claim.root, 'node_modules'));
      pool.noteSetup(claim, ['node_modules']);
    }
    expect(due).toEqual([true, true, true, false, false, false]);
    const changed = await stage.open({ setup: { ...SETUP, run: 'npm install' } });
    expect((await changed.prepare(claim, commits.at(-1) ?? '')).setup).toBe('npm install');
    const without = await stage.open();
    expect((await without.prepare(claim, stage.first)).setup).toBeUndefined();
  });

  test('cannot have made anything outside its worktree', async () => {
    using stage = await makeStage();
    const pool = await stage.open({ setup: SETUP });
    const claim = pool.claim(RUN);
    await pool.prepare(claim, stage.first);
    for (const path of ['../x', '/etc', '']) {
      expect(() => pool.noteSetup(claim, [path])).toThrow(/cannot have made/);
    }
  });
});

describe('a sparse work tree', () => {
  test.for([
    ['in cone mode', ['set', '--cone', 'src'], ['.gitignore', 'src', 'top.txt']],
    ['by patterns', ['set', '--no-cone', '/bin/'], ['bin']],
  ] as const)('%s: the worktree has the same part', async ([, words, there]) => {
    using stage = await makeStage();
    stage.repository.git('sparse-checkout', ...words);
    const pool = await stage.open();
    const claim = pool.claim(RUN);
    const files = filesOf(await pool.prepare(claim, stage.first), stage);
    const names = () => filesIn(claim.root);
    expect(names()).toEqual(there);
    expect(dirtOf(files)).toBe('');
    // A file of the other part that a job makes is gone the next time.
    files.write('bin/run', 'job');
    files.write('src/a.ts', 'job');
    files.write('build/x', 'job');
    await pool.prepare(claim, stage.first);
    expect(names()).toEqual(there);
    expect(dirtOf(files)).toBe('');
    // Its patterns follow the user's.
    stage.repository.git('sparse-checkout', 'disable');
    await pool.prepare(claim, stage.first);
    expect(names()).toEqual(['.gitignore', 'bin', 'src', 'top.txt']);
    expect(dirtOf(files)).toBe('');
  });
});

test('submodules are left alone: an empty folder, which no job has filled, stays empty', async () => {
  using stage = await makeStage();
  const { repository } = stage;
  repository.git('update-index', '--add', '--cacheinfo', `160000,${stage.first},sub`);
  repository.git('commit', '-qm', 'a submodule');
  const commit = repository.git('rev-parse', 'HEAD');
  const pool = await stage.open();
  const claim = pool.claim(RUN);
  const files = filesOf(await pool.prepare(claim, commit), stage);
  expect(lstatSync(files.path('sub')).isDirectory()).toBe(true);
  await pool.prepare(claim, commit);
  expect(dirtOf(files)).toBe('');
  files.git('clone', '-q', repository.top, 'sub');
  await pool.prepare(claim, commit);
  expect(readFileSync(files.path('sub/top.txt'), 'utf8')).toBe('top\n');
  // In a commit without it, it is a repository like any other that a job has made.
  await pool.prepare(claim, stage.first);
  expect(existsSync(files.path('sub'))).toBe(false);
});

function filesIn(root: string): string[] {
  return readdirSync(root)
    .filter((name) => name !== '.git')
    .sort();
}
