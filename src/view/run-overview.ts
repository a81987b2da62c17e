/**
 * How a run stands now: what `orch status` and `orch list` tell of each. Data here; words in
 * status-text.ts and run-table.ts.
 */
import type { Progress, WaveProgress } from '../run/progress.ts';
import { progressOf } from '../run/progress.ts';
import { type RunState, type RunStatus, splitGateKey } from '../run/state.ts';
import { type Fate, type RunFacts, workKey } from './run-facts.ts';
import { resumeCommand, shellWord } from './summary-text.ts';

export interface RunOverview {
  readonly run: string;
  readonly workflow: string;
  readonly status: RunStatus;
  readonly source: 'here' | 'git';
  readonly held_by: { readonly pid: number; readonly what: string } | null;
  /** True when the process that held it is gone without a word. */
  readonly abandoned: boolean;
  /** Its result is on a branch of the user's. */
  readonly accepted: boolean;
  /** A rollback that was begun and not finished: the work tree is somewhere in between. */
  readonly rollback_open: { readonly to: number; readonly rescue: string } | null;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly duration_s: number | null;
  readonly steps: RunState['counts'];
  readonly progress: Progress;
  /** What to type next; null while it runs. */
  readonly next: string | null;
}

export interface ActiveRun extends RunOverview {
  readonly waves: readonly (WaveProgress & { readonly status: string })[];
  readonly running: readonly RunningWork[];
  readonly waiting: readonly WaitingStep[];
}

export interface RunningWork {
  readonly kind: 'step' | 'gate';
  readonly name: string;
  readonly wave: number;
  readonly attempt: number;
  readonly started_at: string;
  readonly elapsed_s: number;
  /** Without a process of orch: `alive` goes on, `ended` waits to be read by a resume, `gone` is lost. */
  readonly fate: 'running' | Fate['kind'];
  /** Of work that ended while no orch looked; else null. */
  readonly exit_code: number | null;
}

export interface WaitingStep {
  readonly step: string;
  readonly message: string;
  readonly until: string | null;
  /** Its answer is there and waits for a resume. */
  readonly answered: boolean;
}

export function overviewOf(facts: RunFacts): RunOverview {
  return withProgress(facts, progressOf(facts.state, facts.asOfMs).run);
}

/** With waves, what runs and who is waited for; costs a look at every step. */
export function activeRunOf(facts: RunFacts): ActiveRun {
  const { state, asOfMs } = facts;
  const progress = progressOf(state, asOfMs);
  return {
    ...withProgress(facts, progress.run),
    waves: progress.waves.map((wave) => ({
      ...wave,
      status: state.waves[wave.wave]?.status ?? 'planned',
    })),
    running: runningWork(state, asOfMs, facts.fates),
    waiting: waitingSteps(state, facts.answered),
  };
}

function withProgress(facts: RunFacts, progress: Progress): RunOverview {
  const { state, source, heldBy, isAbandoned, asOfMs } = facts;
  const endMs = state.endedAt === undefined ? asOfMs : Date.parse(state.endedAt);
  const durationMs = endMs - Date.parse(state.startedAt);
  return {
    run: state.run,
    workflow: state.workflow.name,
    status: state.status,
    source,
    held_by: heldBy,
    abandoned: isAbandoned,
    accepted: facts.isAccepted,
    rollback_open: rollbackOpen(state),
    started_at: state.startedAt,
    ended_at: state.endedAt ?? null,
    duration_s: Number.isFinite(durationMs) ? Math.max(0, Math.round(durationMs)) / 1000 : null,
    steps: { ...state.counts },
    progress,
    next: nextCommand(facts),
  };
}

/** In the order in which they began. */
export function runningWork(
  state: RunState,
  nowMs: number,
  fates: ReadonlyMap<string, Fate> = new Map(),
): RunningWork[] {
  const work: RunningWork[] = [];
  const add = (
    kind: RunningWork['kind'],
    name: string,
    wave: number,
    attempt: { readonly n: number; readonly startedAt: string } | undefined,
  ) => {
    if (attempt === undefined) return;
    const { n, startedAt } = attempt;
    const elapsedMs = Math.max(0, nowMs - Date.parse(startedAt));
    const elapsed_s = Math.round(elapsedMs) / 1000;
    const fate = fates.get(workKey(kind, wave, name));
    work.push({
      kind,
      name,
      wave,
      attempt: n,
      started_at: startedAt,
      elapsed_s,
      fate: fate?.kind ?? 'running',
      exit_code: fate?.kind === 'ended' ? fate.exitCode : null,
    });
  };
  for (const index of state.running) {
    const node = state.nodes[index];
    if (node) add('step', node.id, node.wave, state.steps[index]?.attempts.at(-1));
  }
  for (const key of state.runningGates) {
    const [wave, name] = splitGateKey(key);
    const gate = state.waves[wave]?.gates.find((one) => one.name === name);
    if (gate) add('gate', gate.name, wave, gate.attempts.at(-1));
  }
  return work.sort((a, b) => (a.started_at < b.started_at ? -1 : 1));
}

export function waitingSteps(
  state: RunState,
  answered: ReadonlySet<string> = new Set(),
): WaitingStep[] {
  return [...state.waiting].flatMap((index) => {
    const node = state.nodes[index];
    const step = state.steps[index];
    if (node === undefined || step === undefined) return [];
    const { waitingFor = '', waitingUntilMs } = step;
    const until = waitingUntilMs === undefined ? null : new Date(waitingUntilMs).toISOString();
    const isAnswered = step.answer !== undefined || answered.has(node.id);
    return [{ step: node.id, message: waitingFor, until, answered: isAnswered }];
  });
}

function rollbackOpen({ rollbackOpen: open }: RunState): RunOverview['rollback_open'] {
  return open === undefined ? null : { to: open.to, rescue: open.rescue };
}

function nextCommand({ state, source, branch, isAccepted, answered }: RunFacts): string | null {
  const { run } = state;
  if (source === 'git') return `git log ${shellWord(branch)}`;
  const { rollbackOpen: open } = state;
  if (open !== undefined && state.status !== 'running')
    return `orch rollback ${run} --to ${open.to}`;
  switch (state.status) {
    case 'running':
      return null;
    case 'waiting': {
      const open = waitingSteps(state, answered).find((step) => !step.answered);
      return open === undefined
        ? resumeCommand(state)
        : `orch approve ${run} ${shellWord(open.step)}`;
    }
    case 'interrupted':
      return `orch resume ${run}`;
    case 'passed':
      if (isAccepted) return null;
      return state.standsAt === 0
        ? `orch rollback ${run} --to ${state.checkpoints.at(-1)?.wave ?? 0}`
        : `orch accept ${run}`;
    default:
      return `orch resume ${run} --retry-failed`;
  }
}
