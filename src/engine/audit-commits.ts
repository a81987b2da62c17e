/**
 * Reads checkpoints for an audit: what their record holds, and what their trailers should say by it.
 * Missing and damaged objects are an answer here, not a failure.
 */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Oid } from '../base/ids.ts';
import type { AuditedCommit } from '../checkpoint/audit.ts';
import { committedFolder } from '../checkpoint/layout.ts';
import {
  type CheckpointTrailers,
  checkpointFacts,
  checkpointMessage,
  readTrailers,
} from '../checkpoint/message.ts';
import type { Commit, GitPort } from '../ports/git.ts';
import { applyEvent } from '../run/apply-event.ts';
import { createState, replacePlan } from '../run/create-state.ts';
import { readJournal, type Segment } from '../run/journal-read.ts';
import { decodeFrozen, type Frozen } from './frozen.ts';

/** Files of a run's folder in a commit, by their path inside it. */
export type RunRecord = ReadonlyMap<string, Uint8Array>;

export async function auditedCommit(
  git: GitPort,
  commit: Commit,
  run: string,
  expected: CheckpointTrailers | undefined,
): Promise<AuditedCommit> {
  const folder = `${committedFolder(run)}/events/`;
  const entries = (await git.listFiles(commit.oid, folder.slice(0, -1)).catch(nothing)) ?? [];
  const segments = entries
    .map(({ path, oid }) => ({ number: Number.parseInt(path.slice(folder.length), 10), path, oid }))
    .filter(({ number }) => !Number.isNaN(number))
    .sort((a, b) => a.number - b.number);
  const bytes: Uint8Array[] = [];
  for (const { path } of segments) {
    const content = await git.readFile(commit.oid, path).catch(nothing);
    if (content) bytes.push(content);
  }
  const isRead = bytes.length === segments.length;
  const journal = { events: countLines(bytes), digest: sha256(...bytes) };
  return {
    oid: commit.oid,
    parents: commit.parents,
    message: commit.message,
    segments: segments.map(({ number, oid }) => ({ number, oid })),
    journal: isRead ? journal : null,
    ...(expected && { expected }),
  };
}

/** An object that is not there is what an audit is looking for; anything else is told. */
function nothing(error: unknown): undefined {
  if (error instanceof OrchError && error.code === 'ORCH_GIT_FAILED') return undefined;
  throw error;
}

function countLines(segments: readonly Uint8Array[]): number {
  let lines = 0;
  for (const bytes of segments) for (const byte of bytes) if (byte === 10) lines += 1;
  return lines;
}

/** Files of the run's folder in a commit, by their path inside it. */
export async function readFolder(
  git: GitPort,
  tip: Oid,
  run: string,
): Promise<Map<string, Uint8Array>> {
  const folder = committedFolder(run);
  const files = new Map<string, Uint8Array>();
  for (const { path } of (await git.listFiles(tip, folder).catch(nothing)) ?? []) {
    const content = await git.readFile(tip, path).catch(nothing);
    if (content) files.set(path.slice(folder.length + 1), content);
  }
  return files;
}

export function segmentsIn(record: RunRecord): Segment[] {
  const segments: Segment[] = [];
  for (const [path, bytes] of record) {
    const number = /^events\/(\d+)\.jsonl$/.exec(path)?.[1];
    if (number !== undefined) segments.push({ number: Number(number), path, bytes });
  }
  return segments.sort((a, b) => a.number - b.number);
}

export function readFrozenOf(record: RunRecord, run: string): Frozen | undefined {
  return decode(record, run, 'run.json');
}

function decode(record: RunRecord, run: string, name: string): Frozen | undefined {
  const bytes = record.get(name);
  if (bytes === undefined) return undefined;
  try {
    return decodeFrozen(new TextDecoder().decode(bytes), `${committedFolder(run)}/${name}`, run);
  } catch (error) {
    if (error instanceof OrchError) return undefined;
    throw error;
  }
}

/** What the trailers of each checkpoint should be, as far as the committed journal can be folded. */
export function foldCheckpoints(record: RunRecord, run: string): CheckpointTrailers[] {
  const found: CheckpointTrailers[] = [];
  const frozen = readFrozenOf(record, run);
  if (frozen === undefined) return found;
  const segments = segmentsIn(record);
  const bytes = segments.map((segment) => segment.bytes);
  const state = createState({ ...frozen, run: frozen.run });
  try {
    for (const event of readJournal(segments).events) {
      if (event.type === 'plan.changed') {
        const changed = decode(record, run, event.frozen);
        if (changed === undefined) return found;
        replacePlan(state, changed);
      }
      applyEvent(state, event);
      if (event.type !== 'checkpoint.started' || state.checkpointOpen === undefined) continue;
      const digest = sha256(...bytes.slice(0, found.length + 1));
      const facts = checkpointFacts(state, state.checkpointOpen, digest);
      const trailers = readTrailers(checkpointMessage(facts));
      if (trailers === undefined) return found;
      found.push(trailers);
    }
  } catch {
    // A journal that cannot be read or folded any further: the checkpoints behind it have no
    // expectation, and the comparison says so of each.
  }
  return found;
}
