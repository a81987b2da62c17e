/**
 * Runs the git program: the only place that starts it.
 *
 * Every call has the same environment and settings, so that what git does depends on the repository
 * and not on who called orch: no prompts, no hooks, no background helpers, English messages, durable
 * objects, and the repository that was discovered rather than one that GIT_DIR names. What a failure
 * means to a person is told by git-failure.ts.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { Repository } from '../../ports/git.ts';
import { crashPoint } from '../crash-point.ts';
import { explainGitFailure, missingGit } from './git-failure.ts';
import type { ObjectMemory } from './object-memory.ts';
import { type GitProcess, ObjectReader } from './object-reader.ts';

/** What every git call needs to know of the repository. */
export interface GitContext {
  readonly repository: Repository;
  /** 40 for sha1, 64 for sha256. */
  readonly oidLength: number;
  /** Private indexes that this process has found whole; git itself does not look. */
  readonly soundIndexes: Set<string>;
  readonly memory: ObjectMemory;
  readonly reader: ObjectReader;
}

export interface GitCall {
  /** The subcommand first. Paths and revisions that may begin with `-` stand behind `--`. */
  readonly args: readonly string[];
  readonly input?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  /** An index other than the user's. Calls that read or write the user's own leave it out. */
  readonly index?: string;
  /** Folders that stand for the repository's own, for a call that must not see the user's work tree. */
  readonly place?: Pick<Repository, 'gitDir' | 'worktree'>;
  /** Settings of this call, as `name=value`. */
  readonly settings?: readonly string[];
  /** Exit codes that are an answer and no failure; [0] by default. */
  readonly okCodes?: readonly number[];
  /** Takes what is printed as it comes, in place of `stdout`; made anew when the call is. */
  readonly makeSink?: () => (chunk: Buffer) => void;
  /** Asked before a call that a signal ended is made again; by default a repetition does no harm. */
  readonly isDone?: () => Promise<boolean>;
}

export interface GitResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Inherited variables that would point git at another repository, index or object store. */
const DROPPED_VARIABLES = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_COMMON_DIR',
  'GIT_OBJECT_DIRECTORY',
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_NAMESPACE',
  'GIT_PREFIX',
  'GIT_QUARANTINE_PATH',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_GLOB_PATHSPECS',
  'GIT_NOGLOB_PATHSPECS',
  'GIT_ICASE_PATHSPECS',
  'GIT_ATTR_SOURCE',
  'GIT_EXTERNAL_DIFF',
  'GIT_DIFF_OPTS',
] as const;

/** Settings of every call, as `-c` arguments. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  // Git's default leaves the newest loose objects to the kernel; a checkpoint must survive power loss.
  'core.fsync=loose-object,pack,reference',
  // A monitor's or a cache's answer would be about the user's index, not the private one.
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'core.splitIndex=false',
  'index.skipHash=false',
  'core.safecrlf=false',
  'submodule.recurse=false',
  'gc.auto=0',
  // Another process that holds a ref's lock is waited for with backoff.
  'core.filesRefLockTimeout=3000',
  'i18n.commitEncoding=UTF-8',
].flatMap((setting) => ['-c', setting]);

const WRITING_SUBCOMMANDS: ReadonlySet<string> = new Set([
  'update-index',
  'read-tree',
  'write-tree',
  'unpack-objects',
  'hash-object',
  'commit-tree',
  'update-ref',
  'checkout-index',
  'merge-tree',
  'config',
]);

/**
 * A signal to orch's whole group, as Ctrl-C is, also meets a git that is about to leave the group and
 * kills it before it has begun. Nobody means git itself by these, so the call is made again.
 */
const STRAY_SIGNALS: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

/** For those who press Ctrl-C again and again. */
const MAX_TRIES = 5;

/**
 * These hand their objects to the disk and leave the one flush that makes them durable to the commit
 * that follows, be it written by `commit-tree` or in write-commit.ts: git's own `core.fsyncMethod=batch`, stretched over several processes.
 * On a busy disk each flush saved is 5 to 40 ms, and nothing believes in a tree before its commit.
 */
const FLUSHED_BY_COMMIT: ReadonlySet<string> = new Set([
  'update-index',
  'write-tree',
  'unpack-objects',
  'merge-tree',
]);

/** The environment of git and of the filters it starts. */
export function gitEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    LC_ALL: 'C',
  };
  for (const name of DROPPED_VARIABLES) delete env[name];
  return env;
}

function environmentAt({ gitDir, worktree }: Pick<Repository, 'gitDir' | 'worktree'>) {
  // Named, not searched for: a step that deletes .git must not lead to a repository further up.
  return { ...gitEnvironment(), GIT_DIR: gitDir, GIT_WORK_TREE: worktree };
}

export function createObjectReader(repository: Repository): ObjectReader {
  return new ObjectReader(
    (): GitProcess =>
      spawn('git', [...SETTINGS, 'cat-file', '--batch'], {
        cwd: repository.worktree,
        env: environmentAt(repository),
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
        windowsHide: true,
      }),
  );
}

/**
 * Runs one git command in a repository.
 * @throws OrchError in git's own words when it ends with a code that is not in `okCodes`
 */
export async function runGit(context: GitContext, call: GitCall): Promise<GitResult> {
  const { repository } = context;
  const place = call.place ?? repository;
  const env = {
    ...environmentAt(place),
    ...(call.index === undefined ? {} : { GIT_INDEX_FILE: call.index }),
    ...call.env,
  };
  const subcommand = call.args[0] ?? '';
  const writes = WRITING_SUBCOMMANDS.has(subcommand);
  if (writes) crashPoint(`git ${subcommand}:before`);
  const method = FLUSHED_BY_COMMIT.has(subcommand) ? 'writeout-only' : 'fsync';
  const own = [`core.fsyncMethod=${method}`, ...(call.settings ?? [])];
  const settings = [...SETTINGS, ...own.flatMap((setting) => ['-c', setting])];
  const result = await spawnGit([...settings, ...call.args], {
    cwd: place.worktree,
    env,
    input: call.input,
    makeSink: call.makeSink,
    isDone: call.isDone,
  });
  if (writes) crashPoint(`git ${subcommand}:after`);
  if (!(call.okCodes ?? [0]).includes(result.code)) {
    throw explainGitFailure(call.args, result, repository);
  }
  return result;
}

/** As runGit, for commands that print one short answer. @returns it without the last line break */
export async function askGit(context: GitContext, ...args: string[]): Promise<string> {
  const { stdout } = await runGit(context, { args });
  return stdout.toString().replace(/\n$/, '');
}

interface SpawnOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly input?: GitCall['input'] | undefined;
  readonly makeSink?: GitCall['makeSink'] | undefined;
  readonly isDone?: GitCall['isDone'] | undefined;
}

/** Runs git and collects what it says. @throws OrchError ORCH_GIT_MISSING, and for a folder that is gone */
export async function spawnGit(args: readonly string[], options: SpawnOptions): Promise<GitResult> {
  for (let tries = 1; ; tries += 1) {
    const { signal, ...result } = await spawnOnce(args, options);
    if (signal === null || !STRAY_SIGNALS.has(signal) || tries === MAX_TRIES) return result;
    if (await options.isDone?.()) return { ...result, code: 0 };
  }
}

type EndedGit = GitResult & { readonly signal: NodeJS.Signals | null };

function spawnOnce(args: readonly string[], options: SpawnOptions): Promise<EndedGit> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, {
      cwd: options.cwd,
      env: options.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C goes to every process of a terminal's group, and orch, which takes
      // it as a wish to stop, wants to finish the commit that it has begun.
      detached: true,
      windowsHide: true,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', options.makeSink?.() ?? ((chunk: Buffer) => stdout.push(chunk)));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A git that fails before it has read its input closes the pipe; its exit code tells the story.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
    child.on('error', (cause) => reject(explainSpawnFailure(options.cwd, cause)));
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? -1,
        signal,
        stdout: Buffer.concat(stdout),
        stderr: `${Buffer.concat(stderr).toString()}${signal === null ? '' : `ended by ${signal}`}`,
      }),
    );
  });
}

function explainSpawnFailure(cwd: string, cause: Error): Error {
  // The system says ENOENT for both, a missing program and a missing working folder.
  if (!existsSync(cwd)) {
    return new OrchError('ORCH_NOT_A_REPOSITORY', `there is no folder ${cwd}`, {
      fix: 'cd into a git repository',
      cause,
    });
  }
  return hasErrno(cause, 'ENOENT') ? missingGit(cause) : cause;
}
