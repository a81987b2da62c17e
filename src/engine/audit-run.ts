/**
 * `orch audit`: reads what refs, commits and journal say of a run; checkpoint/audit.ts compares. Works
 * with the run's files and without them, as in a clone that has only the branch. Changes nothing.
 */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Oid } from '../base/ids.ts';
import {
  type AuditedCommit,
  type AuditFacts,
  auditRun as compare,
  type Finding,
  type LiveRecord,
} from '../checkpoint/audit.ts';
import { mergedRef, refPrefixesOf } from '../checkpoint/layout.ts';
import type { Commit, GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { hasFinished } from '../run/decide.ts';
import type { RunState } from '../run/state.ts';
import {
  auditedCommit,
  foldCheckpoints,
  type RunRecord,
  readFolder,
  readFrozenOf,
  segmentsIn,
} from './audit-commits.ts';
import { isAccepted, recordedPins } from './audit-pins.ts';
import { type AuditPlace, findPlace } from './audit-place.ts';
import { readSegments } from './journal.ts';
import { type ReadRun, readRun } from './read-run.ts';
import { rebuiltMark } from './rebuild-run.ts';
import { runFiles } from './run-files.ts';

export interface Audit {
  readonly run: string;
  readonly where: string;
  readonly checkpoints: number;
  /** Whether the run's files are here, so that they could be compared too. */
  readonly isLive: boolean;
  readonly findings: readonly Finding[];
}

/**
 * @param meant an id or its beginning; nothing for the newest
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS
 */
export async function auditRun(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
): Promise<Audit> {
  const place = await findPlace(ports, git, meant);
  const live = place.isLive ? readLive(ports, git, place.run) : undefined;
  const facts = await gather(ports, git, place, live);
  return {
    run: place.run,
    where: place.where,
    checkpoints: facts.chain.length,
    isLive: place.isLive,
    findings: compare(facts),
  };
}

type LiveRead = ReadRun | { readonly problem: string };

function readLive(ports: Ports, git: GitPort, run: string): LiveRead {
  try {
    return readRun(ports.files, git.repository.commonDir, run);
  } catch (error) {
    if (error instanceof OrchError) return { problem: error.what };
    throw error;
  }
}

async function gather(
  ports: Ports,
  git: GitPort,
  place: AuditPlace,
  live: LiveRead | undefined,
): Promise<AuditFacts> {
  const { run, where, tip } = place;
  const record = tip === null ? new Map<string, Uint8Array>() : await readFolder(git, tip, run);
  const base = baseOf(record, run, live);
  // A shallow clone may end above it.
  const stop = base === null || (await git.resolve(base)) === null ? null : base;
  const commits = tip === null ? [] : await readChain(git, tip, stop);
  const expected = foldCheckpoints(record, run);
  const chain: AuditedCommit[] = [];
  for (const commit of commits) {
    const position = chain.length;
    chain.push(await auditedCommit(git, commit, run, expected[position]));
  }
  const known = stop === null ? [] : [stop];
  const refs = new Map<string, Oid>();
  for (const prefix of refPrefixesOf(run))
    for (const { ref, oid } of await git.listRefs(prefix)) refs.set(ref, oid);
  if (live && 'state' in live) await allowTipAhead(git, live.state, refs);
  const liveRecord = live && liveRecordOf(ports, git, run, record, live);
  const whole = new Map<Oid, boolean>();
  for (const { commit } of liveRecord?.pins ?? [])
    whole.set(commit, await git.isComplete(commit, known));
  return {
    run,
    base,
    where,
    chain,
    isComplete: tip === null ? live === undefined : await git.isComplete(tip, known),
    ...(liveRecord && { live: liveRecord }),
    refs,
    whole,
  };
}

/** The tip of an isolated run moves before its record is on disk: the next resume finds it one ahead. */
async function allowTipAhead(git: GitPort, state: RunState, refs: Map<string, Oid>): Promise<void> {
  const held = refs.get(mergedRef(state.run));
  const { tip } = state;
  if (held === undefined || tip === undefined || hasFinished(state)) return;
  if ((await git.readCommit(held)).parents[0] === tip.commit)
    refs.set(mergedRef(state.run), tip.commit);
}

/** The commit that the run began on, as it was recorded. */
function baseOf(record: RunRecord, run: string, live: LiveRead | undefined): Oid | null {
  const frozen = live && 'frozen' in live ? live.frozen : readFrozenOf(record, run);
  return frozen?.base ?? null;
}

/** Oldest first; what is left when commits are missing is found by the comparison. */
async function readChain(git: GitPort, tip: Oid, base: Oid | null): Promise<Commit[]> {
  try {
    return (await git.firstParents(tip, base)).reverse();
  } catch (error) {
    if (error instanceof OrchError) return [];
    throw error;
  }
}

function liveRecordOf(
  ports: Ports,
  git: GitPort,
  run: string,
  record: RunRecord,
  live: LiveRead,
): LiveRecord {
  const here = readSegments(ports.files, runFiles(git.repository.commonDir, run));
  const differing = segmentsIn(record)
    .filter(({ number, bytes }) => {
      const found = here.find((segment) => segment.number === number)?.bytes;
      return found === undefined || sha256(found) !== sha256(bytes);
    })
    .map(({ number }) => number);
  if ('problem' in live) {
    const { problem } = live;
    return { checkpoints: null, problem, isCheckpointOpen: false, pins: [], differing };
  }
  return {
    checkpoints: live.state.checkpoints,
    isCheckpointOpen: live.state.checkpointOpen !== undefined,
    pins: recordedPins(live.state, live.journal.events, {
      mayBeGone: isAccepted(live.state, live.frozen),
      isRebuilt: ports.files.exists(rebuiltMark(live.files)),
    }),
    differing,
  };
}
