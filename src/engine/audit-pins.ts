/** Every commit that a journal says a ref holds, apart from the branch of checkpoints. */
import type { RecordedPin } from '../checkpoint/audit.ts';
import { sealedRef } from '../checkpoint/layout.ts';
import { hasFinished } from '../run/decide.ts';
import type { RunEvent } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import type { Frozen } from './frozen.ts';

/** A ref that was written anew counts as it was written last. */
export function recordedPins(
  state: RunState,
  frozen: Pick<Frozen, 'commit_to'>,
  events: readonly RunEvent[],
): RecordedPin[] {
  const isKept = !isAccepted(state, frozen);
  const pins = new Map<string, RecordedPin>();
  const add = (what: string, ref: string, commit: string, mayBeGone: boolean) =>
    pins.set(ref, { what, ref, commit, mayBeGone });
  for (const event of events) {
    switch (event.type) {
      case 'step.finished':
        if (event.ref && event.commit)
          add(`attempt ${event.attempt} of step ${event.step}`, event.ref, event.commit, !isKept);
        break;
      case 'wave.sealed':
        add(`wave ${event.wave}, sealed`, sealedRef(state.run, event.wave), event.commit, !isKept);
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
      case 'rollback.started':
        add(`before the rollback to wave ${event.to}`, event.rescue, event.rescue_commit, false);
        break;
      case 'accept.started':
        add('before it was accepted', event.rescue, event.rescue_commit, false);
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
