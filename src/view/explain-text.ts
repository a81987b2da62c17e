/**
 * Why a step stands as it does, in plain words. One function a status; each says what happened first
 * and what follows from it after that.
 */
import { joinWords, plural, stripControl } from '../base/text.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import { hasEnded, isIsolated, type RunState, stepStateOf } from '../run/state.ts';
import type { NamedStatus, StepExplanation, StepFacts, WhenExplanation } from './explain-step.ts';
import { nextLine, type Reader } from './next-line.ts';
import { cacheText } from './run-details.ts';
import type { RunFacts } from './run-facts.ts';
import { shellWord } from './summary-text.ts';
import { agoText, durationText, elapsedText } from './time-text.ts';

/** Names of steps beyond this many are counted. */
const NAMED_MAX = 8;

/** @param facts of the run the step belongs to */
export function explainStep(run: RunFacts, facts: StepFacts): StepExplanation {
  const { node, state: step, ...rest } = facts;
  const isPart = node.kind === 'matrix' || node.kind === 'workflow';
  const because = isPart ? becauseOfParts(facts) : becauseOf(run, facts);
  const waits = step.status === 'pending' ? blockersOf(run, facts) : [];
  return { ...rest, because, waits_for: waits, next: nextCommand(run, facts) };
}

function becauseOfParts({ node, parts, status, state }: StepFacts): string[] {
  const what = node.kind === 'matrix' ? 'a matrix' : 'a nested workflow';
  const counts = new Map<string, number>();
  for (const part of parts) counts.set(part.status, (counts.get(part.status) ?? 0) + 1);
  const told = [...counts].map(([name, count]) => `${count} ${name}`);
  const of = `it is ${what} of ${plural(parts.length, node.kind === 'matrix' ? 'instance' : 'step')}`;
  const why =
    state.skipped === undefined ? [] : [`${state.skipped.reason}: ${state.skipped.detail}`];
  return [`${of}: ${told.join(', ') || 'nothing in it'}; together ${status}`, ...why];
}

function becauseOf(run: RunFacts, facts: StepFacts): string[] {
  switch (facts.state.status) {
    case 'passed':
      return passedBecause(facts);
    case 'failed':
      return failedBecause(facts);
    case 'cancelled':
      return [
        `it was stopped: ${lastFailure(facts)}`,
        ...leftLines(facts),
        ...whenLines(facts.when),
      ];
    case 'skipped':
      return skippedBecause(run.state, facts);
    case 'running':
      return runningBecause(run, facts);
    case 'waiting':
      return waitingBecause(facts);
    case 'merging':
      return mergingBecause(run, facts);
    case 'pending':
      return pendingBecause(run, facts);
  }
}

function mergingBecause({ heldBy, state }: RunFacts, facts: StepFacts): string[] {
  const { conflict } = facts.state;
  const idle = heldBy === null ? stoppedWords(state) : [];
  if (conflict === undefined) return ['its work is done, and waits to be merged', ...idle];
  const paths = namePaths(conflict.files.map(({ path }) => path));
  const how = conflict.open === undefined || heldBy === null ? 'is to be' : 'is being';
  return [
    `its work does not merge with what was done meanwhile, and ${how} settled: ${paths}`,
    ...idle,
    ...leftLines(facts),
  ];
}

function stoppedWords({ status, cancelled }: RunState): string[] {
  if (cancelled || status === 'cancelled') return ['the run was cancelled before that'];
  return ['that goes on when the run is resumed'];
}

/** What the last attempt of an isolated step left, where it is not part of the result. */
function leftLines({ run, step, state }: StepFacts): string[] {
  const last = state.attempts.at(-1);
  if (!last?.ref || last.base === undefined || last.merged) return [];
  return [`what it left: orch diff ${run} --attempt ${shellWord(`${step}/${last.n}`)}`];
}

function passedBecause(facts: StepFacts): string[] {
  const last = facts.state.attempts.at(-1);
  const took = last?.durationS === undefined ? '' : ` after ${durationText(last.durationS * 1000)}`;
  const nth = facts.attempts.length > 1 ? ` on attempt ${facts.attempts.length}` : '';
  const how = last?.cache?.hit
    ? `it did not have to run: ${cacheText(last)}`
    : facts.kind === 'approval'
      ? 'a person approved it'
      : `it ran and passed${nth}${took}`;
  const miss = last?.cache && !last.cache.hit ? [`it had to run, ${cacheText(last)}`] : [];
  return [how, ...miss, ...startReason(facts), ...earlierFailures(facts)];
}

function failedBecause(facts: StepFacts): string[] {
  const { length } = facts.attempts;
  const of = facts.max_attempts > 1 ? ` (attempt ${length} of ${facts.max_attempts})` : '';
  const allowed = facts.node.step.continueOnError
    ? ['the run goes on all the same: continue_on_error is set']
    : [];
  return [
    `it failed: ${lastFailure(facts)}${of}`,
    ...allowed,
    ...leftLines(facts),
    ...startReason(facts),
    ...earlierFailures(facts),
  ];
}

function skippedBecause(state: RunState, facts: StepFacts): string[] {
  const { reason = '', detail = '' } = facts.state.skipped ?? {};
  switch (reason) {
    case 'when':
      return [`it was skipped: ${whenLines(facts.when)[0] ?? 'its condition did not hold'}`];
    case 'needs': {
      const rule = `trigger_rule ${facts.trigger_rule}`;
      return [`it was skipped: ${rule} does not hold, because ${detail}`];
    }
    case 'fail_fast':
      return [
        `it was skipped: ${detail}, and fail_fast stops what has not started`,
        ...failuresOf(state),
      ];
    case 'parent':
      return [`it was skipped with the nested workflow that it is part of: ${detail}`];
    case 'empty_matrix':
      return [`it was skipped: its matrix is empty: ${detail}`];
    default:
      return [`it was skipped: ${detail === '' ? reason : detail}`];
  }
}

function runningBecause(run: RunFacts, facts: StepFacts): string[] {
  const last = facts.state.attempts.at(-1);
  const elapsedMs = last === undefined ? 0 : run.asOfMs - Date.parse(last.startedAt);
  const { estimateMs, estimateSource } = facts.node;
  const estimate =
    estimateSource === 'default' ? '' : `; estimated to take ${durationText(estimateMs)}`;
  if (run.heldBy === null) {
    return [
      'it was running when orch stopped',
      'resume looks whether it still runs, or how it ended',
      ...startReason(facts),
    ];
  }
  return [
    `it is running, for ${elapsedText(elapsedMs)} now${estimate}`,
    ...startReason(facts),
    ...earlierFailures(facts),
  ];
}

function waitingBecause(facts: StepFacts): string[] {
  const { waitingFor = '', waitingUntilMs, answer } = facts.state;
  if (answer !== undefined) {
    return [`it was answered (${answer.request}); the run goes on when it is resumed`];
  }
  const until =
    waitingUntilMs === undefined ? '' : `, until ${new Date(waitingUntilMs).toISOString()}`;
  return [`it waits for a person${until}: ${waitingFor}`, ...startReason(facts)];
}

function pendingBecause(run: RunFacts, facts: StepFacts): string[] {
  const blockers = blockersOf(run, facts);
  const begun = facts.attempts.length > 0 ? 'it waits to be tried again' : 'it has not started';
  const [first, ...more] = blockers;
  if (first === undefined) return [`${begun}; nothing holds it back, it is about to start`];
  return [`${begun}: ${first}`, ...more, ...earlierFailures(facts)];
}

/** What has to happen before a step can start, the nearest first. */
function blockersOf(run: RunFacts, facts: StepFacts): string[] {
  const { state } = run;
  const { node } = facts;
  const open = facts.needs.filter(({ status }) => !hasEnded(status as never));
  if (open.length > 0) return [`it needs ${namesOf(open)}`, ...stoppedRun(run)];
  const wave = state.waves[node.wave];
  // Steps of an isolated run do not wait for the end of a wave, but for the files it begins on.
  const mayOpen = isIsolated(state) && state.tip !== undefined;
  if (wave?.status === 'planned' && !mayOpen) {
    const before = state.waves[node.wave - 1];
    const left = before?.open ?? 0;
    const how = left > 0 ? `, of which ${plural(left, 'step')} are left` : '';
    return [
      `wave ${node.wave} begins when wave ${node.wave - 1} is over${how}`,
      ...stoppedRun(run),
    ];
  }
  const stopped = stoppedRun(run);
  if (stopped.length > 0) return stopped;
  const { retryAtMs } = facts.state;
  if (retryAtMs !== undefined && retryAtMs > run.asOfMs) {
    return [`attempt ${facts.attempts.length + 1} begins at ${new Date(retryAtMs).toISOString()}`];
  }
  return busyResources(state, facts);
}

function stoppedRun({ state, isAbandoned }: RunFacts): string[] {
  if (isAbandoned) return ['nobody works on the run: its process is gone'];
  if (state.status === 'interrupted') return ['the run was stopped and can be resumed'];
  if (state.status === 'waiting') return ['the run waits for a person'];
  return [];
}

function busyResources(state: RunState, { node }: StepFacts): string[] {
  const pools = Object.entries(node.step.uses)
    .filter(([pool, units]) => (state.pools.free.get(pool) ?? 0) < units)
    .map(([pool, units]) => {
      const free = state.pools.free.get(pool) ?? 0;
      return `it uses ${units} of pool ${pool}, of which ${free} is free`;
    });
  const running = state.running.size + state.runningGates.size;
  if (running < state.plan.concurrency) return pools;
  const names = [...state.running].map((index) => ({
    step: state.nodes[index]?.id ?? '',
    status: 'running',
  }));
  return [...pools, `${plural(running, 'step')} at once is the most: ${namesOf(names, false)}`];
}

/** Why it was allowed to start. */
function startReason(facts: StepFacts): string[] {
  const rule = facts.trigger_rule;
  const needs =
    facts.needs.length === 0
      ? ['it needs no other step']
      : [`it started after its needs had ended (${namesOf(facts.needs)}; trigger_rule ${rule})`];
  return [...needs, ...whenLines(facts.when)];
}

function whenLines(when: WhenExplanation | null): string[] {
  if (when === null) return [];
  const values = Object.entries(when.values).map(([name, value]) => `${name} is '${value}'`);
  const because = values.length === 0 ? '' : `, because ${joinWords(values, 'and')}`;
  if (when.error !== null) return [`its condition could not be asked: ${when.error}`];
  if (when.holds === null)
    return [`its condition is asked when its needs have ended: ${when.text}`];
  return [`its condition ${when.holds ? 'held' : 'did not hold'}: ${when.text}${because}`];
}

function earlierFailures({ state }: StepFacts): string[] {
  return state.attempts
    .slice(0, -1)
    .flatMap(({ n, failure }) =>
      failure === undefined ? [] : [`attempt ${n} failed: ${failure.message}`],
    );
}

function lastFailure({ state }: StepFacts): string {
  return state.attempts.at(-1)?.failure?.message ?? 'no reason is on record';
}

/** Steps that failed for good, which is what fail_fast acts on. */
function failuresOf(state: RunState): string[] {
  const failed = state.nodes
    .filter(({ index }) => stepStateOf(state, index).status === 'failed')
    .map(({ id }) => ({ step: id, status: 'failed' }));
  return failed.length === 0 ? [] : [`what failed: ${namesOf(failed, false)}`];
}

function namesOf(steps: readonly NamedStatus[], withStatus = true): string {
  const shown = steps
    .slice(0, NAMED_MAX)
    .map(({ step, status }) => (withStatus ? `${step} (${status})` : step));
  const more = steps.length > NAMED_MAX ? [`${steps.length - NAMED_MAX} more`] : [];
  return joinWords([...shown, ...more], 'and');
}

function nextCommand({ state, heldBy, source }: RunFacts, facts: StepFacts): string | null {
  const id = shellWord(facts.step);
  if (source === 'git') return null;
  switch (facts.state.status) {
    case 'waiting':
      return facts.state.answer ? `orch resume ${state.run}` : `orch approve ${state.run} ${id}`;
    case 'running':
      return heldBy === null ? `orch resume ${state.run}` : `orch logs ${state.run} ${id} -f`;
    case 'failed':
    case 'cancelled':
      return heldBy === null ? `orch resume ${state.run} --retry-failed` : null;
    case 'merging':
      return heldBy === null && !state.cancelled ? `orch resume ${state.run}` : null;
    case 'pending':
      return heldBy === null && state.status === 'interrupted' ? `orch resume ${state.run}` : null;
    default:
      return null;
  }
}

/** The whole answer for people. @param nowMs wall clock */
export function explanationLines(told: StepExplanation, nowMs: number, reader: Reader): string[] {
  const [first = '', ...more] = told.because;
  const lines = [`${told.step}: ${first}`, ...more.map((line) => `  ${line}`)];
  if (told.parts.length > 0) lines.push(`  parts: ${namesOf(told.parts)}`);
  if (told.needed_by.length > 0) lines.push(`  needed by: ${namesOf(told.needed_by)}`);
  const ended = told.attempts.at(-1)?.ended_at;
  if (ended) lines.push(`  ended ${agoText(Date.parse(ended), nowMs)}, in wave ${told.wave}`);
  for (const [stream, texts] of Object.entries(told.last_lines)) {
    if (texts.length > 0) lines.push(`  last lines of its ${stream}:`);
    lines.push(...texts.map((text: string) => `    ${text}`));
  }
  lines.push(...nextLine(reader, told.next, '  '));
  return lines.map((line) => stripControl(line.replace(/[\r\n]+/g, ' ')));
}
