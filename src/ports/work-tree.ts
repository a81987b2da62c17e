/** What orch wants to know of the user's files where no git object is involved. */
export interface WorkTreePort {
  /** Absolute. */
  readonly root: string;
  /**
   * Files and symbolic links that match any of the patterns, relative to the root, sorted; ignored
   * ones too, what lies in `.git` never. Links are not followed out of the root.
   */
  glob(patterns: readonly string[]): Promise<string[]>;
  /**
   * sha256 over content, kind and executable bit; undefined when there is no such file. The content
   * of a link is where it leads to, and that of the file there when it is inside the root.
   */
  digest(path: string): Promise<string | undefined>;
  /** Those of these text files, relative to the root, in which the markers of a conflict are left. */
  unsettled(paths: readonly string[]): Promise<string[]>;
}
