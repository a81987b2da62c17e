/** What orch wants to know of the user's files where no git object is involved. */
export interface WorkTreePort {
  /** Absolute. */
  readonly root: string;
  /**
   * Files that match any of the patterns, relative to the root, sorted; ignored files too, what lies
   * in `.git` never.
   */
  glob(patterns: readonly string[]): Promise<string[]>;
  /** sha256 over content, kind and executable bit; undefined when there is no such file. */
  digest(path: string): Promise<string | undefined>;
}
