/**
 * What orch wants from the file system for its own state. Everything durable goes through here, so
 * that a test can make the Nth write fail or forget what was not synced.
 */

/** A file that only grows, and is on disk when `append` returns. Synchronous: nothing may act in between. */
export interface AppendFile {
  /** Writes, then fdatasync. @throws the system's error, unchanged; never retried */
  append(bytes: Uint8Array): void;
  close(): void;
}

/** A file that is read as it was opened, even when another one has taken its place. */
export interface OpenFile {
  readonly sizeBytes: number;
  /** At most `maxBytes`; empty behind the end. */
  read(offset: number, maxBytes: number): Uint8Array;
  close(): void;
}

export interface FilesPort {
  /** Undefined when there is no such file. @throws OrchError ORCH_SYSTEM when it is no plain one */
  read(path: string): Uint8Array | undefined;
  readText(path: string): string | undefined;
  /** As readText, for a file that the user names: it may be a pipe. */
  readGiven(path: string): string | undefined;
  /** What a job has left: a plain file and no link, of at most `maxBytes`; else, why it is not read. */
  readLeft(
    path: string,
    maxBytes: number,
  ): { readonly bytes: Uint8Array } | { readonly problem: string } | undefined;
  /** What stands from `offset` on, at most `maxBytes` of it; empty behind the end. */
  readPart(path: string, offset: number, maxBytes: number): Uint8Array | undefined;
  /** Undefined when there is no such file. @throws OrchError ORCH_SYSTEM when it is no plain one */
  openRead(path: string): OpenFile | undefined;
  exists(path: string): boolean;
  /** Bytes; undefined when there is no such file. */
  size(path: string): number | undefined;
  /** Milliseconds since 1970; undefined when there is no such file. */
  modifiedAtMs(path: string): number | undefined;
  /** Where a symbolic link leads, absolute, even when nothing is there; undefined for what is no link. */
  linkTarget(path: string): string | undefined;
  /** Names in a folder, sorted; empty when it does not exist. Temporary files are left out. */
  list(folder: string): string[];
  /** Temporary files in a folder whose process is gone; absolute paths, sorted. */
  leftovers(folder: string): string[];
  makeFolder(path: string): void;
  /** Temporary name, fsync, rename, fsync of the folder: whole or not at all, durable. */
  replace(path: string, bytes: Uint8Array | string): void;
  /** As `replace`, for what a power cut may take back; a crash of this process may not. */
  replaceUnsynced(path: string, bytes: Uint8Array | string): void;
  /** As `replace`, for what comes in parts, which may be read from the old file. */
  rewrite(path: string, parts: Iterable<Uint8Array>): void;
  /** As `replace`, but false when the path is taken: of two processes exactly one gets true. */
  createExclusive(path: string, bytes: Uint8Array | string): boolean;
  /** Opens or makes; a new file's name is durable when this returns. */
  openAppend(path: string): AppendFile;
  /** Cuts a file to a length and syncs it. */
  truncate(path: string, sizeBytes: number): void;
  /** A file or a whole folder, to another place, whose folders are made; nothing happens when it is not there. */
  move(from: string, to: string): void;
  /** A file or a whole folder; nothing happens when it is not there. */
  remove(path: string): void;
  /** Calls back after changes in a folder, possibly too often, never too seldom. */
  watch(folder: string, changed: () => void): Disposable;
}
