/**
 * Turns a sealed wave into its checkpoint: the same tree with the run's own files, a message with
 * trailers, on the run's branch. Safe to repeat: when the branch is already one ahead and the commit
 * is the one this would make, it is taken.
 */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Oid } from '../base/ids.ts';
import { branchOf, committedFolder, sealedRef, segmentName } from '../checkpoint/layout.ts';
import { checkpointFacts, checkpointMessage, readTrailers } from '../checkpoint/message.ts';
import type { FilesPort } from '../ports/files.ts';
import type { CheckpointCreated } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { renderReport } from '../view/report.ts';
import { currentMoved, moveBranchBack, refuseIfSwitched } from './check-branch.ts';
import { encodeFrozen } from './frozen.ts';
import { readSegments } from './journal.ts';
import type { LiveRun } from './live-run.ts';
import type { RunFiles } from './run-files.ts';
import { untilWhole, vanished } from './vanished.ts';

/** Builds the checkpoint whose checkpoint.started is in the state, and records it. */
export function makeCheckpoint(run: LiveRun): void {
  run.task('checkpoint', async () => {
    const created = await createCheckpoint(run);
    return () => run.record(created);
  });
}

/** @returns the event, for the caller to record */
export async function createCheckpoint(run: LiveRun): Promise<CheckpointCreated> {
  const open = run.state.checkpointOpen;
  if (open === undefined) throw new Error('no checkpoint was started');
  // The view of the report is taken now: the next wave may already go on while the commit is made.
  const report = open.status === 'running' ? undefined : renderReport(run.state, open.status);
  const commit = await buildCheckpoint(run, open, report);
  return { type: 'checkpoint.created', wave: open.wave, commit };
}

type OpenCheckpoint = NonNullable<RunState['checkpointOpen']>;

async function buildCheckpoint(
  run: LiveRun,
  open: OpenCheckpoint,
  report: string | undefined,
): Promise<Oid> {
  const { git } = run.parts;
  const committed = committedFiles(run, open, report);
  const isMade = async (oid: Oid) => await isThisCheckpoint(run, oid, open, committed.facts.digest);
  const { onCurrent, target } = await findPlace(run, open, isMade);
  const parents = open.parent === null ? [] : [open.parent];
  const isFirst = run.state.checkpoints.length === 0;
  let from = isFirst || run.parts.frozen.commit_to === 'current' ? target : open.parent;
  let commit: Oid | undefined;
  if (target !== null && target !== open.parent) {
    if (!(await isMade(target))) throw strayCommit(run, open, target);
    from = target;
    commit = target;
  }
  if (commit === undefined || !(await git.isComplete(commit, parents))) {
    commit = await untilWhole(run, async () => {
      const tree = await git.treeWithFiles(open.tree, committed.files);
      const made = await git.commit({ tree, parents, message: checkpointMessage(committed.facts) });
      if (onCurrent) await adopt(run, made, from);
      else await git.updateRefs([{ ref: branchOf(run.state.run), to: made, from }]);
      from = made;
      return (await git.isComplete(made, parents)) ? made : undefined;
    });
  }
  if (onCurrent) await git.checkOutPath(commit, committedFolder(run.state.run));
  if (!open.closing) await git.updateRefs([{ ref: sealedRef(run.state.run, open.wave), to: null }]);
  return commit;
}

/** The branch may also be moved in the moment between the look and the change. */
async function adopt(run: LiveRun, commit: Oid, parent: Oid | null): Promise<void> {
  const { git } = run.parts;
  try {
    await git.adoptCommit(commit, parent);
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_REF_MOVED') throw error;
    throw currentMoved(run.state.run, await git.head(), parent);
  }
}

interface Place {
  /** Else on the run's own branch. */
  readonly onCurrent: boolean;
  /** Where that branch stands. */
  readonly target: Oid | null;
}

/**
 * With `--commit-to current` the branch must be as the run left it. But a run that is cancelled ends
 * all the same: what cannot go there goes on `orch/<run>`.
 * @throws OrchError ORCH_REF_MOVED
 */
async function findPlace(
  run: LiveRun,
  open: OpenCheckpoint,
  isMade: (oid: Oid) => Promise<boolean>,
): Promise<Place> {
  const { git, frozen } = run.parts;
  const { run: id, cancelled } = run.state;
  if (frozen.commit_to === 'current') {
    const head = await git.head();
    const isThere = head.oid === open.parent || (head.oid !== null && (await isMade(head.oid)));
    if (isThere && head.ref === frozen.branch) return { onCurrent: true, target: head.oid };
    if (!cancelled) {
      refuseIfSwitched(id, head, frozen);
      throw currentMoved(id, head, open.parent);
    }
  }
  return { onCurrent: false, target: await git.resolve(branchOf(id)) };
}

/** The files of `.orch/runs/<run>` as of the last event of the open checkpoint's segment. */
function committedFiles(run: LiveRun, open: OpenCheckpoint, report: string | undefined) {
  const { ports, files } = run.parts;
  const folder = committedFolder(run.state.run);
  const segments = readSegments(ports.files, files).slice(0, segmentCount(run.state));
  if (segments.length < segmentCount(run.state)) throw vanished(run);
  const frozen = ports.files.read(files.frozen) ?? writeFrozenAgain(run);
  const committed = new Map<string, Uint8Array>([[`${folder}/run.json`, frozen]]);
  for (const segment of segments)
    committed.set(`${folder}/${segmentName(segment.number)}`, segment.bytes);
  for (const name of changedPlans(ports.files, files)) {
    const content = ports.files.read(`${files.folder}/${name}`);
    if (content !== undefined) committed.set(`${folder}/${name}`, content);
  }
  if (report !== undefined) committed.set(`${folder}/report.md`, bytes(report));
  const digest = sha256(...segments.map((segment) => segment.bytes));
  return { files: committed, facts: checkpointFacts(run.state, open, digest) };
}

/** A step has deleted it: without it neither a resume nor a clone could read the run. */
function writeFrozenAgain(run: LiveRun): Uint8Array {
  const { ports, files, frozen } = run.parts;
  const text = encodeFrozen(frozen);
  ports.files.replace(files.frozen, text);
  return bytes(text);
}

/** Definitions that were accepted after the start; the journal names them. */
function changedPlans(store: FilesPort, files: RunFiles): string[] {
  return store.list(files.folder).filter((name) => /^run-\d+\.json$/.test(name));
}

/** Segments that are complete: one for every checkpoint that was ever started. */
function segmentCount(state: RunState): number {
  return state.checkpoints.length + 1;
}

async function isThisCheckpoint(
  run: LiveRun,
  oid: Oid,
  open: OpenCheckpoint,
  digest: string,
): Promise<boolean> {
  const commit = await run.parts.git.readCommit(oid);
  const trailers = readTrailers(commit.message);
  return (
    (commit.parents[0] ?? null) === open.parent &&
    trailers?.run === run.state.run &&
    trailers.wave === open.wave &&
    trailers.digest === digest
  );
}

function strayCommit({ state }: LiveRun, open: OpenCheckpoint, found: Oid): OrchError {
  return new OrchError(
    'ORCH_REF_MOVED',
    `${branchOf(state.run)} was moved by someone else before checkpoint ${open.wave}`,
    { fix: moveBranchBack(state.run, found, open.parent) },
  );
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
