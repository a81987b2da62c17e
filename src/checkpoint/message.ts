/**
 * The message of a checkpoint commit: a subject for people and trailers that git itself can list, so
 * that `git log --format='%(trailers)' orch/<run>` is the audit log of a run.
 *
 * Text from workflows is data here: a line break in a name must not become a trailer.
 */
import type { Oid } from '../base/ids.ts';
import type { RunEndStatus } from '../run/events.ts';
import { type RunState, waveOf } from '../run/state.ts';

export type CheckpointStatus = 'running' | RunEndStatus;

export interface CheckpointFacts {
  readonly run: string;
  readonly workflow: string;
  readonly wave: number;
  /** How many waves the plan has. */
  readonly waves: number;
  readonly steps: readonly string[];
  /** `tests=passed` */
  readonly gates: readonly string[];
  readonly status: CheckpointStatus;
  /** It ends no wave, but the run. */
  readonly closing: boolean;
  /** Events in the committed journal. */
  readonly events: number;
  /** sha256 of the committed segments in order, hex. */
  readonly digest: string;
}

/**
 * What the checkpoint of a wave says, from the state right after its checkpoint.started.
 * @param digest of the committed segments
 */
export function checkpointFacts(
  state: RunState,
  open: NonNullable<RunState['checkpointOpen']>,
  digest: string,
): CheckpointFacts {
  const wave = waveOf(state, open.wave);
  const closing = open.closing ?? false;
  return {
    run: state.run,
    workflow: state.workflow.name,
    wave: open.wave,
    waves: state.plan.waves.length,
    steps: closing ? [] : (wave.plan?.steps ?? []),
    gates: closing ? [] : wave.gates.map((gate) => `${gate.name}=${gate.status}`),
    status: open.status,
    closing,
    events: open.events,
    digest,
  };
}

/** Names beyond this many are counted, not listed: the journal in the same commit has them all. */
const MAX_NAMES = 100;

export function checkpointMessage(facts: CheckpointFacts): string {
  return [
    `orch: ${oneLine(facts.workflow)} wave ${facts.wave}/${facts.waves}${facts.closing ? `, then ${facts.status}` : ''}`,
    '',
    `Orch-Run: ${facts.run}`,
    `Orch-Wave: ${facts.wave}`,
    `Orch-Steps: ${names(facts.steps)}`,
    `Orch-Gates: ${names(facts.gates)}`,
    `Orch-Status: ${facts.status}`,
    `Orch-Journal: ${facts.events} sha256:${facts.digest}`,
    '',
  ].join('\n');
}

/** The commit that `orch accept` makes: no checkpoint, so it carries trailers of its own. */
export function acceptMessage(facts: {
  readonly run: string;
  readonly workflow: string;
  readonly wave: number;
  readonly checkpoint: Oid;
}): string {
  return [
    `orch: accept ${oneLine(facts.workflow)}`,
    '',
    `Orch-Accept: ${facts.run}`,
    `Orch-Checkpoint: ${facts.wave} ${facts.checkpoint}`,
    '',
  ].join('\n');
}

function names(list: readonly string[]): string {
  if (list.length === 0) return 'none';
  const shown = list.slice(0, MAX_NAMES).map(oneLine).join(', ');
  return list.length > MAX_NAMES ? `${shown} and ${list.length - MAX_NAMES} more` : shown;
}

function oneLine(text: string): string {
  return text.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim();
}

export interface CheckpointTrailers {
  readonly run: string;
  readonly wave: number;
  readonly status: string;
  /** As written: names after commas, `none`, or with `and 20 more`. */
  readonly steps: string;
  readonly gates: string;
  readonly events: number;
  readonly digest: string;
}

/**
 * The trailers of a checkpoint, or undefined when the commit is none. As for git they stand in the last
 * paragraph: what a text before it quotes is no trailer.
 */
export function readTrailers(message: string): CheckpointTrailers | undefined {
  const trailers = new Map<string, string>();
  const [subject, ...paragraphs] = message.trimEnd().split(/\n(?:[ \t]*\n)+/);
  if (subject === undefined) return undefined;
  for (const line of paragraphs.at(-1)?.split('\n') ?? []) {
    const match = /^(Orch-[A-Z][a-z]+): (.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) trailers.set(match[1], match[2]);
  }
  const run = trailers.get('Orch-Run');
  const wave = trailers.get('Orch-Wave');
  const journal = /^(\d+) sha256:([0-9a-f]{64})$/.exec(trailers.get('Orch-Journal') ?? '');
  if (run === undefined || wave === undefined || !/^\d+$/.test(wave) || journal === null)
    return undefined;
  return {
    run,
    wave: Number(wave),
    status: trailers.get('Orch-Status') ?? '',
    steps: trailers.get('Orch-Steps') ?? '',
    gates: trailers.get('Orch-Gates') ?? '',
    events: Number(journal[1]),
    digest: journal[2] ?? '',
  };
}

/** The checkpoint that an accept of this run brought, by the commit it made; undefined for any other. */
export function readAccepted(message: string, run: string): Oid | undefined {
  const lines = message.split('\n');
  if (!lines.includes(`Orch-Accept: ${run}`)) return undefined;
  const named = lines.map((line) => /^Orch-Checkpoint: \d+ ([0-9a-f]{40,64})$/.exec(line)?.[1]);
  return named.find((oid) => oid !== undefined);
}
