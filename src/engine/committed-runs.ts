/**
 * Runs that this repository knows from git alone, as in a clone: the branch `orch/<run>`, here or on
 * a remote, and what was accepted into HEAD. Their journal is the committed one, which ends with the
 * newest checkpoint.
 *
 * A clone's content is somebody else's: everything here is checked before it is believed, and what
 * does not fit is damage, not a bug.
 */
import { OrchError } from '../base/errors.ts';
import { isRunId, type Oid } from '../base/ids.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import { readTrailers } from '../checkpoint/message.ts';
import type { Commit, GitPort } from '../ports/git.ts';
import { closeCheckpointedWave } from '../run/end-early.ts';
import { readJournal, type Segment } from '../run/journal-read.ts';
import { heldUpTo, type RunState, waveOf } from '../run/state.ts';
import { shellWord } from '../view/summary-text.ts';
import { decodeFrozen } from './frozen.ts';
import type { RunLook } from './look-at-run.ts';
import { foldJournal } from './read-run.ts';

export interface CommittedRun {
  readonly run: string;
  /** Commit whose tree holds the run's folder. */
  readonly tip: Oid;
  /** `orch/x-261121-k3f9`, `origin/orch/x-261121-k3f9` or `HEAD`. */
  readonly where: string;
}

/** Branches of runs; a local branch wins over a remote one. Costs two calls of git. */
export async function listRunBranches(git: GitPort): Promise<CommittedRun[]> {
  const found = new Map<string, CommittedRun>();
  for (const prefix of ['refs/heads/orch', 'refs/remotes']) {
    for (const { ref, oid } of await git.listRefs(prefix)) {
      const [, where, run] = /^refs\/(?:heads|remotes)\/((?:.+\/)?orch\/([^/]+))$/.exec(ref) ?? [];
      if (where === undefined || run === undefined || !isRunId(run) || found.has(run)) continue;
      found.set(run, { run, tip: oid, where });
    }
  }
  return [...found.values()];
}

/** Runs whose folder is in HEAD: accepted ones, and those that put their checkpoints there. */
export async function listRunsInHead(git: GitPort): Promise<CommittedRun[]> {
  const { oid } = await git.head();
  if (oid === null) return [];
  const runs = (await git.listFiles(oid, '.orch/runs'))
    .map(({ path }) => /^\.orch\/runs\/([^/]+)\/run\.json$/.exec(path)?.[1])
    .filter((run): run is string => run !== undefined && isRunId(run));
  return runs.map((run) => ({ run, tip: oid, where: 'HEAD' }));
}

/** @throws OrchError ORCH_RUN_DAMAGED, ORCH_JOURNAL_DAMAGED, ORCH_JOURNAL_NEWER */
export async function lookAtCommittedRun(git: GitPort, run: CommittedRun): Promise<RunLook> {
  const folder = committedFolder(run.run);
  const texts = await readFolder(git, run.tip, folder);
  try {
    const path = `${folder}/run.json`;
    const frozen = decodeFrozen(texts.get(path) ?? '', `${run.where}:${path}`, run.run);
    const { events } = readJournal(segmentsOf(texts, folder, run.where));
    const readText = (path: string) => texts.get(path);
    const state = foldJournal({ readText }, { folder }, frozen, events);
    closeAtCheckpoint(state, await git.readCommit(run.tip));
    const lastAt = events.at(-1)?.at ?? frozen.created_at;
    if (state.startedAt === '') state.startedAt = frozen.created_at;
    return {
      state,
      frozen,
      events,
      source: 'git',
      branch: run.where,
      heldBy: null,
      asOfMs: Date.parse(lastAt),
      isAccepted: run.where === 'HEAD',
      isAbandoned: false,
      fates: new Map(),
      answered: new Set(),
    };
  } catch (cause) {
    if (cause instanceof OrchError) throw cause;
    throw new OrchError(
      'ORCH_RUN_DAMAGED',
      `the record of run ${run.run} in ${run.where} is damaged`,
      {
        fix: `git log ${shellWord(run.where)}, and take the record from an older commit`,
        cause,
      },
    );
  }
}

async function readFolder(git: GitPort, tip: Oid, folder: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const decoder = new TextDecoder();
  for (const { path } of await git.listFiles(tip, folder)) {
    if (!/\.jsonl?$/.test(path)) continue;
    const bytes = await git.readFile(tip, path);
    if (bytes !== null) texts.set(path, decoder.decode(bytes));
  }
  return texts;
}

function segmentsOf(texts: ReadonlyMap<string, string>, folder: string, where: string): Segment[] {
  const encoder = new TextEncoder();
  const segments: Segment[] = [];
  for (const [path, text] of texts) {
    const number = /^events\/(\d+)\.jsonl$/.exec(path.slice(folder.length + 1))?.[1];
    if (number === undefined) continue;
    segments.push({
      number: Number(number),
      path: `${where}:${path}`,
      bytes: encoder.encode(text),
    });
  }
  return segments.sort((a, b) => a.number - b.number);
}

/** The committed journal ends with `checkpoint.started`; the commit that holds it is that checkpoint. */
function closeAtCheckpoint(state: RunState, tip: Commit): void {
  const open = state.checkpointOpen;
  if (open === undefined) return;
  // Commits know only seconds; an end before the last event would be none.
  const at = new Date(Math.max(state.atMs, tip.committedAt * 1000)).toISOString();
  if (open.status !== 'running') {
    state.status = open.status;
    state.endedAt = at;
  }
  const trailers = readTrailers(tip.message);
  if (trailers?.run !== state.run || trailers.wave !== open.wave) return;
  state.checkpoints.push({
    wave: open.wave,
    commit: tip.oid,
    tree: tip.tree,
    at,
    upTo: heldUpTo(state, open),
  });
  delete state.checkpointOpen;
  const closed = closeCheckpointedWave(state);
  if (closed?.type !== 'close-wave') return;
  waveOf(state, closed.wave).status = closed.status;
  waveOf(state, closed.wave).endedAt = at;
}
