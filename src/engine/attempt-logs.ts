/** Which output files belong to what a person asks for: a whole run, a step, a gate, one attempt. */
import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import { isLeaf } from '../plan/graph.ts';
import { type Attempt, hasEnded, type RunState } from '../run/state.ts';
import type { LogOrigin } from '../view/log-text.ts';
import { attemptFolder, gateFolder, type RunFiles } from './run-files.ts';

export interface LogSelection {
  /** Id of a step, of a matrix (all instances) or of a nested workflow (all that is in it). */
  readonly step?: string | undefined;
  readonly gate?: string | undefined;
  readonly attempt?: number | undefined;
}

export interface LogSource extends LogOrigin {
  /** Holds `out` and `err`. */
  readonly folder: string;
  readonly startedAt: string;
  readonly hasEnded: boolean;
}

/**
 * The outputs that are there so far, in the order in which they began.
 * @throws OrchError ORCH_NO_SUCH_STEP
 */
export function selectLogs(state: RunState, files: RunFiles, selection: LogSelection): LogSource[] {
  const sources = [
    ...(selection.gate === undefined ? stepLogs(state, files, selection.step) : []),
    ...(selection.step === undefined ? gateLogs(state, files, selection.gate) : []),
  ];
  return sources
    .filter(({ attempt }) => selection.attempt === undefined || attempt === selection.attempt)
    .sort((a, b) => (a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : 0));
}

/**
 * Leaf steps that an id stands for: itself, the instances of a matrix, what lies in a nested workflow.
 * @throws OrchError ORCH_NO_SUCH_STEP
 */
export function leavesOf(state: RunState, id: string): number[] {
  const index = state.indexOf.get(id);
  const node = index === undefined ? undefined : state.nodes[index];
  if (node === undefined) throw unknownStep(state, id);
  if (isLeaf(node)) return [node.index];
  const parts = node.kind === 'matrix' ? node.needs : (state.children[node.index] ?? []);
  return parts.flatMap((part) => {
    const inner = state.nodes[part];
    if (inner === undefined || inner.kind === 'matrix') return [];
    return isLeaf(inner) ? [part] : leavesOf(state, inner.id);
  });
}

/**
 * How many attempts an id stands for at most, when one step is meant that is never tried again: 1.
 * @throws OrchError ORCH_NO_SUCH_STEP
 */
export function attemptsOf(state: RunState, id: string): number {
  const leaves = leavesOf(state, id);
  const [only] = leaves;
  const node = only === undefined ? undefined : state.nodes[only];
  // An agent's step is begun anew whenever another one takes over, or a limit is lifted.
  if (leaves.length !== 1 || node?.kind !== 'step' || node.step.agent)
    return Number.POSITIVE_INFINITY;
  return Math.max(node.step.retry.maxAttempts, state.steps[node.index]?.attempts.length ?? 0);
}

function stepLogs(state: RunState, files: RunFiles, step: string | undefined): LogSource[] {
  const indices =
    step === undefined
      ? state.nodes.filter(isLeaf).map(({ index }) => index)
      : leavesOf(state, step);
  return indices.flatMap((index) => {
    const node = state.nodes[index];
    const attempts = state.steps[index]?.attempts ?? [];
    if (node === undefined) return [];
    return attempts.map((attempt) => ({
      kind: 'step' as const,
      name: node.id,
      wave: node.wave,
      folder: attemptFolder(files, node.id, attempt.n),
      ...timesOf(attempt),
    }));
  });
}

function gateLogs(state: RunState, files: RunFiles, name: string | undefined): LogSource[] {
  const gates = state.waves.flatMap(({ gates }, wave) => gates.map((gate) => ({ gate, wave })));
  if (name !== undefined && !gates.some(({ gate }) => gate.name === name)) {
    throw unknownGate(name, [...new Set(gates.map(({ gate }) => gate.name))]);
  }
  return gates
    .filter(({ gate }) => name === undefined || gate.name === name)
    .flatMap(({ gate, wave }) =>
      gate.attempts.map((attempt) => ({
        kind: 'gate' as const,
        name: gate.name,
        wave,
        folder: gateFolder(files, wave, gate.name, attempt.n),
        ...timesOf(attempt),
      })),
    );
}

function timesOf(attempt: Attempt): Pick<LogSource, 'attempt' | 'startedAt' | 'hasEnded'> {
  return {
    attempt: attempt.n,
    startedAt: attempt.startedAt,
    hasEnded: attempt.endedAt !== undefined || hasEnded(attempt.status),
  };
}

/** @returns the error, to be thrown */
export function unknownStep(state: RunState, id: string): OrchError {
  const near = closestMatch(id, state.indexOf.keys());
  return new OrchError('ORCH_NO_SUCH_STEP', `run ${state.run} has no step ${JSON.stringify(id)}`, {
    fix: near === undefined ? `orch show ${state.run}` : `did you mean "${near}"?`,
  });
}

function unknownGate(name: string, names: readonly string[]): OrchError {
  const near = closestMatch(name, names);
  const known = names.length === 0 ? 'it has no gates' : `its gates are ${names.join(', ')}`;
  return new OrchError('ORCH_NO_SUCH_STEP', `no gate ${JSON.stringify(name)}: ${known}`, {
    fix: near === undefined ? 'name one of its gates' : `did you mean "${near}"?`,
  });
}
