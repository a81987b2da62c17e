/**
 * The last word on every error: what people read on stderr, what scripts read with --json, and the
 * exit code. Errors are made where they happen; here they are only told.
 *
 * A mistake that the user can mend is told with its remedy, what the operating system refused with
 * the way out, and anything else is a bug: its stack is shown only with --debug.
 */
import { InvalidFileError, OrchError, type SourceSpot } from '../base/errors.ts';
import type { CliContext } from './context.ts';
import { jsonLine, terminalSafe, withNewline } from './output.ts';

/** A command called in a wrong way. `helpText` is shown instead of the message where that helps more. */
export class UsageError extends OrchError {
  readonly helpText: string | undefined;

  constructor(what: string, fix: string, helpText?: string) {
    super('ORCH_USAGE', what, { fix });
    this.helpText = helpText;
  }
}

/** One error as scripts get it; fields that do not apply are null, so that the shape is always the same. */
export interface ErrorFields {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  /** Only with --debug. */
  readonly stack?: string;
}

/** What stdout holds when a command fails with --json; `errors` when a file has several mistakes. */
export interface ErrorDocument {
  readonly error: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

/**
 * Prints an error in the way the caller asked for.
 * @returns the exit code
 */
export function reportError(error: unknown, context: CliContext): number {
  const known = asOrchError(error);
  if (context.json) {
    // One line, because it may come after the lines of a stream.
    context.stdout.write(jsonLine(toErrorDocument(known, context.debug)));
  } else {
    context.stderr.write(withNewline(terminalSafe(toErrorText(known, context.debug), false)));
  }
  return known.exitCode;
}

export function toErrorDocument(error: OrchError, debug: boolean): ErrorDocument {
  const first = errorFields(error, error.spot);
  const shown = debug ? { ...first, stack: stackOf(error) } : first;
  if (!(error instanceof InvalidFileError)) return { error: shown };
  return {
    error: shown,
    errors: error.diagnostics.map((mistake) => errorFields(mistake, mistake.spot)),
  };
}

function errorFields(
  { code, what, fix }: Pick<OrchError, 'code' | 'what' | 'fix'>,
  spot: SourceSpot | undefined,
): ErrorFields {
  return {
    code,
    message: what,
    fix,
    file: spot?.file ?? null,
    line: spot?.line ?? null,
    column: spot?.column ?? null,
  };
}

function toErrorText(error: OrchError, debug: boolean): string {
  const text = textForPeople(error);
  return debug ? `${text}\n\n${stackOf(error)}` : text;
}

function textForPeople(error: OrchError): string {
  if (error instanceof InvalidFileError) return error.rendered;
  if (error instanceof UsageError && error.helpText !== undefined) return error.helpText;
  return `orch: ${error.message}`;
}

/** The stack of the error that started it all. */
function stackOf(error: Error): string {
  const cause = error.cause;
  return cause instanceof Error ? stackOf(cause) : (error.stack ?? error.message);
}

/** What the operating system says no to, and how to go on. The rest of errno is a bug of ours. */
const SYSTEM_FIXES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some disk space, then try again',
  EDQUOT: 'free some of your disk quota, then try again',
  EROFS: 'make the file system writable, then try again',
  EACCES: 'check who owns the path and its permissions, then try again',
  EPERM: 'check who owns the path and its permissions, then try again',
  EMFILE: 'allow more open files: ulimit -n 4096',
  ENFILE: 'close some programs: the system has no open files left',
  EAGAIN: 'allow more processes: ulimit -u',
  ENOMEM: 'close some programs: the system has no memory left',
  EIO: 'check the disk: the system reports an input/output error',
};

/** Any thrown value as an error that can be told; a bug becomes ORCH_INTERNAL. */
export function asOrchError(error: unknown): OrchError {
  if (error instanceof OrchError) return error;
  const first = causeOfSuppression(error);
  if (first !== undefined) return asOrchError(first);
  const message = error instanceof Error ? error.message : String(error);
  const fix = SYSTEM_FIXES[errnoOf(error)];
  if (fix !== undefined) {
    return new OrchError('ORCH_SYSTEM', `the system refused: ${message}`, { fix, cause: error });
  }
  return new OrchError('ORCH_INTERNAL', `this is a bug in orch: ${message}`, {
    fix: 'run the same command with --debug and report what it prints',
    cause: error,
  });
}

/** What went wrong first, when cleaning up after it (`using`) failed as well. */
function causeOfSuppression(error: unknown): unknown {
  const isOne = error instanceof Error && error.name === 'SuppressedError';
  return isOne && 'suppressed' in error ? error.suppressed : undefined;
}

function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' && Object.hasOwn(SYSTEM_FIXES, error.code)
    ? error.code
    : '';
}
