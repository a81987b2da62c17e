/** Looking for secrets in text that is about to be committed. */

export interface ScannedFile {
  /** From the top of the work tree. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface SecretFinding {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** Short name of the rule: `aws`, `privatekey`, `github`. */
  readonly rule: string;
  /** What was found, in words; the secret itself is masked. */
  readonly message: string;
}

/** Files above this are not looked at: what large files hold is data, and scanning them takes long. */
export const MAX_SCANNED_BYTES = 1024 * 1024;

export interface SecretScanner {
  /**
   * Binary files (a NUL in the first 8 KB) and files above MAX_SCANNED_BYTES are passed over.
   * @returns in the order of the files, and within each by line
   */
  scan(files: readonly ScannedFile[]): Promise<SecretFinding[]>;
}
