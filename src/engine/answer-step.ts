/**
 * Approves or rejects a step that waits for a person. The answer is left as a request: a living orch
 * takes it up at once, else the next resume does.
 *
 * Whether the run may go on, and what a rejection means for it, is decided by run/.
 */
import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import type { Ports } from '../ports/ports.ts';
import type { WorktreePool } from '../ports/worktrees.ts';
import { hasFinished } from '../run/decide.ts';
import { type Conflict, nodeOf, type RunState, type StepState, stepStateOf } from '../run/state.ts';
import { holderOf } from './look-at-run.ts';
import { readRun } from './read-run.ts';
import { answerName, isRequestLeft, leaveRequest } from './requests.ts';
import type { RunFiles } from './run-files.ts';
import { waitUntil } from './wait-until.ts';

export type Answer = 'approve' | 'reject';

export interface AnswerRequest {
  readonly run: string;
  readonly step: string;
  readonly answer: Answer;
  readonly message?: string;
  /** Of the work tree that the run began in; asked for only where a conflict waits to be settled. */
  readonly openPool: () => Promise<WorktreePool>;
}

/** A living orch takes a request up within milliseconds, unless its machine is very busy. */
const TAKE_UP_LIMIT_MS = 5_000;

/**
 * @returns `taken`: whether a living orch has taken the answer up; if not, it waits for a resume
 * @throws OrchError ORCH_NO_SUCH_STEP, ORCH_NOT_WAITING, ORCH_ANSWERED, and for a conflict that is
 *   approved ORCH_UNSETTLED, ORCH_WORKTREE_GONE
 */
export async function answerStep(
  ports: Ports,
  commonDir: string,
  request: AnswerRequest,
): Promise<{ readonly taken: boolean }> {
  const { files, state } = readRun(ports.files, commonDir, request.run);
  const step = waitingStep(state, request.step, ports.clock.now());
  if (request.answer === 'approve' && step.conflict?.open)
    await refuseUnsettled(request, step.conflict);
  const name = answerName(request.step, step.attempts.length);
  const left = leaveRequest(ports.files, files, name, {
    request: request.answer,
    step: request.step,
    ...(request.message !== undefined && { message: request.message }),
  });
  if (!left) throw answeredBefore(request.step, 'answered');
  return { taken: await isTakenUp(ports, files, name) };
}

/** What a person has settled goes to the result as it is: not with markers in it. */
async function refuseUnsettled(
  { run, step, openPool }: AnswerRequest,
  { files, open }: Conflict,
): Promise<void> {
  const pool = await openPool();
  const claim = open && pool.claimed(run, open.worktree);
  const place = claim && (await pool.open(claim));
  const again = `orch approve ${run} ${step}`;
  if (place === undefined) {
    throw new OrchError(
      'ORCH_WORKTREE_GONE',
      `the worktree in which the conflict of step "${step}" was to be settled is gone`,
      { fix: `orch reject ${run} ${step}; what the step left stays pinned` },
    );
  }
  const left = await place.workTree.unsettled(files.map(({ path }) => path));
  if (left.length === 0) return;
  throw new OrchError(
    'ORCH_UNSETTLED',
    `conflict markers are left in ${namePaths(left)}, in the worktree ${place.claim.root}`,
    {
      fix: `edit ${left.length === 1 ? 'it' : 'them'} there so that both sides are kept, then: ${again}`,
    },
  );
}

async function isTakenUp(ports: Ports, files: RunFiles, name: string): Promise<boolean> {
  const isTaken = () => !isRequestLeft(ports.files, files, name);
  const isHeld = () => holderOf(ports, files) !== undefined;
  await waitUntil(ports.clock, TAKE_UP_LIMIT_MS, () => isTaken() || !isHeld());
  return isTaken();
}

function waitingStep(state: RunState, id: string, nowMs: number): StepState {
  const index = state.indexOf.get(id);
  if (index === undefined) throw noSuchStep(state, id);
  const step = stepStateOf(state, index);
  if (step.answer !== undefined) {
    throw answeredBefore(id, step.answer.request === 'approve' ? 'approved' : 'rejected');
  }
  if (step.status === 'waiting' && !hasFinished(state)) {
    if (nowMs < (step.waitingUntilMs ?? Number.POSITIVE_INFINITY)) return step;
    const until = new Date(step.waitingUntilMs ?? 0).toISOString();
    throw new OrchError('ORCH_NOT_WAITING', `step "${id}" waited for an answer until ${until}`, {
      fix: `orch resume ${state.run}`,
    });
  }
  const { kind } = nodeOf(state, id).step;
  const why = kind === 'approval' ? `it is ${step.status}` : `it is a step of kind "${kind}"`;
  throw new OrchError('ORCH_NOT_WAITING', `step "${id}" does not wait for an answer: ${why}`, {
    fix: whatWaits(state),
  });
}

function noSuchStep(state: RunState, id: string): OrchError {
  const near = closestMatch(id, state.indexOf.keys());
  const fix = near === undefined ? whatWaits(state) : `did you mean "${near}"?`;
  return new OrchError('ORCH_NO_SUCH_STEP', `run ${state.run} has no step "${id}"`, { fix });
}

function whatWaits(state: RunState): string {
  const ids = [...state.waiting].map((index) => state.nodes[index]?.id);
  return ids.length > 0 ? `these wait: ${ids.join(', ')}` : `orch show ${state.run}`;
}

function answeredBefore(step: string, how: string): OrchError {
  return new OrchError(
    'ORCH_ANSWERED',
    `step "${step}" was ${how} before; the first answer counts`,
    {
      fix: 'orch resume, if the run does not go on by itself',
    },
  );
}
