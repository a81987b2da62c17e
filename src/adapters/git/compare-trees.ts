/**
 * What differs between two trees, folders included. Only folders that differ are read, so for what a run
 * changes this is quicker than a process; where very many do, `git diff-tree` is. Both say the same, in the
 * same order.
 */
import { oid as isOid } from '../../base/shape.ts';
import type { Oid } from '../../ports/git.ts';
import { type BytePath, splitNul } from './byte-paths.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readObjects, treeOf } from './read-objects.ts';
import { parseTree, type TreeChange, type TreeItem, type TreeItems } from './tree-edit.ts';

export const FOLDER_MODE = '040000';
export const NO_MODE = '000000';
/** Where so many folders differ, git is quicker. */
const MOST_FOLDERS = 500;

/** @param from @param to trees, or commits */
export async function compareTrees(
  context: GitContext,
  from: Oid,
  to: Oid,
): Promise<readonly TreeChange[]> {
  const known = context.memory.comparison(from, to);
  if (known !== undefined) return known;
  const changes =
    (await compareFolders(context, from, to)) ?? (await askForChanges(context, from, to));
  // A name that is no id may mean something else tomorrow.
  if (isOid(from) && isOid(to)) context.memory.keepComparison(from, to, changes);
  return changes;
}

/** @returns undefined when too many folders differ */
async function compareFolders(
  context: GitContext,
  from: Oid,
  to: Oid,
): Promise<TreeChange[] | undefined> {
  if (!isOid(from) || !isOid(to)) return undefined;
  const changes: TreeChange[] = [];
  let level: FolderPair[] = [
    { prefix: '', from: await treeOf(context, from), to: await treeOf(context, to) },
  ];
  for (let looked = level.length; level.length > 0; looked += level.length) {
    if (looked > MOST_FOLDERS) return undefined;
    const trees = await readObjects(
      context,
      level.flatMap(({ from, to }) => [from, to].filter((oid) => oid !== undefined)),
    );
    const itemsOf = (oid: Oid | undefined): TreeItems => {
      const tree = oid === undefined ? undefined : trees.get(oid);
      return tree === undefined ? new Map() : parseTree(tree.content, context.oidLength);
    };
    const next: FolderPair[] = [];
    for (const { prefix, from, to } of level) {
      for (const change of compareItems(context, prefix, itemsOf(from), itemsOf(to))) {
        changes.push(change);
        const wasFolder = change.oldMode === FOLDER_MODE;
        const isFolder = change.newMode === FOLDER_MODE;
        if (!wasFolder && !isFolder) continue;
        next.push({
          prefix: `${change.path}/`,
          from: wasFolder ? change.oldOid : undefined,
          to: isFolder ? change.newOid : undefined,
        });
      }
    }
    level = next;
  }
  return changes.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** A folder stands where a file of its name with a `/` behind it would. */
function sortKey({ path, oldMode, newMode }: TreeChange): string {
  return oldMode === FOLDER_MODE || newMode === FOLDER_MODE ? `${path}/` : path;
}

/** One folder on both sides; undefined where it is not. */
interface FolderPair {
  readonly prefix: BytePath;
  readonly from: Oid | undefined;
  readonly to: Oid | undefined;
}

function compareItems(
  { oidLength }: GitContext,
  prefix: BytePath,
  before: TreeItems,
  after: TreeItems,
): TreeChange[] {
  const nothing = { mode: NO_MODE, oid: '0'.repeat(oidLength) };
  const changes: TreeChange[] = [];
  const add = (name: BytePath, from: TreeItem, to: TreeItem) =>
    changes.push({
      path: `${prefix}${name}`,
      oldMode: from.mode,
      newMode: to.mode,
      oldOid: from.oid,
      newOid: to.oid,
    });
  for (const [name, was] of before) {
    const from = { mode: canonicalMode(was.mode), oid: was.oid };
    const now = after.get(name);
    const to = now && { mode: canonicalMode(now.mode), oid: now.oid };
    if (to === undefined) add(name, from, nothing);
    else if ((from.mode === FOLDER_MODE) !== (to.mode === FOLDER_MODE)) {
      // A file that becomes a folder: one goes, the other comes.
      add(name, from, nothing);
      add(name, nothing, to);
    } else if (from.oid !== to.oid || from.mode !== to.mode) add(name, from, to);
  }
  for (const [name, { mode, oid }] of after) {
    if (!before.has(name)) add(name, nothing, { mode: canonicalMode(mode), oid });
  }
  return changes;
}

/** As git prints it; of a file's permissions only the execute bit of its owner counts. */
function canonicalMode(mode: string): string {
  const bits = Number.parseInt(mode, 8);
  if ((bits & 0o170000) === 0o100000) return bits & 0o100 ? '100755' : '100644';
  return mode.padStart(NO_MODE.length, '0');
}

async function askForChanges(context: GitContext, from: Oid, to: Oid): Promise<TreeChange[]> {
  const { stdout } = await runGit(context, {
    args: [
      'diff-tree',
      '-r',
      '-t',
      '-z',
      '--raw',
      '--no-renames',
      '--no-abbrev',
      '--end-of-options',
      from,
      to,
      '--',
    ],
  });
  const fields = splitNul(stdout);
  const changes: TreeChange[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    // `:100644 100644 <oid> <oid> M` and the path
    const [oldMode = '', newMode = '', oldOid = '', newOid = ''] = (fields[i] ?? '')
      .slice(1)
      .split(' ');
    changes.push({ path: fields[i + 1] ?? '', oldMode, newMode, oldOid, newOid });
  }
  return changes;
}
