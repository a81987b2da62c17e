/** Where a checkpoint keeps what orch knows of its run, and the refs that hold a run's commits. */
import { encodeIdPart } from '../base/ids.ts';

/** Records of all runs in a tree; no rollback and no restore ever changes what is below it. */
export const RECORDS_FOLDER = '.orch/runs';

/** Folder of a run inside a checkpoint's tree. */
export function committedFolder(run: string): string {
  return `${RECORDS_FOLDER}/${run}`;
}

export function segmentName(number: number): string {
  return `events/${number}.jsonl`;
}

export function branchOf(run: string): string {
  return `refs/heads/orch/${run}`;
}

export function attemptRef(run: string, step: string, attempt: number): string {
  return `refs/orch/attempts/${run}/${encodeIdPart(step)}/${attempt}`;
}

export function sealedRef(run: string, wave: number): string {
  return `refs/orch/sealed/${run}/${wave}`;
}

/** Isolated runs: all that was merged so far. */
export function mergedRef(run: string): string {
  return `refs/orch/merged/${run}`;
}

/** How a conflict of an attempt was settled. */
export function resolvedRef(run: string, step: string, attempt: number, round: number): string {
  return `refs/orch/attempts/${run}/${encodeIdPart(step)}/${attempt}-resolved-${round}`;
}

export function rescueRef(run: string, number: number): string {
  return `refs/orch/rescue/${run}/${number}`;
}

export function cacheRef(key: string): string {
  return `refs/orch/cache/${key}`;
}

/** Every ref of a run but its branch lies below these. */
export function refPrefixesOf(run: string): readonly string[] {
  return ['attempts', 'merged', 'sealed', 'rescue'].map((kind) => `refs/orch/${kind}/${run}`);
}
