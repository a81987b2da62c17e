/**
 * What became of the work of a run whose process is gone: keepers go on without it and leave exit codes,
 * which nobody has read yet. Only looks; taking it up is a resume.
 */
import type { Ports } from '../ports/ports.ts';
import { type Attempt, type RunState, splitGateKey, waveOf } from '../run/state.ts';
import { type Fate, workKey } from '../view/run-facts.ts';
import { isVisible } from './adopted-keepers.ts';
import { readExitLog } from './keeper-pool.ts';
import { attemptKey, gateAttemptKey, type RunFiles } from './run-files.ts';

export function fatesOf(
  { files, processes }: Pick<Ports, 'files' | 'processes'>,
  at: RunFiles,
  state: RunState,
): ReadonlyMap<string, Fate> {
  const fates = new Map<string, Fate>();
  if (state.running.size + state.runningGates.size === 0) return fates;
  const codes = readExitLog(files.readText(at.exitLog));
  const boot = processes.bootId();
  const fateOf = (attempt: Attempt, key: string): Fate => {
    const keeper = attempt.slot === undefined ? undefined : state.keepers.get(attempt.slot);
    // Of another boot neither the pid means anything, nor files that were never synced.
    if (keeper?.boot !== boot) return { kind: 'gone' };
    const exitCode = codes.get(key);
    if (exitCode !== undefined) return { kind: 'ended', exitCode };
    const isAlive = isVisible(processes, keeper) && processes.isAlive(keeper);
    return { kind: isAlive ? 'alive' : 'gone' };
  };
  for (const index of state.running) {
    const node = state.nodes[index];
    const attempt = state.steps[index]?.attempts.at(-1);
    if (node === undefined || attempt === undefined) continue;
    const fate = fateOf(attempt, attemptKey(node.id, attempt.n));
    fates.set(workKey('step', node.wave, node.id), fate);
  }
  for (const running of state.runningGates) {
    const [wave, name] = splitGateKey(running);
    const attempt = waveOf(state, wave)
      .gates.find((gate) => gate.name === name)
      ?.attempts.at(-1);
    if (attempt === undefined) continue;
    fates.set(workKey('gate', wave, name), fateOf(attempt, gateAttemptKey(wave, name, attempt.n)));
  }
  return fates;
}
