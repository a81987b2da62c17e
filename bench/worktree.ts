/**
 * A used worktree brought to another commit against `git status` there: in turns, on a repository of
 * 50,000 files, of which each turn changes 10 first and adds one. The next commit differs in 10 others.
 *
 * And how long it takes to make one, against `git worktree add`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPorts } from '../src/adapters/create-ports.ts';
import { pairs, report, rowOf } from './harness.ts';

const FILES = 50_000;
const FILES_PER_FOLDER = 100;
const CHANGED_FILES = 10;
const PAIRS = 15;
const PAIRS_OF_MAKING = 3;

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orch-bench-')));
const top = join(folder, 'repository');

function git(cwd: string, ...args: string[]): string {
  const result = spawnSync('git', args, { cwd });
  if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.toString().trim();
}

function pathOf(root: string, file: number): string {
  const number = Math.floor(file / FILES_PER_FOLDER);
  return join(root, `d${number % 25}`, `s${number}`, `f${file % FILES_PER_FOLDER}.ts`);
}

let writes = 0;
/** @param offset which files: other ones for a commit than for a job */
function changeFiles(root: string, offset: number): void {
  writes += 1;
  for (let i = 0; i < CHANGED_FILES; i += 1) {
    const file = Math.floor(((i + 0.5) * FILES) / CHANGED_FILES) + offset;
    writeFileSync(pathOf(root, file), `write ${writes}\n`.repeat(5));
  }
}

function makeRepository(): readonly string[] {
  mkdirSync(top);
  git(top, 'init', '-q', '-b', 'main');
  git(top, 'config', 'user.name', 'Bench');
  git(top, 'config', 'user.email', 'bench@example.org');
  git(top, 'config', 'gc.auto', '0');
  for (let file = 0; file < FILES; file += 1) {
    if (file % FILES_PER_FOLDER === 0) mkdirSync(dirname(pathOf(top, file)), { recursive: true });
    writeFileSync(pathOf(top, file), `file ${file}\n`.repeat(5));
  }
  return ['base', 'next'].map((message, offset) => {
    changeFiles(top, offset);
    git(top, 'add', '-A');
    git(top, 'commit', '-qm', message);
    return git(top, 'rev-parse', 'HEAD');
  });
}

/** What a job leaves: some changes and a new file. */
function work(root: string): void {
  changeFiles(root, 7);
  writeFileSync(join(root, 'd3', `new-${writes}.txt`), 'new\n');
}

try {
  const commits = makeRepository();
  git(top, 'repack', '-adq');
  const ports = createPorts();
  const settings = { root: join(folder, 'cache'), include: [], ports: 0 };
  const pool = ports.openWorktreePool(await ports.openGit(top), settings);
  const claim = pool.claim('bench');
  await pool.prepare(claim, commits[0] ?? '');
  let turn = 0;
  const warm = await pairs(
    PAIRS,
    async () => {
      work(claim.root);
      turn += 1;
      await pool.prepare(claim, commits[turn % commits.length] ?? '');
    },
    () => {
      work(claim.root);
      git(claim.root, 'status', '--porcelain');
    },
  );
  let made = 0;
  const making = await pairs(
    PAIRS_OF_MAKING,
    async () => void (await pool.prepare(pool.claim('bench'), commits[0] ?? '')),
    () => void git(top, 'worktree', 'add', '-q', '--detach', `../made-${++made}`, commits[0] ?? ''),
  );
  report([
    rowOf('a used worktree to another commit / git status there, 50,000 files', warm, 1.3),
    rowOf('a new worktree / git worktree add, 50,000 files', making),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
