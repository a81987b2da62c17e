/**
 * What gc has to know of a run, and the proof that nothing is lost with its files: its checkpoints are
 * whole and held, and its journal is in them.
 */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { branchOf, committedFolder, segmentName } from '../checkpoint/layout.ts';
import type { RetainedRun } from '../checkpoint/retention.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import type { EventType, RunEvent } from '../run/events.ts';
import type { RunState } from '../run/state.ts';
import { isAccepted } from './audit-pins.ts';
import { readSegments } from './journal.ts';
import { findLeftOut } from './left-out-files.ts';
import { holderOf } from './look-at-run.ts';
import { type ReadRun, readRun } from './read-run.ts';
import { runFiles } from './run-files.ts';

type Proof = RetainedRun['proof'];

/** What follows the last checkpoint in every journal, and what the checkpoint itself says as well. */
const SAID_BY_CHECKPOINT: readonly EventType[] = [
  'checkpoint.created',
  'wave.finished',
  'run.finished',
];

export interface RunToRetain extends RetainedRun {
  /** Undefined when its files are damaged. */
  readonly read?: ReadRun;
}

/** @param olderThanMs in place of the run's own retention */
export async function readRetainedRun(
  ports: Ports,
  git: GitPort,
  run: string,
  olderThanMs: number | undefined,
): Promise<RunToRetain> {
  const { commonDir } = git.repository;
  const heldBy = whoHolds(ports, commonDir, run);
  let read: ReadRun;
  try {
    read = readRun(ports.files, commonDir, run);
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    return { ...UNREAD, run, damage: error.what, ...(heldBy !== undefined && { heldBy }) };
  }
  const { state, frozen, journal } = read;
  const isDone = hasFinished(state);
  const acceptedAt = state.accepted?.at ?? (isAccepted(state, frozen) ? state.endedAt : undefined);
  return {
    run,
    read,
    status: state.status,
    isFinished: isDone,
    isHalfDone: state.rollbackOpen !== undefined || state.acceptOpen !== undefined,
    retentionMs: olderThanMs ?? state.workflow.checkpoint.retentionMs,
    proof: isDone ? await prove(ports, git, read) : { isProved: false, why: 'it has not finished' },
    eventsBehind: countBehind(journal.events),
    ...leftOutOf(ports, read),
    ...(heldBy !== undefined && { heldBy }),
    ...(state.endedAt !== undefined && { endedAtMs: Date.parse(state.endedAt) }),
    ...(acceptedAt !== undefined && { acceptedAtMs: Date.parse(acceptedAt) }),
  };
}

function leftOutOf({ files }: Ports, { files: run }: ReadRun): Pick<RetainedRun, 'leftOut'> {
  const folders = findLeftOut(files, run);
  if (folders.length === 0) return {};
  const count = folders.reduce((sum, { paths }) => sum + paths.length, 0);
  const times = folders.map(({ folder }) => files.modifiedAtMs(folder) ?? 0);
  return { leftOut: { count, newestAtMs: Math.max(...times) } };
}

const UNREAD = {
  status: 'unknown',
  isFinished: false,
  isHalfDone: false,
  retentionMs: Number.POSITIVE_INFINITY,
  proof: { isProved: false, why: 'its journal cannot be read' },
  eventsBehind: 0,
} as const;

/** A process of orch, or what its steps have left running. */
export function whoHolds(ports: Ports, commonDir: string, run: string): string | undefined {
  const holder = holderOf(ports, runFiles(commonDir, run));
  if (holder !== undefined) return `process ${holder.pid} (${holder.what})`;
  const [living] = ports.processes.findMarked({ ORCH_RUN: run });
  return living === undefined ? undefined : `process ${living.pid}, a step of it,`;
}

function countBehind(events: readonly RunEvent[]): number {
  const last = events.findLastIndex(({ type }) => type === 'checkpoint.started');
  return events.slice(last + 1).filter(({ type }) => !SAID_BY_CHECKPOINT.includes(type)).length;
}

async function prove(ports: Ports, git: GitPort, read: ReadRun): Promise<Proof> {
  const { state } = read;
  const newest = state.checkpoints.at(-1);
  if (newest === undefined) return unproved('it has no checkpoint');
  const known = state.base === null ? [] : [state.base];
  if (!(await git.isComplete(newest.commit, known)))
    return unproved(`objects of its checkpoints are missing: orch audit ${state.run}`);
  if (!(await isHeld(git, state, newest.commit)))
    return unproved('its branch is gone, and HEAD does not have its checkpoints');
  const chain = new Set((await git.firstParents(newest.commit, state.base)).map(({ oid }) => oid));
  const stray = state.checkpoints.find(({ commit }) => !chain.has(commit));
  if (stray !== undefined)
    return unproved(`checkpoint ${stray.wave} is not on its branch: orch audit ${state.run}`);
  return await proveRecord(ports, git, read, newest.commit);
}

async function isHeld(git: GitPort, { run }: RunState, commit: string): Promise<boolean> {
  const tips = [await git.resolve(branchOf(run)), (await git.head()).oid];
  for (const tip of tips) if (tip !== null && (await git.isAncestor(commit, tip))) return true;
  return false;
}

/** Segment by segment: what the newest checkpoint holds is what stands here. */
async function proveRecord(
  ports: Ports,
  git: GitPort,
  { files, frozen: { run }, state }: ReadRun,
  newest: string,
): Promise<Proof> {
  const folder = committedFolder(run);
  const segments = readSegments(ports.files, files).slice(0, state.checkpoints.length);
  for (const { number, bytes } of segments) {
    const committed = await git.readFile(newest, `${folder}/${segmentName(number)}`);
    if (committed === null || sha256(committed) !== sha256(bytes))
      return unproved(`segment ${number} of its journal is not as committed: orch audit ${run}`);
  }
  const frozen = await git.readFile(newest, `${folder}/run.json`);
  if (frozen === null || sha256(frozen) !== sha256(ports.files.read(files.frozen) ?? ''))
    return unproved(`its run.json is not as committed: orch audit ${run}`);
  return { isProved: true };
}

function unproved(why: string): Proof {
  return { isProved: false, why };
}
