/** Every commit that a journal says a ref holds, apart from the branch of checkpoints. */
import type { RecordedPin } from '../checkpoint/audit.ts';
import { mergedRef, sealedRef } from '../checkpoint/layout.ts';
import { hasFinished } from '../run/decide.ts';
import type { RunEvent } from '../run/events.ts';
import { isIsolated, type RunState } from '../run/state.ts';
import type { Frozen } from './frozen.ts';

export interface PinsRequest {
  /** Retention may have let them go. */
  readonly mayBeGone: boolean;
  /** The journal comes from a branch, to which no refs belong; all of them may be gone. */
  readonly isRebuilt: boolean;
}

/** A ref that was written anew counts as it was written last. */
export function recordedPins(
  state: RunState,
  events: readonly RunEvent[],
  { mayBeGone, isRebuilt }: PinsRequest,
): RecordedPin[] {
  const pins = new Map<string, RecordedPin>();
  const add = (what: string, ref: string, commit: string, mayGo: boolean) =>
    pins.set(ref, { what, ref, commit, mayBeGone: mayGo || isRebuilt });
  const addTip = (commit: string) =>
    add('what was merged', mergedRef(state.run), commit, mayBeGone);
  for (const event of events) {
    switch (event.type) {
      case 'step.finished':
        if (event.ref && event.commit)
          add(`attempt ${event.attempt} of step ${event.step}`, event.ref, event.commit, mayBeGone);
        break;
      case 'wave.sealed':
        if (event.wave === 0 && isIsolated(state)) addTip(event.commit);
        add(
          `wave ${event.wave}, sealed`,
          sealedRef(state.run, event.wave),
          event.commit,
          mayBeGone,
        );
        break;
      case 'checkpoint.started': {
        // The ref goes when the checkpoint takes its place; a crash may come right after that.
        const sealed = pins.get(sealedRef(state.run, event.wave));
        if (sealed) pins.set(sealed.ref, { ...sealed, mayBeGone: true });
        break;
      }
      case 'checkpoint.created':
        pins.delete(sealedRef(state.run, event.wave));
        break;
      case 'merge.finished':
        if (event.commit !== undefined) addTip(event.commit);
        break;
      case 'resolve.finished':
        if (event.ref !== undefined && event.commit !== undefined)
          add(`conflict of step ${event.step}, settled`, event.ref, event.commit, mayBeGone);
        break;
      case 'wave.invalidated':
        if (event.tip !== undefined) addTip(event.tip);
        break;
      case 'rollback.done':
        if (event.tip !== undefined) addTip(event.tip);
        break;
      case 'rollback.started':
        add(
          `before the rollback to wave ${event.to}`,
          event.rescue,
          event.rescue_commit,
          mayBeGone,
        );
        break;
      case 'accept.started':
        add('before it was accepted', event.rescue, event.rescue_commit, mayBeGone);
        break;
      default:
    }
  }
  return [...pins.values()];
}

/** Its result is on a branch of the user: retention counts from then. */
export function isAccepted(state: RunState, { commit_to }: Pick<Frozen, 'commit_to'>): boolean {
  return state.accepted !== undefined || (commit_to === 'current' && hasFinished(state));
}
