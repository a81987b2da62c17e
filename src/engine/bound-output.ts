/**
 * Keeps what an attempt prints within max_log. A file that has grown too large loses its beginning: the
 * end is where a failure stands.
 */
import type { FilesPort } from '../ports/files.ts';

/** Of a file that is cut, at most this much is kept while it goes on growing; read in one piece. */
const MOST_KEPT_BYTES = 1 << 20;

/**
 * The process appends (O_APPEND) and goes on behind what is kept; what it writes between the look and
 * the cut is lost with the rest, and counted only as far as it was seen.
 * @param folder of the attempt, with its files `out` and `err`
 * @returns bytes in both files before the cut
 */
export function boundOutput(files: FilesPort, folder: string, maxBytes: number): number {
  let total = 0;
  for (const name of ['out', 'err']) {
    const path = `${folder}/${name}`;
    const sizeBytes = files.size(path) ?? 0;
    total += sizeBytes;
    if (sizeBytes > maxBytes) cutBeginning(files, path, sizeBytes, maxBytes);
  }
  return total;
}

function cutBeginning(files: FilesPort, path: string, sizeBytes: number, maxBytes: number): void {
  const end = files.readPart(path, sizeBytes - Math.min(maxBytes >> 1, MOST_KEPT_BYTES), maxBytes);
  const kept = wholeLines(end ?? new Uint8Array());
  const dropped = sizeBytes - kept.length;
  const note = `[orch: ${dropped} bytes were dropped here, max_log is ${maxBytes}]\n`;
  files.truncate(path, 0);
  const file = files.openAppend(path);
  try {
    file.append(Buffer.concat([new TextEncoder().encode(note), kept]));
  } finally {
    file.close();
  }
}

/** From the first line that begins in it; all of it when it is one long line. */
function wholeLines(bytes: Uint8Array): Uint8Array {
  const lineFeed = bytes.indexOf(10);
  return lineFeed === -1 || lineFeed === bytes.length - 1 ? bytes : bytes.subarray(lineFeed + 1);
}
