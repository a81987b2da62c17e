/**
 * Where a merge happens: a git folder, a work tree and an object folder that exist for this one merge.
 *
 * - `git merge-tree` takes no merge base (2.39), so the two sides are given as commits whose one parent
 *   is a commit of the base. These three are of no use to anybody afterwards, so they are loose objects
 *   in a folder of their own that git is told to look into, and the repository never sees them.
 * - It reads attributes from a work tree only. This one holds the attributes of `ours` and nothing else.
 * - It names the sides in conflict markers by what they were called on the command line. A git folder of
 *   its own (as that of a linked worktree) can call them OURS and THEIRS, without a ref for others to see.
 */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import type { Oid, Repository } from '../../ports/git.ts';
import { absolutePath, type BytePath } from './byte-paths.ts';
import type { GitCall, GitContext } from './git-program.ts';
import { makeTemporaryFolder } from './temporary-index.ts';
import { makeObject } from './tree-edit.ts';

export interface MergedTrees {
  readonly base: Oid;
  readonly ours: Oid;
  readonly theirs: Oid;
}

export interface MergePlace extends Disposable {
  readonly call: Required<Pick<GitCall, 'place' | 'env'>>;
  /** How the two sides are called there. */
  readonly names: { readonly ours: string; readonly theirs: string };
}

/** @param attributes content by path of the `.gitattributes` files of ours */
export function makeMergePlace(
  context: GitContext,
  trees: MergedTrees,
  attributes: ReadonlyMap<BytePath, Uint8Array>,
): MergePlace {
  const { repository, oidLength } = context;
  const folder = makeTemporaryFolder(repository);
  const worktree = join(folder.path, 'files');
  const objects = join(folder.path, 'objects');
  mkdirSync(worktree, { recursive: true });
  for (const [path, content] of attributes) {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    mkdirSync(absolutePath(worktree, parent), { recursive: true });
    writeFileSync(absolutePath(worktree, path), content);
  }
  const write = (tree: Oid, parents: readonly Oid[]) =>
    writeCommit(objects, tree, parents, oidLength);
  const base = write(trees.base, []);
  const sides = { OURS: write(trees.ours, [base]), THEIRS: write(trees.theirs, [base]) };
  const hasNames = !existsSync(join(repository.commonDir, 'reftable'));
  return {
    call: {
      place: {
        worktree,
        gitDir: hasNames ? makeGitFolder(folder.path, repository, sides) : repository.gitDir,
      },
      env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: quotePath(objects) },
    },
    // Only refs that are files can be put there by writing files.
    names: hasNames
      ? { ours: 'OURS', theirs: 'THEIRS' }
      : { ours: sides.OURS, theirs: sides.THEIRS },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** The same trees give the same commits, and so the same messages and markers. */
function writeCommit(objects: string, tree: Oid, parents: readonly Oid[], oidLength: number): Oid {
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    'author orch <orch@localhost> 0 +0000',
    'committer orch <orch@localhost> 0 +0000',
  ];
  const content = Buffer.from(`${lines.join('\n')}\n\nmerge\n`);
  const { oid } = makeObject('commit', content, oidLength);
  const path = join(objects, oid.slice(0, 2), oid.slice(2));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    deflateSync(Buffer.concat([Buffer.from(`commit ${content.length}\0`), content])),
  );
  return oid;
}

function makeGitFolder(
  folder: string,
  repository: Repository,
  sides: Readonly<Record<'OURS' | 'THEIRS', Oid>>,
): string {
  const gitDir = join(folder, 'git');
  mkdirSync(gitDir);
  writeFileSync(join(gitDir, 'commondir'), `${repository.commonDir}\n`);
  for (const [name, oid] of Object.entries({ HEAD: sides.OURS, ...sides })) {
    writeFileSync(join(gitDir, name), `${oid}\n`);
  }
  // Settings of the one worktree, where git keeps such: a merge driver can be among them.
  const settings = join(repository.gitDir, 'config.worktree');
  if (existsSync(settings)) copyFileSync(settings, join(gitDir, 'config.worktree'));
  return gitDir;
}

/** Between quotes, because a colon would begin another folder. */
function quotePath(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&')}"`;
}
