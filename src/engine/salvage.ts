/**
 * `orch salvage`: everything that runs have pinned or moved aside and that is not part of their result,
 * with why. Looks only: nothing is ever removed, and a run at work is not disturbed.
 */
import { OrchError } from '../base/errors.ts';
import { isRunId, type Oid } from '../base/ids.ts';
import type { PinName, Reason } from '../checkpoint/salvage.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { findLeftOut, type LeftOutFolder } from './left-out-files.ts';
import { findLeftWork, knowRun, type LeftWork, type PinnedRef, pinnedRefs } from './pinned-work.ts';
import { listRuns, pickRun } from './read-run.ts';
import { runFiles, runsFolder } from './run-files.ts';

export interface SalvageItem {
  readonly run: string;
  /** What to type for it after the run: `step@2`, `step@2-resolved-1`, or a ref. */
  readonly name: string;
  readonly kind: PinName['kind'];
  readonly step: string | null;
  readonly attempt: number | null;
  readonly reason: Reason;
  /** Null when only files are left that no commit holds. */
  readonly pin: { readonly ref: string; readonly commit: Oid; readonly base: Oid } | null;
  /** Against the base. */
  readonly files: readonly { readonly path: string; readonly status: string }[];
  /** Files that the commit could not hold. */
  readonly leftOut: { readonly folder: string; readonly paths: readonly string[] } | null;
}

export interface SalvageList {
  readonly items: readonly SalvageItem[];
  /** Runs whose own files tell nothing. */
  readonly silent: readonly { readonly run: string; readonly why: string }[];
}

/**
 * @param meant an id, any unambiguous beginning of one, `@latest`, or nothing for all runs
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS
 */
export async function listSalvage(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
): Promise<SalvageList> {
  const refs = await pinnedRefs(git);
  const all = runsWithWork(ports, git, refs);
  const runs = meant === undefined ? all : [pickRun(all, meant)];
  const items: SalvageItem[] = [];
  const silent: { run: string; why: string }[] = [];
  for (const run of runs) {
    const known = knowRun(ports, git.repository.commonDir, run);
    const left = await findLeftWork(git, known, refs.get(run) ?? []);
    const folders = findLeftOut(ports.files, runFiles(git.repository.commonDir, run));
    const found = itemsOf(run, left, folders);
    items.push(...found);
    const isAsked = meant !== undefined || found.length > 0;
    if (known.read === undefined && isAsked) silent.push({ run, why: known.silence });
  }
  return { items, silent };
}

/** Oldest first; runs of which only refs or remains of files are here come before all others. */
function runsWithWork(
  ports: Ports,
  git: GitPort,
  refs: ReadonlyMap<string, readonly PinnedRef[]>,
): string[] {
  const { commonDir } = git.repository;
  const listed = listRuns(ports.files, commonDir);
  const folders = ports.files.list(runsFolder(commonDir)).filter(isRunId);
  const others = [...new Set([...refs.keys(), ...folders])].filter((run) => !listed.includes(run));
  return [...others.sort(), ...listed];
}

function itemsOf(
  run: string,
  left: readonly LeftWork[],
  folders: readonly LeftOutFolder[],
): SalvageItem[] {
  const alone = new Map(folders.map((folder) => [attemptName(folder), folder]));
  const items = left.map(({ ref, oid, name, base, reason, changes }): SalvageItem => {
    const isAttempt = name.kind === 'attempt';
    const typed = isAttempt ? attemptName(name) : ref;
    const folder = alone.get(typed);
    alone.delete(typed);
    return {
      run,
      name: typed,
      kind: name.kind,
      step: isAttempt ? name.step : null,
      attempt: isAttempt ? name.attempt : null,
      reason,
      pin: { ref, commit: oid, base },
      files: changes.map(({ path, status }) => ({ path, status })),
      leftOut: folder === undefined ? null : { folder: folder.folder, paths: folder.paths },
    };
  });
  for (const [name, { step, attempt, folder, paths }] of alone) {
    const reason = { kind: 'left_out', message: 'a commit could not hold these files' };
    const leftOut = { folder, paths };
    const about = { run, name, kind: 'attempt', step, attempt, reason } as const;
    items.push({ ...about, pin: null, files: [], leftOut });
  }
  return items;
}

function attemptName(of: {
  readonly step: string;
  readonly attempt: number;
  readonly round?: number;
}): string {
  return `${of.step}@${of.attempt}${of.round === undefined ? '' : `-resolved-${of.round}`}`;
}

/**
 * @param meant `step@2`, `step` for what its last attempt left, or a ref
 * @throws OrchError ORCH_NO_SUCH_STEP when nothing of this name is left
 */
export function pickItem(
  items: readonly SalvageItem[],
  run: string,
  meant: string,
): SalvageItem & { readonly pin: NonNullable<SalvageItem['pin']> } {
  const named = items.filter(({ name, step }) => name === meant || step === meant);
  const found = named.find(({ name }) => name === meant) ?? newest(named);
  if (found?.pin) return { ...found, pin: found.pin };
  if (found?.leftOut) {
    throw new OrchError('ORCH_NO_SUCH_STEP', `of ${found.name} no commit is left, only files`, {
      fix: `take them from ${found.leftOut.folder}`,
    });
  }
  throw new OrchError('ORCH_NO_SUCH_STEP', `nothing of ${JSON.stringify(meant)} is left over`, {
    fix: `orch salvage ${run}`,
  });
}

function newest(items: readonly SalvageItem[]): SalvageItem | undefined {
  const held = items.filter(({ pin }) => pin !== null);
  return (held.length > 0 ? held : items).reduce<SalvageItem | undefined>(
    (best, item) => ((item.attempt ?? 0) >= (best?.attempt ?? 0) ? item : best),
    undefined,
  );
}
