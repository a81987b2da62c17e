/**
 * What orch wants from git, in orch's own words. Two adapters keep this contract (the git command
 * line; isomorphic-git where there is no git program) and one conformance suite holds both to the
 * same object ids.
 *
 * Nothing here touches the user's index, HEAD, branch, stash or hooks, except `adoptCommit` and
 * `checkOutConflict`, which say so.
 */

import type { Oid } from '../base/ids.ts';

export type { Oid };

export interface Repository {
  /** Absolute, symbolic links resolved. */
  readonly worktree: string;
  /** `.git` of this worktree. */
  readonly gitDir: string;
  /** Shared by all worktrees of the repository; holds `orch/`. */
  readonly commonDir: string;
}

export interface Head {
  /** Null in a repository without commits. */
  readonly oid: Oid | null;
  /** `refs/heads/main`; null when detached. */
  readonly ref: string | null;
}

export type LeftOutReason =
  | 'too_large'
  | 'nested_repository'
  | 'newly_unignored'
  | 'unreadable'
  /** Its new content looks like a secret (`secrets: refuse`); the path is as in the checkpoint before. */
  | 'secret'
  /** The user has told git not to look at it (`update-index`, a sparse checkout), and it is there. */
  | 'assume_unchanged'
  | 'skip_worktree';

export interface LeftOut {
  readonly path: string;
  readonly reason: LeftOutReason;
  readonly sizeBytes?: number;
}

export interface SnapshotRequest {
  /** Absolute path of the run's private index; made from the user's index when it does not exist. */
  readonly index: string;
  /** Absolute path of the index that it is made from, in place of the user's. */
  readonly from?: string;
  /** Paths (files or folders, relative to the top) whose state in the index stays as it is. */
  readonly exclude: readonly string[];
  /** Files not tracked yet that are larger are left out and named. */
  readonly maxFileSizeBytes: number;
  /** Another private index, whose list of paths that were ignored in the beginning counts in place of its own. */
  readonly ignoredAsIn?: string;
  /**
   * What was left out when the run began. As long as it is not tracked it stays out and is named with
   * its old reason, whatever has become of it: taken in later, a rollback would delete it.
   */
  readonly keepOut?: readonly LeftOut[];
}

export interface Snapshot {
  readonly tree: Oid;
  readonly leftOut: readonly LeftOut[];
}

export interface CommitRequest {
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly message: string;
}

export interface RefUpdate {
  readonly ref: string;
  /** Null deletes. */
  readonly to: Oid | null;
  /** What the ref must be now: null, it must not exist; undefined, anything. */
  readonly from?: Oid | null;
}

/** What a path of a tree is to hold: bytes, as an ordinary file; an object that is there; or nothing. */
export type FileContent = Uint8Array | { readonly mode: string; readonly oid: Oid } | null;

export interface Commit {
  readonly oid: Oid;
  readonly tree: Oid;
  readonly parents: readonly Oid[];
  readonly message: string;
  /** Seconds since 1970. */
  readonly committedAt: number;
}

export interface TreeEntry {
  readonly path: string;
  readonly mode: string;
  readonly oid: Oid;
}

export interface Change {
  readonly path: string;
  readonly status: 'added' | 'deleted' | 'modified';
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldOid: Oid;
  readonly newOid: Oid;
}

/** One side of a conflict: what a path holds there. */
export interface ConflictSide {
  readonly mode: string;
  readonly oid: Oid;
}

export interface MergeConflict {
  readonly path: string;
  /** Null where the path does not exist on that side. */
  readonly base: ConflictSide | null;
  readonly ours: ConflictSide | null;
  readonly theirs: ConflictSide | null;
  /** In git's words, one line: `CONFLICT (content): Merge conflict in a.txt`. */
  readonly message: string;
}

export interface MergeRequest {
  /** Commits or trees. `theirs` was made from `base`; what it changed is brought to `ours`. */
  readonly base: Oid;
  readonly ours: Oid;
  readonly theirs: Oid;
  /** Conflicts are settled by taking this side of each; none are left then. */
  readonly favor?: 'ours' | 'theirs';
}

export interface MergeResult {
  /** The merged tree; where there are conflicts, their files hold both sides between markers. */
  readonly tree: Oid;
  /** Empty when it went; with `favor`, the ones that were settled. */
  readonly conflicts: readonly MergeConflict[];
  /** Some of them are left in `tree`. */
  readonly isOpen: boolean;
}

/** Entries of an index that are to change: where two trees differ, to what the second one has. */
export interface IndexMove {
  readonly from: Oid;
  readonly to: Oid;
  /** Files or folders that stay as they are. */
  readonly exclude: readonly string[];
}

/** What git says of itself and of a folder, whether or not orch can work there. */
export interface GitDescription {
  /** `2.39.5`; null when there is no git program. */
  readonly version: string | null;
  /** `core.fsmonitor` in lower case to the last value that was set, of all settings that hold there. */
  readonly settings: ReadonlyMap<string, string>;
}

export interface GitPort {
  readonly kind: 'git' | 'embedded';
  readonly repository: Repository;

  head(): Promise<Head>;
  /** The tree of the user's index as it is now; null when it cannot be written (unmerged paths). */
  userIndexTree(): Promise<Oid | null>;

  /**
   * Brings the private index up to the work tree and writes its tree. The objects are on their way to
   * the disk when it returns, and durable when `commit` does.
   */
  snapshot(request: SnapshotRequest): Promise<Snapshot>;
  /** The same tree with some files replaced or (null) removed. */
  treeWithFiles(tree: Oid, files: ReadonlyMap<string, FileContent>): Promise<Oid>;
  emptyTree(): Promise<Oid>;
  /** A tree of these files of the work tree alone, ignored or not, with their modes. */
  treeOfPaths(paths: readonly string[]): Promise<Oid>;
  commit(request: CommitRequest): Promise<Oid>;
  /** All or nothing. @throws OrchError ORCH_REF_MOVED when a `from` does not hold */
  updateRefs(updates: readonly RefUpdate[]): Promise<void>;
  /** True when every object of `oid` that is not reachable from `known` is there. */
  isComplete(oid: Oid, known: readonly Oid[]): Promise<boolean>;

  resolve(revision: string): Promise<Oid | null>;
  listRefs(prefix: string): Promise<{ readonly ref: string; readonly oid: Oid }[]>;
  readCommit(oid: Oid): Promise<Commit>;
  /** First parents from `tip` until `stop` (not included) or the root, newest first. */
  firstParents(tip: Oid, stop: Oid | null): Promise<Commit[]>;
  isAncestor(ancestor: Oid, descendant: Oid): Promise<boolean>;
  /** Null when there is no such file. */
  readFile(revision: Oid, path: string): Promise<Uint8Array | null>;
  /** Files below a path ('' for all), recursively. */
  listFiles(revision: Oid, path: string): Promise<TreeEntry[]>;
  diffTrees(from: Oid, to: Oid): Promise<Change[]>;
  /** Contents of blobs by id; those with more than `maxBytes`, or gone, are left out. */
  readBlobs(oids: readonly Oid[], maxBytes: number): Promise<Map<Oid, Uint8Array>>;
  /** A unified diff for people. */
  diffText(
    from: Oid,
    to: Oid,
    options: {
      readonly color: boolean;
      readonly stat: boolean;
      /** Folders relative to the top that are left out. */
      readonly exclude?: readonly string[];
    },
  ): Promise<string>;

  /**
   * Paths that stand in the way of going from one tree to another: in neither tree at that path but
   * on disk (ignored or left-out files), and would be overwritten.
   */
  inTheWay(from: Oid, to: Oid, exclude: readonly string[]): Promise<string[]>;
  /**
   * Writes and deletes only what differs, in the work tree alone; safe to repeat after a crash. With
   * `index`, that private index then tracks what `to` has, ignored files included: without it the
   * next snapshot would miss a file that was added by force.
   */
  restoreWorkTree(from: Oid, to: Oid, exclude: readonly string[], index?: string): Promise<void>;

  /** Merge of two commits without touching anything; conflicting paths when it does not go. */
  mergeTrees(
    ours: Oid,
    theirs: Oid,
  ): Promise<{ readonly tree: Oid } | { readonly conflicts: readonly string[] }>;
  /**
   * Brings the changes from `base` to `theirs` to `ours`, without touching anything: no index, no files,
   * no ref. Attributes and merge drivers are those of `ours`.
   * @throws OrchError ORCH_NEEDS_GIT with the embedded git
   */
  mergeChanges(request: MergeRequest): Promise<MergeResult>;
  /**
   * In a worktree of orch's own that stands cleanly at `ours`: its files become those of the merge, and
   * its index gets the conflicting paths with the sides they have, as after `git merge`. HEAD stays. Safe
   * to repeat after a crash.
   * @throws OrchError ORCH_NEEDS_GIT with the embedded git
   */
  checkOutConflict(request: { readonly ours: Oid; readonly result: MergeResult }): Promise<void>;
  /**
   * Moves the current branch (or detached HEAD) and the user's index to `commit`, and leaves the files.
   * With `move`, the index changes there alone, and whatever else is staged stays so.
   * @throws OrchError ORCH_NEEDS_GIT for `move` with the embedded git
   */
  adoptCommit(commit: Oid, expectedHead: Oid | null, move?: IndexMove): Promise<void>;
  /** Writes files below `path` of a commit into the work tree. */
  checkOutPath(commit: Oid, path: string): Promise<void>;
  setConfig(key: string, value: string): Promise<void>;
}
