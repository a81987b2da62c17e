/**
 * A file system whose Nth change fails. Run the work once with no fault to learn how many changes it
 * makes (`calls`), then once for every N: each must end in a clear error or go on, with nothing lost.
 */
import type { AppendFile, FilesPort } from '../../src/ports/files.ts';

export interface Fault {
  /** Which changing call fails, counted from 1. */
  readonly call: number;
  readonly errno: 'ENOSPC' | 'EIO' | 'EMFILE' | 'EACCES';
  /**
   * `before` (default): nothing was changed. `short`: an append wrote its first half. `after`: all
   * was done, and failed nevertheless, as a sync does. Every later call works again unless `lasting`.
   */
  readonly moment?: 'before' | 'short' | 'after';
  /** A full disk stays full: all changing calls from the Nth on fail. Removing still works. */
  readonly lasting?: boolean;
}

export interface FaultyFiles extends FilesPort {
  /** Every changing call so far, `append journal.jsonl` for instance, with the last part of its path. */
  readonly calls: readonly string[];
}

export function makeFaultyFiles(inner: FilesPort, fault?: Fault): FaultyFiles {
  const calls: string[] = [];

  const change = <T>(name: string, path: string, perform: () => T, performHalf?: () => void): T => {
    calls.push(`${name} ${path.slice(path.lastIndexOf('/') + 1)}`);
    if (fault === undefined || !strikes(fault, calls.length, name)) return perform();
    if (fault.moment === 'after') perform();
    if (fault.moment === 'short') performHalf?.();
    throw systemError(fault.errno, name, path);
  };

  const openAppend = (path: string): AppendFile => {
    const file = change('open', path, () => inner.openAppend(path));
    return {
      append: (bytes) =>
        change(
          'append',
          path,
          () => file.append(bytes),
          () => file.append(bytes.subarray(0, bytes.length >> 1)),
        ),
      close: () => file.close(),
    };
  };

  return {
    ...inner,
    calls,
    openAppend,
    makeFolder: (path) => change('makeFolder', path, () => inner.makeFolder(path)),
    replaceUnsynced: (path, bytes) =>
      change('replace', path, () => inner.replaceUnsynced(path, bytes)),
    replace: (path, bytes) => change('replace', path, () => inner.replace(path, bytes)),
    rewrite: (path, parts) => change('rewrite', path, () => inner.rewrite(path, parts)),
    createExclusive: (path, bytes) =>
      change('createExclusive', path, () => inner.createExclusive(path, bytes)),
    truncate: (path, sizeBytes) => change('truncate', path, () => inner.truncate(path, sizeBytes)),
    move: (from, to) => change('move', from, () => inner.move(from, to)),
    remove: (path) => change('remove', path, () => inner.remove(path)),
  };
}

function strikes(fault: Fault, call: number, name: string): boolean {
  if (call === fault.call) return true;
  return fault.lasting === true && call > fault.call && name !== 'remove';
}

function systemError(code: Fault['errno'], syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected fault, ${syscall} '${path}'`), {
    code,
    syscall,
    path,
  });
}
