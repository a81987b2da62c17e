/**
 * Brings what an isolated attempt left to what was merged before it. Safe to repeat: when the run's
 * tip is one ahead and the commit there is the one this would make, it is taken.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { mergedRef } from '../checkpoint/layout.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { GitPort, MergeResult } from '../ports/git.ts';
import type { Failure, MergeFinished } from '../run/events.ts';
import { type RunState, stepStateOf } from '../run/state.ts';
import type { ConflictsSetting } from '../workflow/workflow.ts';
import type { LiveRun } from './live-run.ts';
import { withoutPaths } from './scan-secrets.ts';
import { retryOf } from './step-events.ts';
import { untilWhole } from './vanished.ts';

const WITHOUT_SETTING: ConflictsSetting = { policy: 'fail', timeout: {} };

export function conflictsSetting({ workflow }: RunState): ConflictsSetting {
  return workflow.conflicts ?? WITHOUT_SETTING;
}

export function startMerge(run: LiveRun, node: PlanNode): void {
  const { attempts, candidate } = stepStateOf(run.state, node.index);
  const { tip } = run.state;
  if (candidate === undefined || tip === undefined)
    throw new Error(`${node.id} has nothing to merge`);
  run.record({
    type: 'merge.started',
    wave: node.wave,
    step: node.id,
    attempt: attempts.length,
    ...candidate,
    onto: tip.commit,
  });
  run.afterwards(() => finishMerge(run));
}

/** Performs the merge that is open in the state. */
export function finishMerge(run: LiveRun): void {
  const open = run.state.mergeOpen;
  if (open === undefined) throw new Error('no merge was started');
  const node = run.state.nodes[open.node] as PlanNode;
  const { wave, id: step } = node;
  const told = { type: 'merge.finished', wave, step, attempt: open.attempt } as const;
  run.task('merge', () =>
    untilWhole(run, async () => {
      const { theirs, leftOut } = await withoutRecords(run, open);
      const { policy } = conflictsSetting(run.state);
      const favor = policy === 'ours' || policy === 'theirs' ? { favor: policy } : {};
      const request = { base: open.base, ours: open.onto, theirs, ...favor };
      const result = await run.parts.git.mergeChanges(request);
      const found = {
        ...(result.conflicts.length > 0 && { files: result.conflicts }),
        ...(leftOut.length > 0 && { left_out: leftOut }),
      };
      if (result.isOpen) {
        const failure = failureOf(run.state, result);
        const again = failure && retryAfterConflict(run, node, failure);
        const why = { ...(failure && { failure }), ...again };
        return () => run.record({ ...told, ...found, status: 'conflict', ...why });
      }
      const commit = await moveTip(run, {
        from: open.onto,
        tree: result.tree,
        parents: [open.onto, open.commit],
        message: `orch: merge ${step}\n\nOrch-Run: ${run.state.run}\nOrch-Step: ${step}\n`,
      });
      if (commit === undefined) return undefined;
      const merged: MergeFinished = {
        ...told,
        ...found,
        status: 'merged',
        commit,
        tree: result.tree,
        ...(result.conflicts.length > 0 && 'favor' in favor && { settled: favor.favor }),
      };
      return () => run.record(merged);
    }),
  );
}

/** Undefined: the conflict is to be settled. */
function failureOf(state: RunState, result: MergeResult): Failure | undefined {
  const { policy, run, agents } = conflictsSetting(state);
  const isSettled = run !== undefined || agents !== undefined;
  if (policy === 'ask' || (policy === 'agent' && isSettled)) return undefined;
  const paths = namePaths(result.conflicts.map(({ path }) => path));
  return { kind: 'conflict', message: `does not merge with what was done meanwhile: ${paths}` };
}

/** The attempt was counted when its process ended. */
function retryAfterConflict(run: LiveRun, node: PlanNode, failure: Failure): { retry_at?: string } {
  const { counted } = stepStateOf(run.state, node.index);
  return retryOf(run, node, failure, counted - 1);
}

/** What the attempt left without its changes below `.orch/`: only orch itself and people write there. */
async function withoutRecords(
  { parts: { git } }: LiveRun,
  { base, commit }: { readonly base: Oid; readonly commit: Oid },
): Promise<{ readonly theirs: Oid; readonly leftOut: readonly string[] }> {
  const [from, to] = [await git.readCommit(base), await git.readCommit(commit)];
  // The same two trees as in the search for secrets, so git need not be asked again.
  const changes = (await git.diffTrees(from.tree, to.tree)).filter(({ path }) => isRecord(path));
  if (changes.length === 0) return { theirs: commit, leftOut: [] };
  const paths = changes.map(({ path }) => path);
  return { theirs: await withoutPaths(git, from.tree, to.tree, paths), leftOut: paths };
}

function isRecord(path: string): boolean {
  return path === '.orch' || path.startsWith('.orch/');
}

export interface TipMove {
  /** Where the tip is now. */
  readonly from: Oid;
  readonly tree: Oid;
  /** The first one is `from`: nothing that was merged is ever out of reach. */
  readonly parents: readonly Oid[];
  readonly message: string;
}

/**
 * To be made again by untilWhole.
 * @returns the commit that the run's tip is now; undefined when some of it was missing
 * @throws OrchError ORCH_REF_MOVED
 */
export async function moveTip(
  run: LiveRun,
  { from, tree, parents, message }: TipMove,
): Promise<Oid | undefined> {
  const { git } = run.parts;
  const ref = mergedRef(run.state.run);
  const commit = await git.commit({ tree, parents, message });
  let at = from;
  const ahead = await moveOrLook(git, { ref, to: commit, from });
  if (ahead !== undefined) {
    const { oid, tree: held, parents: before } = await git.readCommit(ahead);
    const isThis = held === tree && before.join() === parents.join();
    if (isThis && (await git.isComplete(oid, parents))) return oid;
    // One ahead: a process that was killed moved it and did not live to record that.
    if (before[0] !== from) throw movedElsewhere(ref, from, run.state.run);
    at = ahead;
    await git.updateRefs([{ ref, to: commit, from: at }]);
  }
  if (await git.isComplete(commit, parents)) return commit;
  await git.updateRefs([{ ref, to: at, from: commit }]);
  return undefined;
}

/** @returns where the ref is instead; undefined when it was moved */
async function moveOrLook(
  git: GitPort,
  update: { readonly ref: string; readonly to: Oid; readonly from: Oid },
): Promise<Oid | undefined> {
  try {
    await git.updateRefs([update]);
    return undefined;
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_REF_MOVED') throw error;
    const found = await git.resolve(update.ref);
    if (found === null || found === update.from) throw error;
    return found;
  }
}

function movedElsewhere(ref: string, from: Oid, run: string): OrchError {
  return new OrchError('ORCH_REF_MOVED', `${ref} was moved by someone else`, {
    fix: `git update-ref ${ref} ${from}, then: orch resume ${run}`,
  });
}
