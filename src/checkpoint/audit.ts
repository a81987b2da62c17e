/**
 * Whether refs, commits and journal tell the same story. Given what was read of each (engine/
 * audit-run.ts), this says everything that does not agree, each with the next thing to type.
 *
 * What is checked: the checkpoints are one line from the commit that the run began on; each says in
 * its trailers what the journal says; the committed journal grows and is never rewritten; the journal
 * on this machine is the committed one and more; every commit that the journal names is there, whole,
 * and still held by its ref.
 */
import type { Oid } from '../base/ids.ts';
import { plural, stripControl } from '../base/text.ts';
import { type CheckpointTrailers, readTrailers } from './message.ts';

/** A segment of the journal as a checkpoint holds it. */
export interface CommittedSegment {
  readonly number: number;
  /** Of the blob: equal ids, equal bytes. */
  readonly oid: Oid;
}

export interface AuditedCommit {
  readonly oid: Oid;
  readonly parents: readonly Oid[];
  readonly message: string;
  readonly segments: readonly CommittedSegment[];
  /** Of all its segments together; null when one of them cannot be read. */
  readonly journal: { readonly events: number; readonly digest: string } | null;
  /** What the journal in it says that the trailers should be; absent when it cannot be folded. */
  readonly expected?: CheckpointTrailers;
}

/** A commit that the journal names, and the ref that should hold it. */
export interface RecordedPin {
  /** `attempt 2 of step build` */
  readonly what: string;
  readonly ref: string;
  readonly commit: Oid;
  /** Retention may have let it go. */
  readonly mayBeGone: boolean;
}

/** The run's files on this machine; a clone has none. */
export interface LiveRecord {
  /** Null when the journal cannot be read; `problem` says why. */
  readonly checkpoints: readonly { readonly wave: number; readonly commit: Oid }[] | null;
  readonly problem?: string;
  /** A checkpoint was begun: its commit may be there, and the next resume records it. */
  readonly isCheckpointOpen: boolean;
  readonly pins: readonly RecordedPin[];
  /** Numbers of segments that are missing here, or not as committed. */
  readonly differing: readonly number[];
}

export interface AuditFacts {
  readonly run: string;
  readonly base: Oid | null;
  /** `orch/x-261121-k3f9`, `origin/orch/...` or `HEAD`, for messages. */
  readonly where: string;
  /** Oldest first. */
  readonly chain: readonly AuditedCommit[];
  /** Every object of the chain is there. */
  readonly isComplete: boolean;
  readonly live?: LiveRecord;
  readonly refs: ReadonlyMap<string, Oid>;
  /** By commit of a pin: every object of it is there. */
  readonly whole: ReadonlyMap<Oid, boolean>;
}

export interface Finding {
  /** Stable, for scripts. */
  readonly check: 'chain' | 'trailers' | 'record' | 'live' | 'refs' | 'objects';
  /** A note does no harm and is no failure. */
  readonly severity: 'error' | 'note';
  readonly what: string;
  readonly fix: string;
}

/** Everything that does not agree, in the order of the checks; empty when all is well. */
export function auditRun(facts: AuditFacts): Finding[] {
  return [
    ...auditChain(facts),
    ...facts.chain.flatMap((commit) => auditTrailers(facts, commit)),
    ...auditRecord(facts),
    ...(facts.live === undefined ? [] : auditLive(facts, facts.live)),
    ...(facts.live === undefined ? [] : auditRefs(facts, facts.live)),
  ];
}

function auditChain({ run, base, where, chain, isComplete }: AuditFacts): Finding[] {
  const findings: Finding[] = [];
  let parent = base;
  let lastWave = -1;
  for (const { oid, parents, message } of chain) {
    const name = oid.slice(0, 12);
    if (parents.length > 1 || (parents[0] ?? null) !== parent) {
      const follows = parents.map((other) => other.slice(0, 12)).join(' and ') || 'nothing';
      findings.push(
        error(
          'chain',
          `${name} does not follow ${parent?.slice(0, 12) ?? 'nothing'} alone, but ${follows}`,
          `git log --graph ${where}`,
        ),
      );
    }
    parent = oid;
    const trailers = readTrailers(message);
    if (trailers === undefined) {
      findings.push(
        error(
          'chain',
          `${name} on ${where} is no checkpoint`,
          `git show ${name}; move it to a branch of its own`,
        ),
      );
      continue;
    }
    if (trailers.run !== run)
      findings.push(
        error(
          'chain',
          `${name} is a checkpoint of run ${stripControl(trailers.run)}`,
          `git show ${name}`,
        ),
      );
    // Wave 0 is there once, but for the checkpoint that says how a run ended which came no further.
    const isClosing = trailers.status !== 'running' && lastWave !== -1;
    const isInOrder =
      trailers.wave <= lastWave + 1 && (trailers.wave > 0 || lastWave === -1 || isClosing);
    if (!isInOrder)
      findings.push(
        error(
          'chain',
          `wave ${trailers.wave} (${name}) comes after wave ${lastWave}`,
          `git log ${where}`,
        ),
      );
    lastWave = trailers.wave;
  }
  if (!isComplete)
    findings.push(
      error(
        'objects',
        `objects of ${where} are missing`,
        `git fsck, then fetch ${where} from where it was pushed`,
      ),
    );
  return findings;
}

function auditTrailers({ where }: AuditFacts, commit: AuditedCommit): Finding[] {
  const trailers = readTrailers(commit.message);
  if (trailers === undefined) return []; // Told by auditChain.
  const name = `checkpoint ${trailers.wave} (${commit.oid.slice(0, 12)})`;
  const fix = `git show ${commit.oid.slice(0, 12)}; take ${where} again from where it was pushed`;
  const { journal, expected } = commit;
  if (journal === null) return [error('record', `${name}: its journal cannot be read`, fix)];
  const findings: Finding[] = [];
  if (journal.events !== trailers.events)
    findings.push(
      error(
        'trailers',
        `${name} says ${plural(trailers.events, 'event')} and holds ${journal.events}`,
        fix,
      ),
    );
  if (journal.digest !== trailers.digest)
    findings.push(
      error('trailers', `${name}: the journal in it does not have the digest it names`, fix),
    );
  if (expected === undefined)
    return [...findings, error('record', `${name}: its journal does not fit its workflow`, fix)];
  for (const key of ['wave', 'status', 'steps', 'gates'] as const) {
    if (trailers[key] === expected[key]) continue;
    const said = stripControl(String(trailers[key]));
    const told = stripControl(String(expected[key]));
    findings.push(
      error('trailers', `${name} says ${key} "${said}", its journal says "${told}"`, fix),
    );
  }
  return findings;
}

/** Each checkpoint holds the segments of the one before and one more. */
function auditRecord({ where, chain }: AuditFacts): Finding[] {
  const findings: Finding[] = [];
  let before: readonly CommittedSegment[] = [];
  for (const { oid, message, segments } of chain) {
    if (readTrailers(message) === undefined) continue;
    const name = oid.slice(0, 12);
    const fix = `git log -p ${where} -- .orch/runs`;
    const isCounted = segments.every(({ number }, position) => number === position);
    if (!isCounted || segments.length !== before.length + 1)
      findings.push(
        error(
          'record',
          `${name} holds the segments ${segments.map(({ number }) => number).join(', ') || 'none'}, expected 0 to ${before.length}`,
          fix,
        ),
      );
    for (const [position, old] of before.entries()) {
      const now = segments[position];
      if (now !== undefined && now.oid !== old.oid)
        findings.push(
          error('record', `${name} has rewritten segment ${position} of the journal`, fix),
        );
    }
    before = segments;
  }
  return findings;
}

function auditLive({ run, where, chain }: AuditFacts, live: LiveRecord): Finding[] {
  const findings = live.differing.map((number) =>
    error(
      'live',
      `segment ${number} of the journal here is not as it was committed`,
      `git show ${where}:.orch/runs/${run}/events/${number}.jsonl > "$(git rev-parse --git-common-dir)/orch/runs/${run}/events/${number}.jsonl"`,
    ),
  );
  if (live.checkpoints === null) {
    const what = `the journal here cannot be read: ${stripControl(live.problem ?? '')}`;
    return [...findings, error('live', what, `orch show ${run} from a clone, or mend the segment`)];
  }
  const fix = `git log ${where}, and git reflog ${where} for where it has been`;
  for (const [position, { wave, commit }] of live.checkpoints.entries()) {
    if (chain[position]?.oid === commit) continue;
    const what = `checkpoint ${wave} (${commit.slice(0, 12)}) of the journal is not number ${position + 1} on ${where}`;
    findings.push(error('live', what, fix));
  }
  const extra = chain.length - live.checkpoints.length;
  if (extra > (live.isCheckpointOpen ? 1 : 0)) {
    const what = `${where} has ${plural(extra, 'commit')} that the journal does not know`;
    findings.push(error('live', what, fix));
  }
  return findings;
}

function auditRefs({ refs, whole }: AuditFacts, { checkpoints, pins }: LiveRecord): Finding[] {
  const findings: Finding[] = [];
  for (const { what, ref, commit, mayBeGone } of pins) {
    const held = refs.get(ref);
    const isThere = whole.get(commit) === true;
    if (held === undefined && mayBeGone) continue;
    if (!isThere) {
      const text = `${what}: ${commit.slice(0, 12)} is not there as a whole`;
      findings.push(error('objects', text, 'git fsck, then fetch it from a clone that has it'));
    } else if (held !== commit) {
      const text = `${what}: ${ref} ${held === undefined ? 'is gone' : 'is elsewhere'}`;
      findings.push(error('refs', text, `git update-ref ${ref} ${commit}`));
    }
  }
  const known = new Set(pins.map(({ ref }) => ref));
  for (const ref of refs.keys()) {
    if (checkpoints === null || known.has(ref)) continue;
    findings.push({
      check: 'refs',
      severity: 'note',
      what: `${ref} is not named in the journal: a crash came between the two`,
      fix: `git show ${ref}; when it is not needed: git update-ref -d ${ref}`,
    });
  }
  return findings;
}

function error(check: Finding['check'], what: string, fix: string): Finding {
  return { check, severity: 'error', what, fix };
}
