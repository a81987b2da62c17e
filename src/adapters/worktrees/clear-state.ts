/**
 * Forgets what a job has begun in the git folder of its worktree: merges, rebases, bisections, locks
 * of killed processes, the log of HEAD, settings of this worktree alone.
 *
 * What git needs is named, and everything else goes: that holds for states of later versions too.
 * Branches are elsewhere and stay. `modules` stays because submodules are left alone.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import { crashPoint } from '../crash-point.ts';
import { deleteTree } from './delete-tree.ts';

const NEEDED: ReadonlySet<string> = new Set([
  'HEAD',
  'commondir',
  'gitdir',
  'index',
  'info',
  'config.worktree',
  'locked',
  'modules',
  'orch',
  // With the newer store of refs, HEAD is in here.
  'reftable',
]);

/** As they were when the worktree was made; relative to its git folder. */
const SETTINGS = ['config.worktree', 'info/sparse-checkout'] as const;

/** Below `<gitDir>/orch`. */
const copyOf = (gitDir: string, path: string) => join(gitDir, 'orch', 'as-made', path);

/** Keeps the settings that git has given a new worktree. */
export function rememberSettings(gitDir: string): void {
  for (const path of SETTINGS) copySetting(join(gitDir, path), copyOf(gitDir, path));
}

export async function clearState(gitDir: string, root: string): Promise<void> {
  crashPoint('worktree state:before');
  for (const name of readdirSync(gitDir)) {
    const isRefs =
      name === 'refs' && lstatSync(join(gitDir, 'reftable'), { throwIfNoEntry: false });
    if (!NEEDED.has(name) && !isRefs) await deleteTree(Buffer.from(join(gitDir, name)));
  }
  for (const path of SETTINGS) copySetting(copyOf(gitDir, path), join(gitDir, path));
  await restoreLink(gitDir, join(root, '.git'));
  crashPoint('worktree state:after');
}

function copySetting(from: string, to: string): void {
  const bytes = readIfThere(from);
  if (bytes === undefined) return rmSync(to, { force: true });
  if (readIfThere(to)?.equals(bytes)) return;
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, bytes);
}

/** The file that leads from the worktree to its git folder; a job may have made a repository of its own. */
async function restoreLink(gitDir: string, path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  const isFile = stats?.isFile() === true;
  const target = isFile ? readFileSync(path, 'utf8').trim() : undefined;
  if (target === `gitdir: ${gitDir}`) return;
  if (stats !== undefined) await deleteTree(Buffer.from(path));
  writeFileSync(path, `gitdir: ${gitDir}\n`);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
