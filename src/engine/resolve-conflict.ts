/**
 * Settles a conflict between isolated steps: a worktree of its own holds it, with both sides between
 * markers, and a command or a person mends it there. What they leave is a commit on top of what was
 * merged before, and goes through the merge queue like any other work.
 */
import { messageOf } from '../base/errors.ts';
import { fenced } from '../base/text.ts';
import { attemptRef, resolvedRef } from '../checkpoint/layout.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { MergeConflict } from '../ports/git.ts';
import type { Failure, ResolveFinished, Usage } from '../run/events.ts';
import { type Conflict, type RunState, stepStateOf } from '../run/state.ts';
import { failureOf, type Outcome, statusOf } from '../run/verdict.ts';
import { agentTimeout, type JobWork, PROMPT_FILE, settlingJob } from './agent-step.ts';
import type { AttemptSpec, Attempts, JobSpec } from './attempts.ts';
import { stepEnvironment, stepMarker } from './job-environment.ts';
import type { LiveRun } from './live-run.ts';
import { conflictsSetting } from './perform-merge.ts';
import { pinAttempt } from './pin-attempt.ts';
import {
  findPlace,
  leavePlace,
  type Place,
  placeEnvironment,
  placeOf,
  poolOf,
  preparePlace,
} from './places.ts';
import { resolveFolder, resolveKey } from './run-files.ts';
import { failStep } from './settle-step.ts';
import { noteSetup, withSetup } from './setup-script.ts';
import { retryOf } from './step-events.ts';
import { untilWhole } from './vanished.ts';

/** Makes the worktree, then records that the conflict is in somebody's hands. */
export function startResolve(
  run: LiveRun,
  attempts: Attempts,
  node: PlanNode,
  by: 'command' | 'person',
): void {
  const conflict = conflictOf(run, node);
  const claim = poolOf(run).claim(run.state.run);
  run.task(`resolve:${node.index}`, async () => {
    const prepared = await preparePlace(run, claim, conflict.onto);
    const { candidate } = stepStateOf(run.state, node.index);
    if (candidate === undefined) throw new Error(`${node.id} has nothing to merge`);
    const request = { base: candidate.base, ours: conflict.onto, theirs: candidate.commit };
    await untilWhole(run, async () => {
      const result = await prepared.git.mergeChanges(request);
      await prepared.git.checkOutConflict({ ours: conflict.onto, result });
      return true;
    });
    const place = placeOf(prepared);
    return () =>
      by === 'person' ? askPerson(run, node, place) : launch(run, attempts, node, place);
  });
}

function conflictOf(run: LiveRun, node: PlanNode): Conflict {
  const { conflict } = stepStateOf(run.state, node.index);
  if (conflict === undefined) throw new Error(`${node.id} has no conflict`);
  return conflict;
}

function begun(run: LiveRun, node: PlanNode, { claim }: Place) {
  const { conflict, attempts } = stepStateOf(run.state, node.index);
  if (conflict === undefined || claim === undefined) throw new Error(`${node.id} has no conflict`);
  return {
    type: 'resolve.started',
    wave: node.wave,
    step: node.id,
    attempt: attempts.length,
    round: conflict.rounds + 1,
    onto: conflict.onto,
    worktree: claim.number,
  } as const;
}

function askPerson(run: LiveRun, node: PlanNode, place: Place): void {
  const paths = namePaths(conflictOf(run, node).files.map(({ path }) => path));
  const message = `its work does not merge (${paths}); settle it in ${place.root}, then approve`;
  run.record({ ...begun(run, node, place), by: 'person', message });
}

function launch(run: LiveRun, attempts: Attempts, node: PlanNode, place: Place): void {
  const started = begun(run, node, place);
  const folder = resolveFolder(run.parts.files, node.id, started.attempt, started.round);
  const conflict = conflictOf(run, node);
  const { files } = run.parts.ports;
  let env: Record<string, string>;
  let work: JobWork | { readonly failure: Failure };
  try {
    env = stepEnvironment(run.state, node, started.attempt, folder);
    files.makeFolder(folder);
    work = workOf(run, folder, promptFor(run, node, conflict));
  } catch (error) {
    leavePlace(run, started.worktree);
    return failStep(run, node, { kind: 'expression', message: messageOf(error) });
  }
  if ('failure' in work) {
    leavePlace(run, started.worktree);
    return failStep(run, node, work.failure);
  }
  files.replace(`${folder}/conflicts.json`, `${JSON.stringify(conflict.files, null, 2)}\n`);
  const { script, agent, pass } = work;
  const keeper = attempts.take();
  run.record({ ...started, by: 'command', slot: keeper.slot, ...(agent && { agent }) });
  const job: JobSpec = {
    script: withSetup(place, folder, script),
    env: {
      ...work.env,
      ...env,
      ...placeEnvironment(place),
      ORCH_PROMPT_FILE: `${folder}/${PROMPT_FILE}`,
      ORCH_CONFLICTS_FILE: `${folder}/conflicts.json`,
    },
    cwd: place.root,
    ...(pass && { pass }),
  };
  run.afterwards(() => attempts.start(keeper, specOf(run, node, started, place), job));
}

/** What settles it: the workflow's own script, or an agent. */
function workOf(
  run: LiveRun,
  folder: string,
  prompt: string,
): JobWork | { readonly failure: Failure } {
  const { run: script } = conflictsSetting(run.state);
  if (script === undefined) return settlingJob(run, folder, { text: prompt, quotes: [] });
  run.parts.ports.files.replace(`${folder}/${PROMPT_FILE}`, prompt);
  return { script };
}

/** What both sides wanted, for whoever settles it. */
function promptFor(run: LiveRun, node: PlanNode, { files, onto }: Conflict): string {
  const mine = stepStateOf(run.state, node.index).candidate?.commit ?? '';
  const others = run.state.nodes.filter(({ index }) => {
    const step = stepStateOf(run.state, index);
    return index !== node.index && step.attempts.at(-1)?.merged === true;
  });
  const intent = ({ id, step }: PlanNode) =>
    `## ${step.name ?? id}\n\n${fenced(step.run ?? step.agent?.prompt ?? '')}`;
  return [
    `# Settle a conflict`,
    `The work of step ${node.id} does not merge with what other steps did meanwhile. The files below hold both sides between markers. Edit them so that both intents are kept, and leave no marker.`,
    ...files.map(({ path, message }) => `- ${path}: ${message}`),
    `Merged before is ${onto}; the work of ${node.id} is ${mine}.`,
    `# What ${node.id} wanted`,
    intent(node),
    `# What the steps merged before wanted`,
    ...others.map(intent),
    '',
  ].join('\n\n');
}

interface Round {
  readonly attempt: number;
  readonly round: number;
  readonly worktree: number;
}

/** A command that an earlier process of orch started. */
export function adoptResolve(run: LiveRun, attempts: Attempts, node: PlanNode): void {
  const { conflict, attempts: tries } = stepStateOf(run.state, node.index);
  const open = conflict?.open;
  if (conflict === undefined || open === undefined || open.by === 'person') return;
  const keeper = open.slot === undefined ? undefined : run.state.keepers.get(open.slot);
  const round = { attempt: tries.length, round: conflict.rounds, worktree: open.worktree };
  const elapsedMs = Math.max(0, run.nowMs() - Date.parse(open.startedAt));
  attempts.adopt(keeper, specOf(run, node, round, undefined), elapsedMs);
}

function specOf(run: LiveRun, node: PlanNode, round: Round, place: Place | undefined): AttemptSpec {
  const { timeout } = conflictsSetting(run.state);
  const asked = stepStateOf(run.state, node.index).conflict?.open?.agent;
  const definition = asked && run.state.agents[asked.name];
  return {
    key: resolveKey(node.id, round.attempt, round.round),
    folder: resolveFolder(run.parts.files, node.id, round.attempt, round.round),
    marker: stepMarker(run.state, node.id),
    timeout: definition ? agentTimeout(definition, timeout) : timeout,
    ...(definition && { agent: { node, attempt: round.attempt, definition } }),
    ended: (outcome) => {
      run.busy.delete(`stop:${node.index}`);
      endResolve(run, node, round, outcome, place);
    },
  };
}

/** A person has answered: approved what is in the worktree now, or rejected. */
export function answerConflict(run: LiveRun, node: PlanNode): void {
  const step = stepStateOf(run.state, node.index);
  const { conflict, answer } = step;
  const open = conflict?.open;
  if (conflict === undefined || open === undefined) throw new Error(`${node.id} has no conflict`);
  const round = { attempt: step.attempts.length, round: conflict.rounds, worktree: open.worktree };
  const rejected: Failure = {
    kind: 'conflict',
    message: answer?.message ? `rejected: ${answer.message}` : 'its conflict was not settled',
  };
  const failure = answer?.request === 'approve' ? undefined : rejected;
  const seconds = Math.max(0, run.nowMs() - Date.parse(open.startedAt)) / 1000;
  settle(run, node, round, { place: undefined, failure, exitCode: null, durationS: seconds });
}

function endResolve(
  run: LiveRun,
  node: PlanNode,
  round: Round,
  outcome: Outcome,
  place: Place | undefined,
): void {
  const { exitCode, durationS, said } = outcome;
  const failure = failureOf(outcome);
  settle(run, node, round, {
    place,
    // Whatever keeps an agent from it, the step is tried again only as its own `retry` says.
    failure:
      failure && said?.failure ? { kind: 'conflict', message: notSettled(failure) } : failure,
    exitCode,
    durationS,
    ...(said && { usage: said.usage }),
  });
}

function notSettled({ message }: Failure): string {
  return `the agent could not settle the conflict: ${message}`;
}

interface Settled {
  readonly place: Place | undefined;
  readonly failure: Failure | undefined;
  readonly exitCode: number | null;
  readonly durationS: number;
  readonly usage?: Usage;
}

/** Pins the worktree as it was left, then says what came of the conflict. */
function settle(run: LiveRun, node: PlanNode, round: Round, settled: Settled): void {
  const conflict = conflictOf(run, node);
  run.task(`resolve:${node.index}`, async () => {
    const place = settled.place ?? (await findPlace(run, round.worktree));
    const folder = resolveFolder(run.parts.files, node.id, round.attempt, round.round);
    if (place) noteSetup(run, place, folder);
    const gone: Failure = { kind: 'crash', message: 'the worktree with its conflict is gone' };
    let failure = settled.failure ?? (place ? await leftUnsettled(place, conflict.files) : gone);
    const ref = resolvedRef(run.state.run, node.id, round.attempt, round.round);
    const own = attemptRef(run.state.run, node.id, round.attempt);
    const attempt = await run.parts.git.resolve(own);
    const pin =
      place &&
      (await pinAttempt(run, place, {
        ref,
        message: `orch: ${node.id} attempt ${round.attempt}, conflict settled\n\nOrch-Run: ${run.state.run}\nOrch-Step: ${node.id}\n`,
        base: conflict.onto,
        also: attempt === null ? [] : [attempt],
        folder,
        evenUnchanged: true,
      }));
    failure ??= pin?.problem;
    const commit = pin?.commit ?? undefined;
    return () => {
      run.busy.delete(`stop:${node.index}`);
      const { counted } = stepStateOf(run.state, node.index);
      const end: ResolveFinished = {
        type: 'resolve.finished',
        wave: node.wave,
        step: node.id,
        attempt: round.attempt,
        round: round.round,
        status: statusOf(failure),
        exit_code: settled.exitCode,
        duration_s: settled.durationS,
        ...(settled.usage && { usage: settled.usage }),
        ...(commit !== undefined && { commit, ref }),
        ...(failure && { failure, ...retryOf(run, node, failure, counted - 1) }),
      };
      run.record(end);
      leavePlace(run, round.worktree);
    };
  });
}

async function leftUnsettled(
  { workTree }: Place,
  files: readonly Pick<MergeConflict, 'path'>[],
): Promise<Failure | undefined> {
  const left = await workTree.unsettled(files.map(({ path }) => path));
  if (left.length === 0) return undefined;
  return { kind: 'conflict', message: `conflict markers are left in ${namePaths(left)}` };
}

/** Conflicts that a person is asked to settle, in worktrees that are about to be freed. */
export function heldByPerson({ nodes, conflicts, steps }: RunState): PlanNode[] {
  return [...conflicts]
    .filter((index) => steps[index]?.conflict?.open?.by === 'person')
    .map((index) => nodes[index] as PlanNode);
}

/** What somebody has done about a conflict that nobody needs to settle any more is not lost. */
export async function pinHalfSettled(run: LiveRun, nodes: readonly PlanNode[]): Promise<void> {
  for (const node of nodes) {
    const { attempts, conflict } = stepStateOf(run.state, node.index);
    const place = conflict?.open && (await findPlace(run, conflict.open.worktree));
    if (conflict === undefined || place === undefined) continue;
    await pinAttempt(run, place, {
      ref: resolvedRef(run.state.run, node.id, attempts.length, conflict.rounds),
      message: `orch: ${node.id} attempt ${attempts.length}, conflict not settled\n\nOrch-Run: ${run.state.run}\nOrch-Step: ${node.id}\n`,
      base: conflict.onto,
      folder: resolveFolder(run.parts.files, node.id, attempts.length, conflict.rounds),
    });
  }
}
