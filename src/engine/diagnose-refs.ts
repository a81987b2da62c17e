/**
 * Refs that hold what runs left, against what their journals say. A ref that is missing is put back
 * with --fix while its commit is there; none is ever deleted.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import { plural } from '../base/text.ts';
import { branchOf } from '../checkpoint/layout.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { problem } from '../view/environment-findings.ts';
import type { Finding } from '../view/finding.ts';
import { listRuns, type ReadRun, readRun } from './read-run.ts';

/** Proving that a commit is whole costs a call of git; of more pins than this the newest are proved. */
const MAX_PROVED = 200;

interface Pin {
  readonly run: string;
  readonly ref: string;
  readonly commit: Oid;
  readonly base: Oid | null;
  readonly check: 'attempt' | 'checkpoint';
}

const WHAT = { attempt: 'what a failed attempt left', checkpoint: 'the checkpoints' } as const;

export async function findInRefs(ports: Ports, git: GitPort, fix: boolean): Promise<Finding[]> {
  const runs = listRuns(ports.files, git.repository.commonDir);
  const listed = [...(await git.listRefs('refs/orch')), ...(await git.listRefs('refs/heads/orch'))];
  const refs = new Map(listed.map(({ ref, oid }) => [ref, oid]));
  const pins = runs.reverse().flatMap((run) => pinsOf(ports, git.repository.commonDir, run));
  const findings: Finding[] = [];
  for (const pin of pins.slice(0, MAX_PROVED)) {
    const finding = await checkPin(git, pin, refs.get(pin.ref), fix);
    if (finding !== undefined) findings.push(finding);
  }
  return [...findings, ...(await strayRefs(git, refs, new Set(runs)))];
}

/** What the journal says was pinned. An accepted run may have been tidied up since. */
function pinsOf(ports: Ports, commonDir: string, run: string): Pin[] {
  let read: ReadRun;
  try {
    read = readRun(ports.files, commonDir, run);
  } catch (error) {
    if (error instanceof OrchError) return []; // Told as a damaged journal.
    throw error;
  }
  const { state, journal, frozen } = read;
  if (state.accepted !== undefined) return [];
  const { base } = state;
  const newest = frozen.commit_to === 'branch' ? state.checkpoints.at(-1) : undefined;
  const attempts = journal.events.flatMap((event): Pin[] => {
    if (event.type !== 'step.finished' || !event.ref || !event.commit) return [];
    return [{ run, ref: event.ref, commit: event.commit, base, check: 'attempt' }];
  });
  if (newest === undefined) return attempts;
  const { commit } = newest;
  return [{ run, ref: branchOf(run), commit, base, check: 'checkpoint' }, ...attempts];
}

async function checkPin(
  git: GitPort,
  pin: Pin,
  held: Oid | undefined,
  fix: boolean,
): Promise<Finding | undefined> {
  const { run, ref, commit, base, check } = pin;
  const isWhole = await git.isComplete(commit, base === null ? [] : [base]);
  // Looked for again: a run at work may have made it since.
  if (isWhole && (held ?? (await git.resolve(ref))) !== null) return undefined;
  const about = { check, why: `it holds ${WHAT[check]} of run ${run}` };
  if (!isWhole) {
    const what = `objects of ${ref} (${commit.slice(0, 12)}) are missing`;
    return problem({ ...about, what, fix: 'git fsck; take them from a copy of the repository' });
  }
  if (fix) await git.updateRefs([{ ref, to: commit, from: null }]);
  const words = { ...about, what: `${ref} is missing`, fix: `git update-ref ${ref} ${commit}` };
  return { ...problem(words, true), fixed: fix };
}

/** Refs of runs that are neither here nor on a branch: nobody will ever ask for them. */
async function strayRefs(
  git: GitPort,
  refs: ReadonlyMap<string, Oid>,
  runs: ReadonlySet<string>,
): Promise<Finding[]> {
  const strays = new Map<string, string[]>();
  for (const ref of refs.keys()) {
    const run = /^refs\/orch\/(?:attempts|merged|sealed)\/([^/]+)/.exec(ref)?.[1];
    if (run === undefined || runs.has(run)) continue;
    strays.set(run, [...(strays.get(run) ?? []), ref]);
  }
  const findings: Finding[] = [];
  for (const [run, names] of strays) {
    if ((await git.resolve(branchOf(run))) !== null) continue;
    findings.push(
      problem({
        check: 'sealed',
        what: `${plural(names.length, 'ref')} of run ${run}, which is not here: ${names[0]}${names.length > 1 ? ', ...' : ''}`,
        why: 'they keep objects in the repository that no run needs',
        fix: `look with git show ${names[0]}, then: git update-ref -d ${names[0]}`,
      }),
    );
  }
  return findings;
}
