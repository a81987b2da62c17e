/**
 * Every error code, what it means and how it ends the program. docs/reference/error-codes.md is
 * generated from this table, so a code that is not here does not compile.
 */
interface ErrorCodeEntry {
  /** Names a key of EXIT in errors.ts. */
  readonly exit: 'failed' | 'usage' | 'environment' | 'refused';
  readonly meaning: string;
}

export const ERROR_CODES = {
  ORCH_USAGE: { exit: 'usage', meaning: 'A command was called with wrong arguments or options.' },
  ORCH_INTERNAL: {
    exit: 'failed',
    meaning: 'A bug in orch. Run again with --debug to see where, and report it.',
  },
} as const satisfies Record<`ORCH_${string}`, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;
