/**
 * A run as a person means it who asks how it stands: its journal, and whether anybody works on it.
 * A journal that says "running" while nobody holds the lock belongs to a process that was killed.
 */
import { branchOf } from '../checkpoint/layout.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { Ports } from '../ports/ports.ts';
import type { RunEvent } from '../run/events.ts';
import { type RunState, stepStateOf } from '../run/state.ts';
import type { Fate, RunFacts } from '../view/run-facts.ts';
import { isAccepted } from './audit-pins.ts';
import { fatesOf } from './fates.ts';
import type { Frozen } from './frozen.ts';
import { type LockHolder, lockHolder } from './lock.ts';
import { type ReadRun, readRun } from './read-run.ts';
import { answerName, isRequestLeft } from './requests.ts';
import { type RunFiles, runFiles } from './run-files.ts';

/** What there is to see of a run, whether its files are here or only in git. */
export interface RunLook extends RunFacts {
  readonly frozen: Frozen;
  readonly events: readonly RunEvent[];
}

/** @throws OrchError when its files are damaged or from a newer orch */
export function lookAtRun(ports: Ports, commonDir: string, run: string): RunLook {
  const files = runFiles(commonDir, run);
  let read = readRun(ports.files, commonDir, run);
  let holder = holderOf(ports, files);
  if (read.state.status === 'running' && holder === undefined) {
    // It may have ended between the two looks: what it wrote before it let go is there now.
    read = readRun(ports.files, commonDir, run);
    holder = holderOf(ports, files);
  }
  return lookFrom(ports, read, holder);
}

export function holderOf(
  ports: Pick<Ports, 'files' | 'processes'>,
  files: RunFiles,
): LockHolder | undefined {
  return lockHolder(ports.files, ports.processes, { folder: files.folder, name: 'lock' });
}

function lookFrom(
  ports: Ports,
  { files, frozen, journal, state }: ReadRun,
  holder: LockHolder | undefined,
): RunLook {
  const isAbandoned = settleStatus(state, frozen, holder);
  const fates = holder === undefined ? fatesOf(ports, files, state) : new Map<string, Fate>();
  const goesOn = holder !== undefined || [...fates.values()].some(({ kind }) => kind === 'alive');
  const lastAt = journal.events.at(-1)?.at ?? frozen.created_at;
  return {
    state,
    frozen,
    events: journal.events,
    source: 'here',
    branch: branchOfCheckpoints(state.run, frozen),
    heldBy: holder === undefined ? null : { pid: holder.pid, what: holder.what },
    asOfMs: goesOn ? ports.clock.now() : Date.parse(lastAt),
    isAccepted: isAccepted(state, frozen),
    isAbandoned,
    fates,
    answered: answeredSteps(ports.files, files, state),
  };
}

function answeredSteps(
  store: Ports['files'],
  files: RunFiles,
  state: RunState,
): ReadonlySet<string> {
  const ids = [...state.waiting].flatMap((index) => {
    const { id } = state.nodes[index] as PlanNode;
    const name = answerName(id, stepStateOf(state, index).attempts.length);
    return isRequestLeft(store, files, name) ? [id] : [];
  });
  return new Set(ids);
}

/** The branch that gets a run's checkpoints, as people type it. */
export function branchOfCheckpoints(
  run: string,
  frozen: Pick<Frozen, 'commit_to' | 'branch'>,
): string {
  if (frozen.commit_to === 'branch') return branchOf(run).replace('refs/heads/', '');
  return frozen.branch?.replace('refs/heads/', '') ?? 'HEAD';
}

/**
 * Corrects what a journal cannot know of its own end.
 * @returns true when the process that held the run is gone without a word
 */
export function settleStatus(
  state: RunState,
  frozen: Pick<Frozen, 'created_at'>,
  holder: LockHolder | undefined,
): boolean {
  if (state.startedAt === '') state.startedAt = frozen.created_at;
  if (state.status !== 'running' || holder !== undefined) return false;
  state.status = 'interrupted';
  return true;
}

/**
 * Whether a run has ended for good, from the last line of its journal: what makes looking for active
 * runs among many finished ones cheap. False when in doubt.
 */
export function hasClearlyEnded(ports: Pick<Ports, 'files'>, files: RunFiles): boolean {
  const [last] = ports.files
    .list(files.events)
    .map((name) => ({ name, number: Number.parseInt(name, 10) }))
    .filter(({ number }) => !Number.isNaN(number))
    .sort((a, b) => b.number - a.number);
  if (last === undefined) return false;
  const path = `${files.events}/${last.name}`;
  const size = ports.files.size(path) ?? 0;
  const tail = ports.files.readPart(path, Math.max(0, size - TAIL_BYTES), TAIL_BYTES);
  const lines = new TextDecoder().decode(tail).split('\n');
  // The last piece is empty, or a torn line that counts for nothing but means that someone wrote.
  return lines.at(-1) === '' && /"type":"run\.(finished|accepted)"/.test(lines.at(-2) ?? '');
}

/** More than any run.finished or run.accepted takes. */
const TAIL_BYTES = 1024;
