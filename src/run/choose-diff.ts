/** Which two commits a person means who asks what a run, a wave or an attempt changed. */
import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import { type Attempt, isIsolated, type RunState } from './state.ts';

export type DiffChoice =
  | { readonly kind: 'commits'; readonly from: string; readonly to: string }
  /** Against the commit's own parent: what the attempt began on. */
  | { readonly kind: 'attempt'; readonly ref: string };

export interface DiffWish {
  readonly wave?: number | undefined;
  /** `step/n`; a step's id may hold `/` too. */
  readonly attempt?: string | undefined;
}

/** @throws OrchError ORCH_NO_SUCH_CHECKPOINT, ORCH_NO_SUCH_STEP, ORCH_USAGE */
export function chooseDiff(state: RunState, { wave, attempt }: DiffWish): DiffChoice {
  if (attempt !== undefined) return { kind: 'attempt', ref: attemptRefOf(state, attempt) };
  const { checkpoints, run } = state;
  const first = checkpoints[0];
  if (first === undefined) {
    throw new OrchError('ORCH_NO_SUCH_CHECKPOINT', `run ${run} has no checkpoint yet`, {
      fix: `orch wait ${run}`,
    });
  }
  if (wave === undefined) {
    return { kind: 'commits', from: first.commit, to: checkpoints.at(-1)?.commit ?? first.commit };
  }
  // A wave that was done again after a rollback has several; the newest is the one that counts.
  const at = checkpoints.findLastIndex((checkpoint) => checkpoint.wave === wave);
  const to = checkpoints[at];
  if (to === undefined || wave === 0) throw noCheckpoint(state, wave);
  const from = checkpoints.slice(0, at).findLast((checkpoint) => checkpoint.wave < wave) ?? first;
  return { kind: 'commits', from: from.commit, to: to.commit };
}

function noCheckpoint(state: RunState, wave: number): OrchError {
  const waves = [...new Set(state.checkpoints.map((checkpoint) => checkpoint.wave))].slice(1);
  const what =
    wave === 0
      ? 'wave 0 is the state before the run: there is nothing before it'
      : `run ${state.run} has no checkpoint of wave ${wave}`;
  const fix = waves.length === 0 ? `orch show ${state.run}` : `--wave ${waves.join(' or ')}`;
  return new OrchError('ORCH_NO_SUCH_CHECKPOINT', what, { fix });
}

function whyNotKept(state: RunState, { commit }: Attempt): string {
  if (!isIsolated(state)) return 'only failed ones are kept';
  return commit === null ? 'changed nothing' : 'left nothing that is kept';
}

function attemptRefOf(state: RunState, wish: string): string {
  const [, id = '', n = ''] = /^(.+)\/(\d+)$/.exec(wish) ?? [];
  if (id === '') {
    throw new OrchError('ORCH_USAGE', `--attempt takes step/n, not ${JSON.stringify(wish)}`, {
      fix: '--attempt lint/1',
    });
  }
  const index = state.indexOf.get(id);
  if (index === undefined) {
    const near = closestMatch(id, state.indexOf.keys());
    throw new OrchError('ORCH_NO_SUCH_STEP', `run ${state.run} has no step ${JSON.stringify(id)}`, {
      fix: near === undefined ? `orch show ${state.run}` : `did you mean "${near}"?`,
    });
  }
  const attempt = state.steps[index]?.attempts.find((candidate) => candidate.n === Number(n));
  if (attempt?.ref) return attempt.ref;
  const why =
    attempt === undefined
      ? 'never took place'
      : `${attempt.status}, and ${whyNotKept(state, attempt)}`;
  throw new OrchError('ORCH_NO_SUCH_STEP', `attempt ${n} of ${JSON.stringify(id)} ${why}`, {
    fix: `orch why ${state.run} ${id}`,
  });
}
