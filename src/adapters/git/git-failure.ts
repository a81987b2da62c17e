/**
 * What a failed git command means to a person: its own words, and the next thing to type.
 *
 * Git has one exit code for nearly everything, so its English messages are told apart here and
 * nowhere else. What is not recognised is passed on whole.
 */
import { accessSync, constants } from 'node:fs';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { Repository } from '../../ports/git.ts';

interface FailedCommand {
  readonly code: number;
  readonly stderr: string;
}

/** A command line in an error message is for recognition; long ones are cut. */
const MAX_SHOWN_COMMAND_LENGTH = 120;

/** @param args subcommand first, as given to runGit */
export function explainGitFailure(
  args: readonly string[],
  failed: FailedCommand,
  repository: Repository,
): OrchError {
  const words = failed.stderr.trim() || `exit code ${failed.code}`;
  const command = `git ${args.join(' ')}`.slice(0, MAX_SHOWN_COMMAND_LENGTH);
  const what = `${command}: ${words}`;
  return (
    explainStorage(what, repository.gitDir) ??
    explainRef(words) ??
    explainFile(words) ??
    explainDamage(what) ??
    new OrchError('ORCH_GIT_FAILED', what, { fix: 'orch doctor' })
  );
}

/** @returns undefined when the words are about something other than the disk */
function explainStorage(what: string, gitDir: string): OrchError | undefined {
  if (/No space left on device|Disk quota exceeded/.test(what)) return diskFull(what);
  const isVague = /unable to create directory/.test(what) && !isWritable(gitDir);
  const refused =
    isVague ||
    /insufficient permission for adding an object|Read-only file system/.test(what) ||
    /(Unable to create|unable to write|cannot lock).*Permission denied/s.test(what);
  return refused ? readOnly(what, gitDir) : undefined;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    // Whatever the reason, this is asked only to explain a failure that has happened already.
    return false;
  }
}

function explainRef(words: string): OrchError | undefined {
  const blocked = /'(refs\/heads\/[^']+)' exists; cannot create '(refs\/heads\/[^']+)'/.exec(words);
  if (blocked?.[1] !== undefined && blocked[2] !== undefined) {
    return branchInTheWay(blocked[1], blocked[2]);
  }
  const moved =
    /is at [0-9a-f]+ but expected|reference already exists|unable to resolve reference|reference is missing/;
  if (!moved.test(words)) return undefined;
  return refMoved(words.replace(/^fatal: /, ''));
}

function explainFile(words: string): OrchError | undefined {
  const name = /^fatal: Unable to process path (.*)$/m.exec(words)?.[1];
  if (name === undefined) return undefined;
  return unreadableFile(name, words);
}

/** Said of objects that orch has from git itself, never of a revision that somebody typed. */
const DAMAGE =
  /not a git repository|invalid object \d{6} |is not a valid object$|unable to read tree|loose object .* is corrupt|object file .* is empty|missing (blob|tree|commit)/m;

function explainDamage(what: string): OrchError | undefined {
  if (!DAMAGE.test(what)) return undefined;
  return new OrchError('ORCH_REPOSITORY_DAMAGED', `the repository is gone or damaged: ${what}`, {
    fix: 'git fsck',
  });
}

/** A file that is there and that git could not take. */
export function unreadableFile(path: string, words: string): OrchError {
  return new OrchError('ORCH_WORK_FILE_UNREADABLE', `${path} cannot be read: ${words}`, {
    fix: `make the file readable, or add it to .gitignore: ${path}`,
  });
}

/** @param words which ref, what it is and what it should have been */
export function refMoved(words: string): OrchError {
  return new OrchError('ORCH_REF_MOVED', `a ref was changed by something else: ${words}`, {
    fix: 'orch status',
  });
}

/** @param blocker for example refs/heads/orch @param wanted for example refs/heads/orch/run-1 */
export function branchInTheWay(blocker: string, wanted: string): OrchError {
  const name = blocker.replace(/^refs\/heads\//, '');
  const what = `the branch ${name} blocks the branch ${wanted.replace(/^refs\/heads\//, '')}`;
  // When the wanted name is the shorter one, it is the longer branch that has to go.
  const fix = `git branch -m ${name} ${name.replaceAll('/', '-')}-renamed`;
  return new OrchError('ORCH_BRANCH_IN_THE_WAY', what, { fix });
}

export function missingGit(cause: unknown): OrchError {
  return new OrchError('ORCH_GIT_MISSING', 'there is no git program on PATH', {
    fix: 'install git 2.38 or newer',
    cause,
  });
}

function diskFull(what: string, cause?: unknown): OrchError {
  return new OrchError('ORCH_DISK_FULL', what, {
    fix: 'free some space, then: orch resume',
    cause,
  });
}

function readOnly(what: string, gitDir: string, cause?: unknown): OrchError {
  return new OrchError('ORCH_GIT_READ_ONLY', what, {
    fix: `make ${gitDir} writable for this user, then try again`,
    cause,
  });
}

/** Gives a system error met beside git (a copy, a rename) the same words as git's own failure. */
export function explainFileFailure(what: string, path: string, cause: unknown): unknown {
  const words = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  if (hasErrno(cause, 'ENOSPC', 'EDQUOT')) return diskFull(words, cause);
  if (hasErrno(cause, 'EROFS', 'EACCES', 'EPERM')) return readOnly(words, path, cause);
  return cause;
}
