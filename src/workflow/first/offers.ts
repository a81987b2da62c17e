/**
 * What a repository offers to be run, in the words that all detectors share. A detector looks at the
 * files of one kind of project; detect-commands.ts asks them all.
 *
 * Pure: the repository is given as facts.
 */

/** What a command is for; also the id of its step. */
export type CommandKind = 'install' | 'lint' | 'types' | 'build' | 'test';

export interface Offer {
  readonly kind: CommandKind;
  /** Where it was found, for people: `package.json`. */
  readonly from: string;
  /** What must be there for it to run: a program on PATH, or a path in the repository. */
  readonly program: string;
  readonly run: string;
}

/** A command as a step of the first workflow. */
export interface DetectedStep {
  readonly id: string;
  readonly run: string;
  readonly needs: readonly string[];
  /** Globs of what it looks at; empty when that is not known. */
  readonly reads: readonly string[];
  /** Where it was found. */
  readonly from: string;
}

/** A command that was found and cannot be run here, and why. */
export interface LeftOut {
  readonly command: string;
  readonly why: string;
}

export interface Found {
  readonly offers: readonly Offer[];
  readonly leftOut: readonly LeftOut[];
}

export interface RepositoryFacts {
  /** Files and folders at the top of the work tree. */
  readonly names: ReadonlySet<string>;
  /** Those of them that are folders. */
  readonly folders: readonly string[];
  /** Names in a folder ('' is the top); empty when it is no folder. */
  readonly list: (path: string) => readonly string[];
  /** Undefined when there is no such file; paths are relative to the top. */
  readonly text: (path: string) => string | undefined;
  readonly hasFile: (path: string) => boolean;
  /** On PATH. */
  readonly hasProgram: (name: string) => boolean;
}

export const NOTHING: Found = { offers: [], leftOut: [] };
