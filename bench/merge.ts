/**
 * `mergeChanges` of an attempt that changed 10 files, in a repository of 50,000, against bare
 * `git merge-tree --write-tree` of commits that are made ready beforehand: in turns, every turn with an
 * attempt of its own, and a tip that has moved on since the attempt began.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openGit } from '../src/adapters/git/open-git.ts';
import type { Oid } from '../src/ports/git.ts';
import { pairs, report, rowOf, runToEnd } from './harness.ts';

const FILES = 50_000;
const FILES_PER_FOLDER = 100;
const CHANGED_FILES = 10;
const PAIRS = 25;

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
const top = mkdtempSync(join(tmpdir(), 'orch-bench-'));

function git(...args: string[]): string {
  const result = spawnSync('git', args, { cwd: top });
  if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.toString().trim();
}

function pathOf(file: number): string {
  const folder = Math.floor(file / FILES_PER_FOLDER);
  return join(`d${folder % 25}`, `s${folder}`, `f${file % FILES_PER_FOLDER}.ts`);
}

function makeRepository(): void {
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('config', 'gc.auto', '0');
  writeFileSync(join(top, '.gitattributes'), '*.lock -merge\n');
  for (let file = 0; file < FILES; file += 1) {
    const path = join(top, pathOf(file));
    if (file % FILES_PER_FOLDER === 0) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `file ${file}\n`.repeat(5));
  }
  git('add', '-A');
  git('commit', '-qm', 'base');
  git('repack', '-adq');
}

/** A commit on `parent` that changes 10 files, `shift` away from those of another one. */
function changed(parent: Oid, shift: number, words: string): Oid {
  git('read-tree', parent);
  for (let i = 0; i < CHANGED_FILES; i += 1) {
    const path = pathOf(Math.floor(((i + 0.5) * FILES) / CHANGED_FILES) + shift);
    writeFileSync(join(top, path), `${words}\n`.repeat(5));
    git('update-index', '--add', path);
  }
  return git('commit-tree', git('write-tree'), '-p', parent, '-m', words);
}

try {
  makeRepository();
  const base = git('rev-parse', 'HEAD');
  const attempts = Array.from({ length: 2 * (PAIRS + 1) }, (_, i) => {
    return {
      ours: changed(base, 2 * i, `ours ${i}`),
      theirs: changed(base, 2 * i + 1, `theirs ${i}`),
    };
  });
  let next = 0;
  const take = () => attempts[next++] ?? { ours: base, theirs: base };
  const port = await openGit(top);
  const ours = async () => {
    const result = await port.mergeChanges({ base, ...take() });
    if (result.conflicts.length > 0) throw new Error('an attempt that does not merge');
  };
  const bare = () => {
    const attempt = take();
    const args = ['merge-tree', '--write-tree', '-z', attempt.ours, attempt.theirs];
    runToEnd('git', args, { cwd: top });
  };
  const times = await pairs(PAIRS, ours, bare);
  report([rowOf('mergeChanges / git merge-tree, 10 of 50,000 files', times, 2)]);
} finally {
  rmSync(top, { recursive: true, force: true });
}
