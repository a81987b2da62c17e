/**
 * The user's index, read and written without git: gitformat-index(5), versions 2 and 3.
 *
 * Extensions are caches and are dropped when the index is written, except those that git marks as
 * necessary (lower case: split and sparse index), with which the embedded git refuses to work.
 */
import { createHash } from 'node:crypto';
import { needsGit } from './probe.ts';

/** One entry; `stats` are the ten words that git compares with the file, the sizes and times modulo 2^32. */
export interface IndexEntry {
  /** One character for each byte. */
  readonly path: string;
  /** `100644`, `100755`, `120000`. */
  readonly mode: string;
  readonly oid: string;
  readonly stats: EntryStats;
  /** 0, or the side of an unmerged path. */
  readonly stage: number;
  /** The user said that the file does not change (`update-index --assume-unchanged`). */
  readonly isAssumedUnchanged: boolean;
  /** `git add -N`: the path is tracked, its content is not. */
  readonly isIntendedOnly: boolean;
}

export interface EntryStats {
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly device: number;
  readonly inode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly sizeBytes: number;
}

export const NO_STATS: EntryStats = {
  ctimeSeconds: 0,
  ctimeNanoseconds: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  device: 0,
  inode: 0,
  userId: 0,
  groupId: 0,
  sizeBytes: 0,
};

const HEADER_BYTES = 12;
const OID_BYTES = 20;
const FIXED_BYTES = 62;
const ASSUME_VALID = 0x8000;
const EXTENDED = 0x4000;
const SKIP_WORKTREE = 0x4000;
const INTENT_TO_ADD = 0x2000;

/** @throws OrchError ORCH_NEEDS_GIT for an index of a kind that is not kept here */
export function parseIndex(bytes: Buffer): IndexEntry[] {
  const version = bytes.readUInt32BE(4);
  if (bytes.toString('latin1', 0, 4) !== 'DIRC' || (version !== 2 && version !== 3)) {
    throw needsGit(`the index has version ${version}`);
  }
  const entries: IndexEntry[] = [];
  let at = HEADER_BYTES;
  for (let left = bytes.readUInt32BE(8); left > 0; left -= 1) {
    const { entry, end } = parseEntry(bytes, at);
    entries.push(entry);
    at = end;
  }
  refuseExtensions(bytes, at);
  return entries;
}

function parseEntry(
  bytes: Buffer,
  start: number,
): { readonly entry: IndexEntry; readonly end: number } {
  const word = (index: number) => bytes.readUInt32BE(start + index * 4);
  const flags = bytes.readUInt16BE(start + 60);
  const isExtended = (flags & EXTENDED) !== 0;
  const extended = isExtended ? bytes.readUInt16BE(start + FIXED_BYTES) : 0;
  if ((extended & SKIP_WORKTREE) !== 0) throw needsGit('the checkout is sparse');
  const mode = word(6).toString(8);
  if (mode === '160000') throw needsGit('there are submodules');
  const nameStart = start + FIXED_BYTES + (isExtended ? 2 : 0);
  const nameEnd = bytes.indexOf(0, nameStart);
  const entry: IndexEntry = {
    path: bytes.toString('latin1', nameStart, nameEnd),
    mode,
    oid: bytes.toString('hex', start + 40, start + 40 + OID_BYTES),
    stats: {
      ctimeSeconds: word(0),
      ctimeNanoseconds: word(1),
      mtimeSeconds: word(2),
      mtimeNanoseconds: word(3),
      device: word(4),
      inode: word(5),
      userId: word(7),
      groupId: word(8),
      sizeBytes: word(9),
    },
    stage: (flags >> 12) & 3,
    isAssumedUnchanged: (flags & ASSUME_VALID) !== 0,
    isIntendedOnly: (extended & INTENT_TO_ADD) !== 0,
  };
  return { entry, end: start + paddedLength(nameEnd - start) };
}

/** Entries end in 1 to 8 zero bytes, so that their length is a multiple of 8. */
const paddedLength = (bytes: number) => Math.floor((bytes + 8) / 8) * 8;

function refuseExtensions(bytes: Buffer, start: number): void {
  for (let at = start; at + 8 <= bytes.length - OID_BYTES; ) {
    const name = bytes.toString('latin1', at, at + 4);
    if (/^[a-z]/.test(name)) {
      throw needsGit(name === 'link' ? 'the index is split' : `the index has the part "${name}"`);
    }
    at += 8 + bytes.readUInt32BE(at + 4);
  }
}

/** @param entries merged, sorted by the bytes of their paths */
export function formatIndex(entries: readonly IndexEntry[]): Buffer {
  const header = Buffer.from('DIRC\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(entries.length, 8);
  const body = Buffer.concat([header, ...entries.map(formatEntry)]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

function formatEntry({ path, mode, oid, stats, isAssumedUnchanged }: IndexEntry): Buffer {
  const name = Buffer.from(path, 'latin1');
  const bytes = Buffer.alloc(paddedLength(FIXED_BYTES + name.length));
  const words = [
    stats.ctimeSeconds,
    stats.ctimeNanoseconds,
    stats.mtimeSeconds,
    stats.mtimeNanoseconds,
    stats.device,
    stats.inode,
    Number.parseInt(mode, 8),
    stats.userId,
    stats.groupId,
    stats.sizeBytes,
  ];
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  bytes.write(oid, 40, 'hex');
  const flags = Math.min(name.length, 0xfff) | (isAssumedUnchanged ? ASSUME_VALID : 0);
  bytes.writeUInt16BE(flags, 60);
  name.copy(bytes, FIXED_BYTES);
  return bytes;
}
