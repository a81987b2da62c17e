/**
 * Whether an index has entries that git was told not to look at, read from its bytes: `git ls-files -v`
 * would print every path of the repository to say that there is none.
 *
 * Format: gitformat-index(5), versions 2 and 3; of others nothing is said.
 */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../../base/errors.ts';

const HEADER_BYTES = 12;
/** Ten numbers of four bytes before the object id. */
const STAT_BYTES = 40;
const ASSUME_VALID = 0x8000;
const EXTENDED = 0x4000;

/**
 * @param oidLength 40 for sha1, 64 for sha256
 * @returns undefined when git has to be asked: some entry is flagged, or the format is another one
 */
export function hasOnlyWatchedEntries(index: string, oidLength: number): true | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(index);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return true;
    throw error;
  }
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 4) !== 'DIRC') return undefined;
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) return undefined;
  const flagsAt = STAT_BYTES + oidLength / 2;
  let at = HEADER_BYTES;
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    if (at + flagsAt + 2 > bytes.length) return undefined;
    // What has extended flags may be one that is not in the work tree.
    if ((bytes.readUInt16BE(at + flagsAt) & (ASSUME_VALID | EXTENDED)) !== 0) return undefined;
    const nameEnd = bytes.indexOf(0, at + flagsAt + 2);
    if (nameEnd < 0) return undefined;
    // One to eight NULs, so that an entry is a multiple of eight bytes.
    at += (nameEnd - at + 8) & ~7;
  }
  return isSplit(bytes, at) ? undefined : true;
}

/** A `link` extension: most entries are in another file. */
function isSplit(bytes: Buffer, end: number): boolean {
  for (let at = end; at + 8 <= bytes.length; at += 8 + bytes.readUInt32BE(at + 4)) {
    if (bytes.toString('latin1', at, at + 4) === 'link') return true;
  }
  return false;
}
