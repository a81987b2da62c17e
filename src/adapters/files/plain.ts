/**
 * Opens files of orch's own, which steps can reach and replace: a pipe would hold orch up for ever, a
 * device has no end, a folder is none of the errors that anybody expects.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { hasErrno, OrchError } from '../../base/errors.ts';

const { O_NONBLOCK, O_NOFOLLOW, O_RDONLY } = constants;

/** @throws OrchError ORCH_SYSTEM for what is no plain file, or a link where `flags` forbid one */
export function openPlain(path: string, flags: number): number {
  let fd: number;
  try {
    fd = openSync(path, flags | O_NONBLOCK, 0o666);
  } catch (error) {
    // A pipe that nobody reads, a link, a folder that was to be written, a socket.
    if (hasErrno(error, 'ENXIO', 'ELOOP', 'EMLINK', 'EISDIR')) throw notPlain(path, error);
    throw error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw notPlain(path);
}

export function usingPlain<T>(path: string, flags: number, work: (fd: number) => T): T {
  const fd = openPlain(path, flags);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

export const readPlain = (path: string): Buffer =>
  usingPlain(path, O_RDONLY, (fd) => readFileSync(fd));

/** @returns what a job has left at this path, or why it is not read */
export function readLeft(
  path: string,
  maxBytes: number,
): { readonly bytes: Uint8Array } | { readonly problem: string } {
  try {
    return usingPlain(path, O_RDONLY | O_NOFOLLOW, (fd) => {
      const { size } = fstatSync(fd);
      if (size <= maxBytes) return { bytes: readFileSync(fd).subarray(0, maxBytes) };
      return { problem: `holds ${size} bytes, at most ${maxBytes} are read` };
    });
  } catch (error) {
    if (error instanceof OrchError) return { problem: 'is no plain file' };
    throw error;
  }
}

function notPlain(path: string, cause?: unknown): OrchError {
  return new OrchError('ORCH_SYSTEM', `${path} is no plain file`, {
    fix: `see what it is: ls -ld ${JSON.stringify(path)}; then remove it, or put the file back`,
    cause,
  });
}
