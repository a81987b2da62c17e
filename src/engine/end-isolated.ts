/** The end of an attempt in a worktree of its own: what it left is pinned, whatever it came to. */
import { attemptRef } from '../checkpoint/layout.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { Failure, StepFinished } from '../run/events.ts';
import { stepStateOf } from '../run/state.ts';
import { failureOf, type Outcome, statusOf } from '../run/verdict.ts';
import type { LiveRun } from './live-run.ts';
import { ASIDE_FOLDER, type Pinned, pinAttempt } from './pin-attempt.ts';
import { findPlace, leavePlace, type Place } from './places.ts';
import { attemptFolder } from './run-files.ts';
import { noteSetup } from './setup-script.ts';
import { type StepCacheKey, saveStepEntry } from './step-cache.ts';
import { endOf, missOf, retryOf } from './step-events.ts';
import { missingFile, readOutputs } from './step-evidence.ts';

export interface End {
  readonly node: PlanNode;
  readonly attempt: number;
  readonly outcome: Outcome;
  readonly place: Place | undefined;
  readonly cacheKey: StepCacheKey | undefined;
}

/** Pins whatever the attempt left, then says how it ended. What passed with a commit is merged next. */
export function endIsolated(
  run: LiveRun,
  { node, attempt, outcome, place: known, cacheKey }: End,
): void {
  const step = stepStateOf(run.state, node.index);
  const { worktree } = step.attempts.at(-1) ?? {};
  run.task(`leave:${node.index}`, async () => {
    const place = known ?? (worktree === undefined ? undefined : await findPlace(run, worktree));
    const folder = attemptFolder(run.parts.files, node.id, attempt);
    if (place) noteSetup(run, place, folder);
    const handed = readOutputs(run, node, attempt, outcome.said);
    let failure = failureOf(outcome) ?? (await missesEvidence(run, node, place, folder, handed));
    const pin = place && (await pinStep(run, node, attempt, place));
    failure ??= pin?.problem;
    const notKept =
      failure === undefined && place && pin && cacheKey && handed.ok
        ? await saveUnlessLeftOut(run, place, node, cacheKey, handed.outputs, pin)
        : undefined;
    return () => {
      run.busy.delete(`stop:${node.index}`); // Asked for after the process had ended.
      const end: StepFinished = {
        ...endOf(node, attempt, outcome),
        ...(pin && pinnedFields(pin, attemptRef(run.state.run, node.id, attempt))),
      };
      if (failure === undefined && handed.ok) {
        const cache = cacheKey && { cache: missOf(cacheKey, notKept) };
        run.record({ ...end, outputs: handed.outputs, ...cache });
      } else {
        const why = failure ?? { kind: 'crash', message: 'nothing is known of its end' };
        run.record({ ...end, status: statusOf(why), failure: why, ...retryOf(run, node, why) });
      }
      leavePlace(run, worktree);
    };
  });
}

/** @returns why the cache does not keep it */
async function saveUnlessLeftOut(
  run: LiveRun,
  place: Place,
  node: PlanNode,
  cacheKey: StepCacheKey,
  outputs: Readonly<Record<string, string>>,
  { leftOut }: Pinned,
): Promise<string | undefined> {
  const [first] = leftOut;
  if (first !== undefined) return `${first.path} is in no commit`;
  return await saveStepEntry(run, place, node, cacheKey, outputs);
}

async function missesEvidence(
  run: LiveRun,
  node: PlanNode,
  place: Place | undefined,
  folder: string,
  handed: ReturnType<typeof readOutputs>,
): Promise<Failure | undefined> {
  if (place === undefined) return { kind: 'crash', message: 'its worktree is gone' };
  if (!handed.ok) return { kind: 'bad_output', message: handed.problem };
  // A process that was killed may have put aside what no commit can hold.
  const { ports } = run.parts;
  const aside = `${folder}/${ASIDE_FOLDER}`;
  const there = ports.files.exists(aside) ? [ports.openWorkTree(aside)] : [];
  const missing = await missingFile([place.workTree, ...there], node);
  if (missing === undefined) return undefined;
  return { kind: 'missing_output', message: `it did not produce ${missing}` };
}

export async function pinStep(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  place: Place,
): Promise<Pinned> {
  const { base } = stepStateOf(run.state, node.index).attempts.at(-1) ?? {};
  if (base === undefined) throw new Error(`nothing tells what ${node.id} began on`);
  return await pinAttempt(run, place, {
    ref: attemptRef(run.state.run, node.id, attempt),
    message: `orch: ${node.id} attempt ${attempt}\n\nOrch-Run: ${run.state.run}\nOrch-Step: ${node.id}\n`,
    base,
    folder: attemptFolder(run.parts.files, node.id, attempt),
  });
}

export function pinnedFields(
  { commit, leftOut, secrets }: Pinned,
  ref: string,
): Pick<StepFinished, 'ref' | 'commit' | 'left_out' | 'secrets'> {
  return {
    ref: commit === null ? null : ref,
    commit,
    ...(leftOut.length > 0 && { left_out: leftOut }),
    ...(secrets.length > 0 && { secrets }),
  };
}
