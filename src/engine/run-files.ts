/**
 * Where a live run keeps its files: `.git/orch/runs/<run>/` in the common git directory, shared by
 * all worktrees, out of reach of `git clean` and of a rollback.
 */

import { sha256 } from '../base/hash.ts';
import { encodeIdPart } from '../base/ids.ts';

export interface RunFiles {
  readonly run: string;
  readonly folder: string;
  readonly frozen: string;
  /** Holds the path of the work tree the run belongs to. */
  readonly worktree: string;
  readonly events: string;
  readonly requests: string;
  readonly exitLog: string;
  /** The private index of checkpoints. */
  readonly index: string;
}

export function orchFolder(commonDir: string): string {
  return `${commonDir}/orch`;
}

export function runsFolder(commonDir: string): string {
  return `${orchFolder(commonDir)}/runs`;
}

/** What detached processes of orch printed, each in a folder of its own. */
export function detachedFolder(commonDir: string): string {
  return `${orchFolder(commonDir)}/detached`;
}

export function runFiles(commonDir: string, run: string): RunFiles {
  const folder = `${runsFolder(commonDir)}/${run}`;
  return {
    run,
    folder,
    frozen: `${folder}/run.json`,
    worktree: `${folder}/worktree`,
    events: `${folder}/events`,
    requests: `${folder}/requests`,
    exitLog: `${folder}/exits.log`,
    index: `${folder}/index`,
  };
}

export function segmentPath(files: RunFiles, number: number): string {
  return `${files.events}/${number}.jsonl`;
}

/** Folder of one attempt: its job, its output files, what it left in $ORCH_OUTPUT. */
export function attemptFolder(files: RunFiles, step: string, attempt: number): string {
  return `${files.folder}/steps/${nameOf(step)}/${attempt}`;
}

/** Of a try to settle a conflict of that attempt. */
export function resolveFolder(
  files: RunFiles,
  step: string,
  attempt: number,
  round: number,
): string {
  return `${attemptFolder(files, step, attempt)}/resolve-${round}`;
}

export function resolveKey(step: string, attempt: number, round: number): string {
  return `${attemptKey(step, attempt)}/resolve-${round}`;
}

export function gateFolder(files: RunFiles, wave: number, gate: string, attempt: number): string {
  return `${files.folder}/gates/${wave}/${nameOf(gate)}/${attempt}`;
}

/** How an attempt is named in the exit log. */
export function attemptKey(step: string, attempt: number): string {
  return `step/${nameOf(step)}/${attempt}`;
}

export function gateAttemptKey(wave: number, gate: string, attempt: number): string {
  return `gate/${wave}/${nameOf(gate)}/${attempt}`;
}

/** File systems take names of 255 bytes; a longer one ends in a digest that keeps it apart. */
const MAX_NAME_CHARS = 150;

function nameOf(id: string): string {
  const encoded = encodeIdPart(id);
  if (encoded.length <= MAX_NAME_CHARS) return encoded;
  return `${encoded.slice(0, MAX_NAME_CHARS - 17)}-${sha256(id).slice(0, 16)}`;
}

/** What the cache looked at the last time for a step or gate, so that a miss can say what changed. */
export function cacheManifestPath(commonDir: string, name: string): string {
  return `${orchFolder(commonDir)}/cache/${nameOf(name)}.json`;
}
