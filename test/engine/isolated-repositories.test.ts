/**
 * Isolated runs in repositories of every kind: they work as in a plain one, or they refuse and say why,
 * and leave the user's checkout alone either way.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome } from '../rig/runs.ts';

// Whole runs, with dozens of processes each.
vi.setConfig({ testTimeout: 300_000 });

const WORKFLOW = `
name: w
workspace: isolated
concurrency: 2
steps:
  a: { run: 'echo a > a.txt' }
  b: { run: 'echo b > dir/b.txt' }
  c: { needs: [a, b], run: 'cat a.txt dir/b.txt > c.txt' }
gates:
  - { name: there, level: light, run: 'cat a.txt dir/b.txt' }
`;

function fill(repository: TestRepository): void {
  repository.write('dir/old.txt', 'old\n');
  repository.write('big/file.txt', 'big\n');
  repository.commitAll('first');
}

/** Runs to the end in a checkout, which must stay as it is. */
async function runIn(checkout: TestRepository) {
  checkout.write('../w.yaml', WORKFLOW);
  const look = () => [
    checkout.git('status', '--porcelain=v2', '--branch', '--untracked-files=all'),
    checkout.git('ls-files', '-s', '-t'),
  ];
  const before = look();
  const env = { XDG_CACHE_HOME: join(checkout.folder, 'cache') };
  const args = ['run', join(checkout.top, '..', 'w.yaml'), '--json'];
  const outcome = await runOrch(args, { cwd: checkout.top, env });
  expect(look()).toEqual(before);
  return outcome;
}

async function expectResult(checkout: TestRepository): Promise<string> {
  const outcome = await runIn(checkout);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  const { run } = asRunOutcome(outcome);
  const read = (path: string) => checkout.git('cat-file', 'blob', `orch/${run}:${path}`);
  expect(read('c.txt')).toBe('a\nb');
  expect(read('dir/old.txt')).toBe('old');
  expect(read('big/file.txt')).toBe('big');
  return run;
}

test('a linked worktree: the run belongs to it, and its pool is that of the repository', async () => {
  using main = makeRepository();
  fill(main);
  main.git('worktree', 'add', '-q', '-b', 'side', '../linked');
  const linked = openTestRepository(join(main.folder, 'linked'), main.folder);
  linked.write('mine.txt', 'mine\n');
  const run = await expectResult(linked);
  expect(main.git('cat-file', 'blob', `orch/${run}:mine.txt`)).toBe('mine');
  expect(main.git('status', '--porcelain')).toBe('');
});

test('a worktree of a bare repository', async () => {
  using main = makeRepository();
  fill(main);
  main.git('clone', '-q', '--bare', '.', '../bare.git');
  main.git('--git-dir=../bare.git', 'worktree', 'add', '-q', '../tree');
  const tree = openTestRepository(join(main.folder, 'tree'), main.folder);
  await expectResult(tree);
});

test('a bare repository itself has no work tree to begin from, and says so', async () => {
  using main = makeRepository();
  fill(main);
  main.git('clone', '-q', '--bare', '.', '../bare.git');
  main.write('../w.yaml', WORKFLOW);
  const cwd = join(main.folder, 'bare.git');
  const { code, stderr } = await runOrch(['run', '../w.yaml'], { cwd });
  expect(code).toBeGreaterThan(1);
  expect(stderr).toContain('fix:');
});

test('a sparse checkout: files that are not there stay in the result', async () => {
  using repository = makeRepository();
  fill(repository);
  repository.git('sparse-checkout', 'set', 'dir');
  await expectResult(repository);
});

test('a repository with a submodule: its commit is kept, its files are nobody’s business', async () => {
  using inner = makeRepository();
  inner.write('inner.txt', 'inner\n');
  inner.commitAll('inner');
  using repository = makeRepository();
  fill(repository);
  repository.git(
    '-c',
    'protocol.file.allow=always',
    'submodule',
    '--quiet',
    'add',
    inner.top,
    'sub',
  );
  repository.commitAll('with submodule');
  const run = await expectResult(repository);
  expect(repository.git('rev-parse', `orch/${run}:sub`)).toBe(inner.git('rev-parse', 'HEAD'));
});

test('a submodule itself', async () => {
  using inner = makeRepository();
  fill(inner);
  using outer = makeRepository();
  outer.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.top, 'sub');
  outer.commitAll('with submodule');
  const sub = openTestRepository(outer.path('sub'), outer.folder);
  sub.git('config', 'user.name', 'Ada Lovelace');
  sub.git('config', 'user.email', 'ada@example.org');
  // The workflow is put beside the submodule, into the checkout around it.
  await expectResult(sub);
});

test('a repository inside another one, ignored or not, stays where it is', async () => {
  using repository = makeRepository();
  fill(repository);
  const inner = openTestRepository(repository.path('inner'), repository.folder);
  mkdirSync(inner.top);
  inner.git('init', '-q');
  inner.write('inner.txt', 'inner\n');
  const run = await expectResult(repository);
  expect(repository.git('ls-tree', '-r', '--name-only', `orch/${run}`)).not.toContain('inner');
  expect(inner.git('status', '--porcelain')).toBe('?? inner.txt');
});

test('a repository without commits', async () => {
  using repository = makeRepository();
  repository.write('dir/old.txt', 'old\n');
  repository.write('big/file.txt', 'big\n');
  await expectResult(repository);
});

test('a repository whose ids are sha256', async () => {
  using repository = makeRepository({ init: ['--object-format=sha256'] });
  fill(repository);
  await expectResult(repository);
});

test('a worktree of the pool that the user deleted or pruned is made again', async () => {
  using repository = makeRepository();
  fill(repository);
  await expectResult(repository);
  rmSync(join(repository.folder, 'cache'), { recursive: true });
  await expectResult(repository);
  rmSync(join(repository.folder, 'cache'), { recursive: true });
  repository.git('worktree', 'prune');
  await expectResult(repository);
});
