/** One event as one plain line, for logs and for terminals that cannot redraw. */
import { plural, stripControl } from '../base/text.ts';
import { namePaths } from '../checkpoint/rollback.ts';
import type {
  MergeFinished,
  ResolveFinished,
  RunEvent,
  StepFinished,
  StepStarted,
  WaveSealed,
} from '../run/events.ts';
import { countEnded, type RunState } from '../run/state.ts';
import { leftOutText } from './left-out-text.ts';
import { SECRET_REMEDY, secretsText } from './secrets-text.ts';
import { durationText } from './time-text.ts';

/**
 * Undefined for events that say nothing to a person who watches.
 * @param ended steps as of the event
 */
export function eventLine(
  event: RunEvent,
  state: RunState,
  ended = countEnded(state),
): string | undefined {
  const text = describe(event, state, ended);
  return text === undefined ? undefined : stripControl(text).replace(/\n/g, ' ');
}

function describe(event: RunEvent, state: RunState, ended: number): string | undefined {
  switch (event.type) {
    case 'wave.started':
      return `wave ${event.wave}/${state.plan.waves.length}: ${plural(event.steps.length, 'step')}`;
    case 'step.started':
      return startLine(event);
    case 'step.finished':
      // It is done when it is merged.
      if (event.status === 'passed' && event.commit) return undefined;
      return stepEnd(event, `[${ended}/${state.leaves}]`);
    case 'merge.finished':
      return mergeEnd(event, state, `[${ended}/${state.leaves}]`);
    case 'resolve.started':
      return event.by === 'person'
        ? `  wait   ${event.step}: ${event.message}`
        : `  settle ${event.step}: its conflict (try ${event.round})`;
    case 'resolve.finished':
      return resolveEnd(event);
    case 'merge.probe': {
      const other = event.other === null ? 'what was merged before' : event.other;
      return `  warn   ${event.step} would not merge with ${other} as it stands: ${namePaths(event.files)}`;
    }
    case 'wave.invalidated':
      return event.gate === undefined
        ? undefined
        : `wave ${event.wave} is taken back: gate ${event.gate} failed`;
    case 'step.skipped':
      return `  skip   ${event.step}: ${event.reason}${event.detail === '' ? '' : ` (${event.detail})`}`;
    case 'step.waiting':
      return `  wait   ${event.step}: ${event.message}`;
    case 'gate.finished': {
      const why = event.failure
        ? `: ${event.failure.message}`
        : event.cache?.hit
          ? ' (from the cache)'
          : '';
      return `  gate   ${event.gate} ${event.status}${why}, ${durationText(event.duration_s * 1000)}`;
    }
    case 'wave.sealed':
      return sealedLine(event);
    case 'checkpoint.created':
      return `  saved  checkpoint ${event.wave} ${event.commit.slice(0, 12)}`;
    case 'run.resumed':
      return `resumed (process ${event.epoch})`;
    case 'rollback.started':
      return `rolling back to wave ${event.to}; what was there before: ${event.rescue}`;
    case 'rollback.done':
      return event.not_restored === undefined
        ? `rolled back to wave ${event.to}`
        : `rolled back to wave ${event.to}, but not restored: ${namePaths(event.not_restored)}`;
    default:
      return undefined;
  }
}

function startLine({ step, attempt, agent }: StepStarted): string {
  const notes = [
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(agent
      ? [agent.persona === undefined ? agent.name : `${agent.name} as ${agent.persona}`]
      : []),
  ];
  return `  start  ${step}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
}

function sealedLine({ wave, left_out, secrets, refused }: WaveSealed): string | undefined {
  if (refused && secrets) {
    return `  FAIL   wave ${wave} holds what looks like a secret: ${secretsText(secrets)}; ${SECRET_REMEDY}`;
  }
  const told = [
    ...(secrets === undefined
      ? []
      : [`  warning: the checkpoint holds what looks like a secret: ${secretsText(secrets)}`]),
    ...(left_out.length === 0 ? [] : [`  left out of the checkpoint: ${leftOutText(left_out)}`]),
  ];
  return told.length === 0 ? undefined : told.join(';');
}

function againText({ at, retry_at }: { readonly at: string; readonly retry_at?: string }): string {
  if (retry_at === undefined) return '';
  return Date.parse(retry_at) <= Date.parse(at)
    ? ', again at once'
    : `, again in ${pauseText(at, retry_at)}`;
}

/** Tenths of a second: a pause has no finer meaning. */
function pauseText(from: string, to: string): string {
  const pauseMs = Math.max(0, Date.parse(to) - Date.parse(from));
  return durationText(Math.ceil(pauseMs / 100) * 100);
}

/** An isolated step has ended when its work is part of the run's. */
function mergeEnd(
  event: MergeFinished & Pick<RunEvent, 'at'>,
  state: RunState,
  progress: string,
): string {
  const index = state.indexOf.get(event.step) ?? -1;
  const attempt = state.steps[index]?.attempts[event.attempt - 1];
  const took = durationText((attempt?.durationS ?? 0) * 1000);
  const paths = namePaths((event.files ?? []).map(({ path }) => path));
  const kept = event.left_out === undefined ? '' : ` (not merged: ${namePaths(event.left_out)})`;
  if (event.status === 'merged') {
    const settled = event.settled === undefined ? '' : `, ${event.settled} taken in ${paths}`;
    const cached = attempt?.cache?.hit ? ' (from the cache)' : '';
    return `  done   ${event.step}${cached}, ${took}${settled}${kept}  ${progress}`;
  }
  if (event.failure === undefined) return `  clash  ${event.step}: ${paths}`;
  const again = againText(event);
  return `  FAIL   ${event.step}: ${event.failure.message}, ${took}${again}  ${progress}`;
}

function resolveEnd(event: ResolveFinished & Pick<RunEvent, 'at'>): string | undefined {
  if (event.status === 'passed') return `  settled ${event.step}`;
  if (event.failure === undefined || event.round === 0) return undefined;
  const again = againText(event);
  return `  FAIL   ${event.step}: ${event.failure.message}${again}`;
}

function stepEnd(event: StepFinished & Pick<RunEvent, 'at'>, progress: string): string {
  const what = event.status === 'passed' ? 'done ' : event.status === 'failed' ? 'FAIL ' : 'stop ';
  const note = event.failure
    ? `: ${event.failure.message}`
    : event.cache?.hit
      ? ' (from the cache)'
      : '';
  const again = againText(event);
  const took = durationText(event.duration_s * 1000);
  return `  ${what}  ${event.step}${note}, ${took}${again}  ${progress}`;
}
