/**
 * Settles the conflicts of a merge by taking one side of each. Decides only, from lists of changes.
 *
 * The favoured side's files stand at their own paths afterwards, and what the other side had there is
 * dropped. Two things make that more than a choice between stages:
 *
 * - The stages of a rename can hold a merged file, markers included, so what the favoured side has at a
 *   path is read off its tree. A stage counts only where the other side moved the favoured one's file.
 * - Where a dropped file had been moved there from a path that the favoured side still has, that file
 *   comes back, or both versions of it would be lost.
 */
import type { Change } from '../../ports/git.ts';
import { type BytePath, parentFolders } from './byte-paths.ts';
import type { ByteConflict } from './merge-output.ts';
import type { TreeItem } from './tree-edit.ts';

export interface Settlement {
  readonly favor: 'ours' | 'theirs';
  readonly conflicts: readonly ByteConflict[];
  /** What each differs in from the base. */
  readonly changes: Readonly<Record<'favored' | 'other' | 'merged', readonly Change[]>>;
  /** Where the other side moved files: old path by new path. */
  readonly moves: ReadonlyMap<BytePath, BytePath>;
  /** What git calls the sides, in names such as `a~OURS`. */
  readonly names: readonly string[];
}

type Place = TreeItem | null;
type Side = keyof Settlement['changes'];

/** @returns what has to be different in the merged tree */
export function planSettlement(settlement: Settlement): Map<BytePath, Place> {
  const { conflicts, moves, favor, changes } = settlement;
  const at = lookUp(changes);
  const edits = new Map<BytePath, Place>();
  const dropped = new Set<BytePath>();
  const inResult = (path: BytePath) =>
    edits.get(path) ?? (edits.has(path) ? null : at('merged', path));

  const put = (path: BytePath, item: TreeItem): void => {
    edits.set(path, item);
    for (const parent of parentFolders(path)) if (inResult(parent) !== null) drop(parent);
    for (const below of pathsBelow(path, changes)) if (inResult(below) !== null) drop(below);
  };
  /** Takes the other side's file away; the one that it was moved from comes back. */
  const drop = (path: BytePath): void => {
    if (at('merged', path) !== null) edits.set(path, null);
    dropped.add(path);
    const source = moves.get(path);
    if (source !== undefined) restore(source);
  };
  const restore = (path: BytePath): void => {
    const item = at('favored', path);
    if (item !== null && inResult(path) === null) put(path, item);
  };
  const settle = (path: BytePath, stage: Place): void => {
    const own = at('favored', path);
    const isBlocked = [...parentFolders(path)].some((parent) => at('favored', parent) !== null);
    if (own === null && stage !== null && !isBlocked) return put(path, stage);
    drop(path);
    if (own !== null) put(path, own);
  };

  const madeUp = createNameCheck(settlement, at);
  for (const conflict of conflicts) {
    const { path } = conflict;
    const original = madeUp(path);
    if (original === undefined) settle(path, conflict[favor]);
    else {
      edits.set(path, null);
      settle(original, null);
    }
  }
  // What the favoured side edited and the other one moved is in the file at the new path, or comes back.
  const movedTo = new Map([...moves].map(([to, from]) => [from, to]));
  const edited = new Set(changes.favored.map(({ path }) => path));
  for (const { path, status } of changes.other) {
    if (status !== 'deleted' || !edited.has(path)) continue;
    const to = movedTo.get(path);
    if (to === undefined || dropped.has(to) || inResult(to) === null) restore(path);
  }
  return edits;
}

/** What a tree has at a path that at least one of the trees has changed; null for nothing. */
function lookUp(changes: Settlement['changes']): (side: Side, path: BytePath) => Place {
  const maps = {
    favored: byPath(changes.favored),
    other: byPath(changes.other),
    merged: byPath(changes.merged),
  };
  return (side, path) => {
    const own = maps[side].get(path);
    if (own !== undefined) return newItem(own);
    const any = maps.favored.get(path) ?? maps.other.get(path) ?? maps.merged.get(path);
    return any === undefined ? null : oldItem(any);
  };
}

function byPath(changes: readonly Change[]): ReadonlyMap<BytePath, Change> {
  return new Map(changes.map((change) => [change.path, change]));
}

function newItem({ status, newMode, newOid }: Change): Place {
  return status === 'deleted' ? null : { mode: newMode, oid: newOid };
}

function oldItem({ status, oldMode, oldOid }: Change): Place {
  return status === 'added' ? null : { mode: oldMode, oid: oldOid };
}

function pathsBelow(folder: BytePath, changes: Settlement['changes']): BytePath[] {
  const all = [...changes.favored, ...changes.other, ...changes.merged];
  return [...new Set(all.map(({ path }) => path))].filter((path) => path.startsWith(`${folder}/`));
}

/** @returns the path that git had no room for, when it has put a file beside it under a name of its own */
function createNameCheck(
  { names }: Settlement,
  at: ReturnType<typeof lookUp>,
): (path: BytePath) => BytePath | undefined {
  const suffix = new RegExp(`~(?:${names.join('|')})(?:_\\d+)?$`);
  return (path) => {
    const isReal = at('favored', path) !== null || at('other', path) !== null;
    return isReal || !suffix.test(path) ? undefined : path.replace(suffix, '');
  };
}
