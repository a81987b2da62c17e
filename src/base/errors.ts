/**
 * The one error that a user can mend, and the exit codes that scripts rely on.
 *
 * Three things stay apart: a mistake of the user or of the world (OrchError, thrown), a failure of the
 * work (a `failure` in the journal, never thrown) and a bug (an assertion). What a code means and how
 * it ends the program stands in error-codes.ts, from which docs/reference is made.
 */
import { ERROR_CODES, type ErrorCode } from './error-codes.ts';

/** Exit codes of the program, as in sysexits where one fits. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  environment: 3,
  refused: 4,
  waiting: 75,
  interrupted: 130,
  terminated: 143,
} as const;

/** A place in a text file; line and column count from 1. */
export interface SourceSpot {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters the text in question takes, for the carets below it; 1 when absent. */
  readonly length?: number;
}

export interface Remedy {
  /** The next thing to type or change; a command where there is one. */
  readonly fix: string;
  readonly spot?: SourceSpot;
  readonly cause?: unknown;
}

/** A mistake the user can mend: what happened, where, and the next thing to type. */
export class OrchError extends Error {
  override readonly name = 'OrchError';
  readonly code: ErrorCode;
  /** The message without place, fix and code. */
  readonly what: string;
  readonly fix: string;
  readonly spot: SourceSpot | undefined;

  constructor(code: ErrorCode, what: string, remedy: Remedy) {
    const { spot, fix } = remedy;
    const where = spot ? `${spot.file}:${spot.line}:${spot.column}: ` : '';
    super(`${where}${what}\n  fix: ${fix} [${code}]`, { cause: remedy.cause });
    this.code = code;
    this.what = what;
    this.fix = fix;
    this.spot = spot;
  }

  get exitCode(): number {
    return EXIT[ERROR_CODES[this.code].exit];
  }
}

/** One mistake in a file; many of them make one InvalidFileError. */
export interface Diagnostic {
  readonly code: ErrorCode;
  readonly what: string;
  readonly fix: string;
  readonly spot: SourceSpot;
  /** Other places that explain it: "first defined here". */
  readonly related?: readonly { readonly what: string; readonly spot: SourceSpot }[];
}

/** Every mistake of a file at once; `rendered` is the text for people, with source lines and carets. */
export class InvalidFileError extends OrchError {
  readonly diagnostics: readonly Diagnostic[];
  readonly rendered: string;

  constructor(diagnostics: readonly Diagnostic[], rendered: string) {
    const first = diagnostics[0];
    if (first === undefined) throw new Error('an invalid file has at least one diagnostic');
    super(first.code, first.what, { fix: first.fix, spot: first.spot });
    this.diagnostics = diagnostics;
    this.rendered = rendered;
  }
}

/** Stops the build when a case is forgotten, and the program when a value lies about its type. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** True for a system error with this code, such as ENOENT. */
export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error && 'code' in error && codes.includes((error as { code: string }).code)
  );
}

/** What went wrong, in a sentence without a fix: for a failure that goes into the journal. */
export function messageOf(error: unknown): string {
  if (error instanceof OrchError) return error.what;
  return error instanceof Error ? error.message : String(error);
}
