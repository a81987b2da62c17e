/** How a run stands, as the JSON that scripts read: the last line of `run --json`, and `show --json`. */
import type { Oid } from '../base/ids.ts';
import { isLeaf } from '../plan/graph.ts';
import type { CacheUse, Failure, LeftOutFile, SecretPlace, StepAgent, Usage } from './events.ts';
import type { Attempt, Checkpoint, Conflict, RunState } from './state.ts';

export interface RunSummary {
  readonly type: 'run.summary';
  readonly run: string;
  readonly workflow: string;
  readonly status: string;
  readonly waves: number;
  readonly steps: {
    readonly passed: number;
    readonly failed: number;
    readonly skipped: number;
    readonly cancelled: number;
  };
  readonly checkpoints: readonly { readonly wave: number; readonly commit: Oid }[];
  readonly branch: string | null;
  readonly duration_s: number;
  readonly usage: Usage;
  /** What it waits for other than a person, and when that is over; null when there is no such thing. */
  readonly waits_for: { readonly detail: string; readonly resume_at: string | null } | null;
  readonly cache: {
    readonly hits: number;
    readonly misses: readonly { readonly of: string; readonly reason: string }[];
  };
  readonly gates_left_out: readonly string[];
  /** Files that the checkpoints do not hold, each once. */
  readonly left_out: readonly LeftOutFile[];
  /** What looks like a secret; in the checkpoints, unless its wave was refused because of it. */
  readonly secrets: readonly FoundSecret[];
  /** Ref of what `on_failure: rollback` replaced; null when nothing was taken back. */
  readonly rescue: string | null;
  /** The wave in which the run ended early, and the ref of its tree, which is in no checkpoint. */
  readonly left_wave: { readonly wave: number; readonly ref: string } | null;
}

export interface SummaryPlaces {
  /** Where the checkpoints are; null while there are none. */
  readonly branch: string | null;
  /** Where the tree of a wave is pinned. */
  readonly sealedRef: (run: string, wave: number) => string;
}

export function summarise(
  state: RunState,
  { branch, sealedRef }: SummaryPlaces,
  nowMs: number,
): RunSummary {
  const endMs = state.endedAt === undefined ? nowMs : Date.parse(state.endedAt);
  const startMs = state.startedAt === '' ? endMs : Date.parse(state.startedAt); // Killed before its first event.
  return {
    type: 'run.summary',
    run: state.run,
    workflow: state.workflow.name,
    status: state.status,
    waves: state.plan.waves.length,
    steps: { ...state.counts },
    checkpoints: newestCheckpoints(state).map(({ wave, commit }) => ({ wave, commit })),
    branch: state.checkpoints.length === 0 ? null : branch,
    duration_s: Math.max(0, Math.round(endMs - startMs)) / 1000, // The clock may have been set back.
    usage: state.usage,
    waits_for: waitsFor(state),
    cache: cacheUse(state),
    gates_left_out: [...new Set(state.plan.waves.flatMap((wave) => wave.gatesLeftOut))],
    left_out: leftOutFiles(state),
    secrets: foundSecrets(state),
    rescue: state.wentBack ? (state.lastRescue ?? null) : null,
    left_wave: leftWave(state, sealedRef),
  };
}

export function waitsFor({ held }: RunState): RunSummary['waits_for'] {
  return held === undefined ? null : { detail: held.detail, resume_at: held.resumeAt ?? null };
}

/** One a wave: a wave may have been done again, and the last one says how the run ended. */
export function newestCheckpoints({ checkpoints }: RunState): Checkpoint[] {
  const newest = new Map(checkpoints.map((checkpoint) => [checkpoint.wave, checkpoint]));
  return [...newest.values()].sort((a, b) => a.wave - b.wave);
}

/** As of the first checkpoint that did not take it. */
export function leftOutFiles(state: RunState): LeftOutFile[] {
  const files = new Map<string, LeftOutFile>();
  for (const { leftOut } of state.waves)
    for (const file of leftOut ?? []) if (!files.has(file.path)) files.set(file.path, file);
  return [...files.values()];
}

export interface FoundSecret extends SecretPlace {
  readonly wave: number;
  /** It is in no checkpoint, and the wave has failed. */
  readonly refused: boolean;
}

export function foundSecrets(state: RunState): FoundSecret[] {
  return state.waves.flatMap(({ secrets = [], refused = false }, wave) =>
    secrets.map((place) => ({ wave, ...place, refused })),
  );
}

function leftWave(
  { run, waves, frontier }: RunState,
  sealedRef: SummaryPlaces['sealedRef'],
): RunSummary['left_wave'] {
  const wave = waves[frontier];
  const isLeft = wave?.status === 'failed' || wave?.status === 'cancelled';
  return isLeft && wave.sealed ? { wave: frontier, ref: sealedRef(run, frontier) } : null;
}

function cacheUse(state: RunState): RunSummary['cache'] {
  const uses: { of: string; cache: CacheUse }[] = [];
  for (const node of state.nodes) {
    const cache = state.steps[node.index]?.attempts.at(-1)?.cache;
    if (cache) uses.push({ of: node.id, cache });
  }
  for (const [wave, { gates }] of state.waves.entries()) {
    for (const gate of gates) {
      const cache = gate.attempts.at(-1)?.cache;
      if (cache) uses.push({ of: `gate ${gate.name} of wave ${wave}`, cache });
    }
  }
  return {
    hits: uses.filter(({ cache }) => cache.hit).length,
    misses: uses
      .filter(({ cache }) => !cache.hit)
      .map(({ of, cache }) => ({ of, reason: cache.reason })),
  };
}

/** `orch show RUN --json`. */
export function describeRun(state: RunState): Record<string, unknown> {
  return {
    run: state.run,
    workflow: state.workflow.name,
    workspace: state.plan.workspace,
    status: state.status,
    base: state.base,
    from: state.from ?? null,
    started_at: state.startedAt,
    ended_at: state.endedAt ?? null,
    checkpoints: newestCheckpoints(state).map(({ wave, commit, tree, at }) => ({
      wave,
      commit,
      tree,
      at,
    })),
    usage: state.usage,
    waits_for: waitsFor(state),
    stands_at: state.standsAt ?? state.checkpoints.at(-1)?.wave ?? null,
    left_out: leftOutFiles(state),
    waves: state.waves.flatMap((wave, index) =>
      wave.plan === null
        ? []
        : [
            {
              index,
              status: wave.status,
              steps: wave.plan.steps,
              gates: wave.gates.map((gate) => ({
                name: gate.name,
                status: gate.status,
                attempts: gate.attempts.map(describeAttempt),
              })),
              gates_left_out: wave.plan.gatesLeftOut,
            },
          ],
    ),
    steps: state.nodes.filter(isLeaf).map((node) => {
      const step = state.steps[node.index];
      const name = step?.attempts.at(-1)?.name ?? node.step.name;
      return {
        id: node.id,
        ...(name !== undefined && { name }),
        wave: node.wave,
        status: step?.status,
        outputs: step?.outputs,
        ...(step?.skipped && { skipped: step.skipped }),
        ...(step?.waitingFor !== undefined && { waiting_for: step.waitingFor }),
        ...(step?.conflict && { conflict: describeConflict(step.conflict) }),
        attempts: step?.attempts.map(describeAttempt),
      };
    }),
  };
}

function describeConflict({ files, onto, open }: Conflict): Record<string, unknown> {
  return { files: files.map(({ path }) => path), onto, settled_by: open?.by ?? null };
}

/** One attempt of a step or gate, as `show --json` tells it. */
export function describeAttempt(attempt: Attempt): {
  n: number;
  status: string;
  exit_code: number | null;
  started_at: string;
  ended_at: string | null;
  duration_s: number | null;
  ref: string | null;
  /** Isolated runs: what it began on, what it left, and whether that is part of the result. */
  base?: string;
  commit?: string | null;
  merged?: boolean;
  /** Of agent steps. */
  agent?: StepAgent;
  usage?: Usage;
  session?: string;
  failure?: Failure;
  cache?: CacheUse;
  retry_at?: string;
} {
  return {
    n: attempt.n,
    status: attempt.status,
    exit_code: attempt.exitCode ?? null,
    started_at: attempt.startedAt,
    ended_at: attempt.endedAt ?? null,
    duration_s: attempt.durationS ?? null,
    ref: attempt.ref ?? null,
    ...(attempt.base !== undefined && {
      base: attempt.base,
      commit: attempt.commit ?? null,
      merged: attempt.merged ?? false,
    }),
    ...(attempt.agent && { agent: attempt.agent }),
    ...(attempt.usage && { usage: attempt.usage }),
    ...(attempt.session !== undefined && { session: attempt.session }),
    ...(attempt.failure && { failure: attempt.failure }),
    ...(attempt.cache && { cache: attempt.cache }),
    ...(attempt.retryAt !== undefined && { retry_at: attempt.retryAt }),
  };
}
