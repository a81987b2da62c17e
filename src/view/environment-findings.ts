/**
 * What is worth knowing of the machine and of the shape of a repository: where orch works otherwise
 * than one might expect, and what it cannot do here.
 *
 * Pure: facts in, findings out. Leftovers of runs are found in engine/diagnose-runs.ts.
 */
import type { Finding } from './finding.ts';

export interface EnvironmentFacts {
  /** `20.20.0`. */
  readonly nodeVersion: string;
  /** Whether the system shows its processes in /proc. */
  readonly hasProc: boolean;
  /** `2.39.5`; null when there is no git program. */
  readonly gitVersion: string | null;
  /** Undefined where orch cannot work at all, which is told apart. */
  readonly repository?: RepositoryShape;
}

export interface RepositoryShape {
  readonly isLinkedWorktree: boolean;
  readonly isShallow: boolean;
  readonly isPartial: boolean;
  readonly isSparse: boolean;
  readonly hasSubmodules: boolean;
  readonly isSplitIndex: boolean;
  readonly hasFsmonitor: boolean;
  /** A branch of this name leaves no room for `orch/<run>`. */
  readonly hasBranchOrch: boolean;
  /** Undefined when the index cannot be read. */
  readonly trackedFiles?: number;
}

const OLDEST_NODE = [20, 19] as const;
/** Above this a snapshot takes a second and more. */
const MANY_FILES = 200_000;

type Words = Pick<Finding, 'check' | 'what' | 'why' | 'fix'>;

export function findInEnvironment(facts: EnvironmentFacts): Finding[] {
  return [...nodeFindings(facts), ...gitFindings(facts), ...processFindings(facts)].concat(
    facts.repository === undefined ? [] : shapeFindings(facts.repository),
  );
}

function nodeFindings({ nodeVersion }: EnvironmentFacts): Finding[] {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return [];
  return [
    problem({
      check: 'node',
      what: `node ${nodeVersion} is older than ${OLDEST_NODE.join('.')}`,
      why: 'orch is neither made for it nor tested on it',
      fix: `install node ${OLDEST_NODE.join('.')} or newer`,
    }),
  ];
}

function gitFindings({ gitVersion }: EnvironmentFacts): Finding[] {
  if (gitVersion !== null) return [];
  return [
    note({
      check: 'git',
      what: 'there is no git program on PATH',
      why: 'the embedded git takes plain repositories only, and can neither merge nor show differences',
      fix: 'install git 2.38 or newer',
    }),
  ];
}

function processFindings({ hasProc }: EnvironmentFacts): Finding[] {
  const containment = note({
    check: 'containment',
    what: 'neither a control group nor a pid namespace holds the processes of a run',
    why: 'a stop finds them by their parents, their session and the marker ORCH_RUN in their environment; one that left all three would survive it',
    fix: 'run orch in a container of its own when steps may do that',
  });
  if (hasProc) return [containment];
  const slow = note({
    check: 'processes',
    what: 'the system does not show its processes in /proc',
    why: 'they are looked up with ps, which is slower and does not show the environment of all of them',
    fix: '',
  });
  return [slow, containment];
}

function shapeFindings(shape: RepositoryShape): Finding[] {
  const found: (Finding | false)[] = [
    shape.hasBranchOrch &&
      problem({
        check: 'repository',
        what: 'there is a branch named "orch"',
        why: 'git keeps a branch of this name where the branches orch/<run> would be, so no run can start',
        fix: 'git branch -m orch <another name>',
      }),
    shape.isShallow &&
      note({
        check: 'repository',
        what: 'the repository is shallow',
        why: 'runs work; history before the clone was made is not there to learn from or to merge with',
        fix: 'git fetch --unshallow',
      }),
    shape.isPartial &&
      note({
        check: 'repository',
        what: 'the repository is a partial clone',
        why: 'git may have to fetch objects when a checkpoint is looked at or restored',
        fix: 'git fetch --refetch --no-filter',
      }),
    shape.isSparse &&
      note({
        check: 'repository',
        what: 'the checkout is sparse',
        why: 'steps see only the files that are checked out; checkpoints keep the others as they are',
        fix: 'git sparse-checkout disable',
      }),
    shape.hasSubmodules &&
      note({
        check: 'repository',
        what: 'there are submodules',
        why: 'checkpoints hold which commit of a submodule is checked out, not what steps change inside',
        fix: 'run orch inside a submodule for work in it',
      }),
    shape.isLinkedWorktree &&
      note({
        check: 'repository',
        what: 'this is a linked worktree',
        why: 'runs, their branches and their logs are shared with the main one; locks are per work tree',
        fix: '',
      }),
    shape.isSplitIndex &&
      note({
        check: 'repository',
        what: 'the index is split',
        why: 'checkpoints use a whole index of their own, so what a split index saves is not saved there',
        fix: '',
      }),
    shape.hasFsmonitor &&
      note({
        check: 'repository',
        what: 'a file system monitor is on',
        why: 'it knows the index of the user only: checkpoints look at the files themselves',
        fix: '',
      }),
    (shape.trackedFiles ?? 0) > MANY_FILES &&
      note({
        check: 'repository',
        what: `git tracks ${shape.trackedFiles} files here`,
        why: 'every checkpoint looks at each of them, which takes seconds: few large waves are better',
        fix: 'orch run --strategy enterprise',
      }),
  ];
  return found.filter((finding) => finding !== false);
}

export function problem(words: Words, fixable = false): Finding {
  return { ...words, level: 'problem', fixable, fixed: false };
}

export function note(words: Words): Finding {
  return { ...words, level: 'note', fixable: false, fixed: false };
}
