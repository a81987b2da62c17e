/** `orch show`: everything the journal tells of one run, as JSON and as lines. */
import { plural, stripControl } from '../base/text.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import { isLeaf } from '../plan/graph.ts';
import type { PlanNode } from '../plan/plan.ts';
import {
  type Attempt,
  type GateState,
  isIsolated,
  type RunState,
  type StepState,
  type WaveState,
} from '../run/state.ts';
import { describeRun, leftOutFiles, newestCheckpoints } from '../run/summary.ts';
import { leftOutText } from './left-out-text.ts';
import { nextLine, type Reader } from './next-line.ts';
import { type Fate, type RunFacts, workKey } from './run-facts.ts';
import { type ActiveRun, activeRunOf } from './run-overview.ts';
import { fateText, progressText, statusWords, waitingText } from './status-text.ts';
import { heldLine, salvageLine, spentLine } from './summary-text.ts';
import type { ColumnRules } from './table-text.ts';
import { durationText } from './time-text.ts';

/** The folded state, and what only a look at the world tells; scripts rely on the names. */
export function runDocument(facts: RunFacts): Record<string, unknown> {
  const { waves: progress, ...overview } = activeRunOf(facts);
  const described = describeRun(facts.state) as { readonly waves: readonly { index: number }[] };
  return {
    ...overview,
    ...described,
    inputs: facts.state.inputs,
    branch: facts.branch,
    counts: overview.steps,
    waves: described.waves.map((wave) => {
      const { done, total, percent, seconds_left } = progress[wave.index - 1] ?? NO_PROGRESS;
      return { ...wave, progress: { done, total, percent, seconds_left } };
    }),
  };
}

const NO_PROGRESS = { done: 0, total: 0, percent: 0, seconds_left: null };

export const STEP_COLUMNS = ['step', 'status', 'tries', 'time', 'note'] as const;
export const STEP_RULES: ColumnRules = { ids: ['step'], spare: ['tries', 'time'] };

export interface RunSection {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
  /** Below the rows: gates, the checkpoint. */
  readonly notes: readonly string[];
}

export interface RunDetails {
  readonly header: readonly string[];
  /** One a wave, rows under STEP_COLUMNS. */
  readonly sections: readonly RunSection[];
  readonly footer: readonly string[];
}

/** @param nowMs wall clock */
export function runDetails(facts: RunFacts, nowMs: number, reader: Reader): RunDetails {
  const { state } = facts;
  const active = activeRunOf(facts);
  const { duration_s } = active;
  const took = duration_s === null ? '' : `, ${durationText(duration_s * 1000)}`;
  const begun = state.base === null ? '' : ` on ${state.base.slice(0, 12)}`;
  return {
    header: [
      `${state.run}: ${statusWords(active, nowMs)}`,
      `workflow ${stripControl(state.workflow.name)} (${stripControl(state.workflow.file)}), begun ${state.startedAt}${begun}${took}`,
      ...forkLine(state),
      progressText(active.progress),
      ...inputsLine(state),
    ],
    sections: state.waves.flatMap((wave, index) => {
      if (wave.plan === null) return [];
      return [waveSection(facts, index, wave, active.waves[index - 1])];
    }),
    footer: [
      ...checkpointLines(state, facts.branch),
      ...salvageLine(state),
      ...spentLine(state),
      ...heldLine(state),
      ...active.waiting.map(waitingText),
      ...nextLine(reader, active.next),
    ],
  };
}

function forkLine({ from }: RunState): string[] {
  if (from === undefined) return [];
  return [`goes on from wave ${from.wave} of ${from.run} (${from.commit.slice(0, 12)})`];
}

function inputsLine({ inputs }: RunState): string[] {
  const given = Object.entries(inputs).map(
    ([name, value]) =>
      `${name}=${oneLine(typeof value === 'string' ? value : JSON.stringify(value))}`,
  );
  return given.length === 0 ? [] : [`inputs ${given.join(', ')}`];
}

function waveSection(
  { state, fates }: RunFacts,
  index: number,
  wave: WaveState,
  progress: ActiveRun['waves'][number] | undefined,
): RunSection {
  const nodes = state.nodes.filter((node) => isLeaf(node) && node.wave === index);
  const of =
    progress === undefined ? '' : `, ${progress.done} of ${plural(progress.total, 'step')}`;
  return {
    title: `Wave ${index} of ${state.waves.length - 1}: ${wave.status}${of}`,
    rows: nodes.map((node) => stepRow(node, state.steps[node.index], fates)),
    notes: [
      ...wave.gates.map(gateLine),
      ...(wave.plan?.gatesLeftOut ?? []).map(
        (name) => `gate ${oneLine(name)}: left out by ${wave.plan?.validation} validation`,
      ),
    ],
  };
}

function stepRow(
  node: PlanNode,
  step: StepState | undefined,
  fates: ReadonlyMap<string, Fate>,
): string[] {
  const attempts = step?.attempts ?? [];
  const last = attempts.at(-1);
  const took = last?.durationS === undefined ? '' : durationText(last.durationS * 1000);
  const tries = attempts.length === 0 ? '' : String(attempts.length);
  const fate = fates.get(workKey('step', node.wave, node.id));
  const note = fate === undefined ? noteOf(step, last) : fateText(fate);
  return [oneLine(node.id), step?.status ?? '', tries, took, oneLine(note)];
}

function noteOf(step: StepState | undefined, last: Attempt | undefined): string {
  if (step?.skipped) return `${step.skipped.reason}: ${step.skipped.detail}`;
  if (step?.status === 'waiting') return step.waitingFor ?? '';
  if (step?.status === 'merging') return mergeText(step);
  if (step?.retryAtMs !== undefined) return `again at ${new Date(step.retryAtMs).toISOString()}`;
  const failure = step?.status === 'passed' ? undefined : last?.failure;
  return failure?.message ?? (cacheText(last) || (last?.name ?? ''));
}

/** What an isolated step waits for whose own work is done. */
export function mergeText({ conflict }: Pick<StepState, 'conflict'>): string {
  if (conflict === undefined) return 'waits to be merged';
  return `does not merge: ${namePaths(conflict.files.map(({ path }) => path))}`;
}

function gateLine(gate: GateState): string {
  const last = gate.attempts.at(-1);
  const why = gate.status === 'failed' ? `: ${oneLine(last?.failure?.message ?? '')}` : '';
  const cache = cacheText(last);
  const tries = gate.attempts.length > 1 ? ` in ${gate.attempts.length} tries` : '';
  return `gate ${oneLine(gate.name)}: ${gate.status}${tries}${why}${cache === '' ? '' : ` (${oneLine(cache)})`}`;
}

/** `from the cache: unchanged since ...`, `not from the cache: file x changed`, or nothing. */
export function cacheText(attempt: Attempt | undefined): string {
  if (attempt?.cache === undefined) return '';
  const { hit, reason } = attempt.cache;
  return `${hit ? 'from the cache' : 'not from the cache'}: ${reason}`;
}

function checkpointLines(state: RunState, branch: string): string[] {
  if (state.checkpoints.length === 0) return ['no checkpoint yet'];
  const stands = state.standsAt;
  const here = isIsolated(state) ? 'the run stands here' : 'the work tree stands here';
  const leftOut = leftOutFiles(state);
  return [
    `checkpoints on ${stripControl(branch)}`,
    ...newestCheckpoints(state).map(
      ({ wave, commit, at }) =>
        `  wave ${wave}  ${commit.slice(0, 12)}  ${at}${stands === wave ? `  ${here}` : ''}`,
    ),
    ...(leftOut.length === 0 ? [] : [`not in the checkpoints: ${leftOutText(leftOut)}`]),
  ];
}

function oneLine(text: string): string {
  return stripControl(text.replace(/\s+/g, ' ').trim());
}
