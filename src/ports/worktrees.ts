/**
 * What orch wants for isolated work: a pool of git worktrees in which steps and gates of a run work,
 * each from a commit that orch names. They lie outside the repository and are used again: only what
 * differs from the last use is checked out.
 *
 * A worktree belongs to one run while it is claimed. A claim is a file in the common git directory, so
 * it survives the process that made it and is seen by every other one.
 */
import type { GitPort, Oid } from './git.ts';
import type { WorkTreePort } from './work-tree.ts';

/** A worktree of the pool, by its number: the place is known before anything is checked out there. */
export interface WorktreeClaim {
  /** From 1; never used by two runs, or by two attempts of a run, at once. */
  readonly number: number;
  /** Absolute path. */
  readonly root: string;
}

export interface WorktreeSetup {
  /** Shell script that makes a worktree ready: `npm ci`. It runs as part of the first job there. */
  readonly run: string;
  /** Paths and globs of tracked files; it runs again when one of them is another in the wanted commit. */
  readonly reads: readonly string[];
}

/** What a job needs around its files; from `worktree` in config.yaml. */
export interface WorktreeSettings {
  /** Folder above those of all repositories; absolute. */
  readonly root: string;
  /**
   * Which of the files that git ignores a job needs nevertheless, in the words of .gitignore; copied from
   * the user's work tree. What its `.worktreeinclude` lists is copied too.
   */
  readonly include: readonly string[];
  readonly setup?: WorktreeSetup;
  /** How many ports each worktree has for itself; 0 for none. */
  readonly ports: number;
}

/**
 * A worktree that stands at the wanted commit: tracked files as there, nothing else but what was included
 * or set up. Submodules are left alone: their folders are made, and nobody fills or cleans them.
 */
export interface PreparedWorktree {
  readonly claim: WorktreeClaim;
  /** Absolute path of the index as it was when the worktree was brought to its commit. */
  readonly index: string;
  readonly git: GitPort;
  readonly workTree: WorkTreePort;
  /** The setup script when it has to run before the next job; absent when what it made is there and still good. */
  readonly setup?: string;
  /** First of its ports; absent without `ports`. */
  readonly port?: number;
}

export interface WorktreeRecord extends WorktreeClaim {
  /** The run that claims it; null when it is free, or being removed. */
  readonly run: string | null;
  /** The commit it was brought to the last time; null before the first, and when that was cut off. */
  readonly commit: Oid | null;
  /** When it was claimed or given back the last time; milliseconds since 1970. */
  readonly usedAtMs: number;
  /** False when its folder is gone. */
  readonly exists: boolean;
}

export interface WorktreePool {
  /** Claims a free worktree, the warmest first, or a number for a new one. Only writes the claim. */
  claim(run: string): WorktreeClaim;
  /** One that this run has claimed before, in this process or an earlier one; undefined when it has not. */
  claimed(run: string, number: number): WorktreeClaim | undefined;
  /**
   * Makes the worktree where there is none, and brings it to a commit. Whatever else is in it is deleted:
   * the caller has pinned what counts. Waits for git's own locks, and for other processes that make one.
   * After a reboot, or when the last `prepare` was cut off, everything is made anew.
   * @throws OrchError ORCH_WORKTREE_FAILED in git's words
   */
  prepare(claim: WorktreeClaim, commit: Oid): Promise<PreparedWorktree>;
  /**
   * Opens a claimed worktree as it is. @returns undefined when its folder is gone or no worktree any
   * more, and when it was never prepared since it was claimed
   */
  open(claim: WorktreeClaim): Promise<PreparedWorktree | undefined>;
  /**
   * The setup script has succeeded there; what it made is kept for later jobs.
   * @param made paths that git ignores as they were right after it, relative to the top
   */
  noteSetup(claim: WorktreeClaim, made: readonly string[]): void;
  /** Frees it for anybody. Its files stay as they are until the next `prepare`. */
  release(claim: WorktreeClaim): void;
  /** Frees what this run claims, but for some. */
  releaseOthers(run: string, keep: readonly number[]): void;
  list(): WorktreeRecord[];
  /** Bytes on disk of a worktree or any other folder, hard links counted once. */
  sizeBytes(place: Pick<WorktreeClaim, 'root'>): Promise<number>;
  /**
   * Deletes a free worktree, its folder and git's record of it. @returns false when it is claimed
   * @throws OrchError ORCH_WORKTREE_FAILED when the user has locked it (`git worktree lock`)
   */
  remove(number: number): Promise<boolean>;
}
