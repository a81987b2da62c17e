/**
 * The text of a job file: environment, folder and script of one job as shell text that a keeper reads
 * with `.` in a subshell. It stays beside the job's output, so that `sh <directory>/job` runs the same
 * thing again by hand.
 *
 * Values are data: each stands in single quotes, so none can become shell code. Pure; who writes and
 * who reads the file is keeper.ts and keeper-script.ts.
 */

import { OrchError } from '../../base/errors.ts';
import { quoteWord } from '../../base/shell.ts';
import type { Job } from '../../ports/processes.ts';

/** Exit code of a job whose folder cannot be entered, as for a command that cannot be run. */
export const CANNOT_ENTER_FOLDER = 126;

/** The kernel takes at most 128 KiB in one argument; a longer script must come from a file. */
export const LONGEST_INLINE_SCRIPT_BYTES = 100_000;

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names that some shell keeps for itself: assigning them there fails or has a side effect. */
const SHELL_OWNED =
  /^(_|PPID|OPTIND|OPTARG|LINENO|UID|EUID|GROUPS|SECONDS|RANDOM|SHELLOPTS|BASHOPTS|BASH_.*|DIRSTACK|FUNCNAME|HISTCMD|IFS|PS[1-4])$/;

/**
 * @param scriptFile absolute path of a file that holds `job.script`, for a script too long for an argument
 * @throws OrchError ORCH_INVALID_JOB for an environment name no shell can hold, or a NUL character
 */
export function formatJobFile(
  job: Pick<Job, 'cwd' | 'env' | 'script' | 'unset'>,
  scriptFile?: string,
): string {
  const cwd = quoteForShell(job.cwd);
  const entries = Object.entries(job.env).map(([name, value]) => {
    if (!ENVIRONMENT_NAME.test(name)) throw invalidName(name);
    return { name, assignment: `${name}=${quoteForShell(value)}` };
  });
  const owned = entries.filter(({ name }) => SHELL_OWNED.test(name));
  const exported = entries.filter((entry) => !owned.includes(entry));
  // No shell has a variable of another name, so there is nothing to take away.
  const unset = (job.unset ?? []).filter((name) => ENVIRONMENT_NAME.test(name));
  const program = [
    ...(owned.length > 0 ? ['/usr/bin/env', ...owned.map(({ assignment }) => assignment)] : []),
    ...commandOf(job.script, scriptFile),
  ];
  return [
    `cd ${cwd} || { printf 'orch: cannot enter the working directory %s\\n' ${cwd} >&2; exit ${CANNOT_ENTER_FOLDER}; }`,
    ...(unset.length > 0 ? [`unset ${unset.join(' ')}`] : []),
    ...exported.map(({ assignment }) => `export ${assignment}`),
    `exec ${program.join(' ')}`,
    '',
  ].join('\n');
}

/**
 * A script that is one program given by its path, and plain words, is what a shell would execute
 * without looking at it again; starting one for that takes as long as the program itself (measured:
 * 0.6 of 1.3 ms for /bin/true). GNU make does the same.
 */
const PLAIN_COMMAND = /^(?=[^ ]*\/)[A-Za-z0-9_./+@-]+( [A-Za-z0-9_./+@%:=,-]+)*$/;

function commandOf(script: string, scriptFile: string | undefined): readonly string[] {
  if (scriptFile !== undefined) return ['/bin/sh', quoteForShell(scriptFile)];
  const trimmed = script.trim();
  if (PLAIN_COMMAND.test(trimmed)) return [trimmed];
  return ['/bin/sh', '-c', quoteForShell(script)];
}

/** Text as one word of any POSIX shell. @throws OrchError ORCH_INVALID_JOB for a NUL character */
export function quoteForShell(text: string): string {
  if (text.includes('\0')) {
    throw new OrchError('ORCH_INVALID_JOB', 'a script, folder or value holds a NUL character', {
      fix: 'remove it: no command line or environment can carry one',
    });
  }
  return quoteWord(text);
}

/**
 * The line that hands a job to a keeper: the key, and the directory with every byte that is special
 * to a shell's `read` (or simply unusual) as an octal escape for `printf %b`.
 */
export function formatHandover(key: string, directory: string): string {
  if (!/^[^\s\0]+$/.test(key)) throw new Error(`a job key is one word: ${JSON.stringify(key)}`);
  const escaped = Buffer.from(directory)
    .toString('latin1')
    .replace(/[^A-Za-z0-9/._+,=:@%-]/g, escapeByte);
  return `${key} ${escaped}\n`;
}

function escapeByte(byte: string): string {
  return `\\0${byte.charCodeAt(0).toString(8).padStart(3, '0')}`;
}

function invalidName(name: string): OrchError {
  return new OrchError(
    'ORCH_INVALID_JOB',
    `${JSON.stringify(name)} is no name for an environment variable`,
    { fix: 'use letters, digits and "_", and no digit first' },
  );
}
