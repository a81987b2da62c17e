/** Reads many blobs with one git process; what is too large passes by and is not kept. */
import { OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';

/** @see GitPort.readBlobs */
export async function readBlobs(
  context: GitContext,
  oids: readonly Oid[],
  maxBytes: number,
): Promise<Map<Oid, Uint8Array>> {
  let reader = new BatchReader(maxBytes);
  if (oids.length === 0) return reader.blobs;
  await runGit(context, {
    args: ['cat-file', '--batch', '--buffer'],
    input: [...new Set(oids)].map((oid) => `${oid}\n`).join(''),
    makeSink: () => {
      reader = new BatchReader(maxBytes);
      return (chunk) => reader.take(chunk);
    },
  });
  if (reader.unknown === undefined) return reader.blobs;
  throw new OrchError('ORCH_GIT_FAILED', `no blob: ${reader.unknown}`, { fix: 'git fsck' });
}

/**
 * The answer of `cat-file --batch` as it comes: `<oid> blob <size>`, content, line feed, for each; or
 * `<oid> missing`, because a `git gc --prune=now` beside us may have taken it.
 */
class BatchReader {
  readonly blobs = new Map<Oid, Uint8Array>();
  /** The first line that is neither. */
  unknown: string | undefined;
  readonly #maxBytes: number;
  #header = '';
  #oid: Oid | undefined;
  /** Of the content, with its line feed, so many bytes are still to come. */
  #left = 0;
  #parts: Buffer[] = [];
  #isKept = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      at = this.#oid === undefined ? this.#takeHeader(chunk, at) : this.#takeContent(chunk, at);
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(0x0a, at);
    this.#header += chunk.toString('latin1', at, end === -1 ? chunk.length : end);
    if (end === -1) return chunk.length;
    const [oid = '', type, size] = this.#header.split(' ');
    if (type === 'blob') {
      this.#oid = oid;
      this.#left = Number(size) + 1;
      this.#isKept = Number(size) <= this.#maxBytes;
    } else if (type !== 'missing') this.unknown ??= this.#header;
    this.#header = '';
    return end + 1;
  }

  #takeContent(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#left -= end - at;
    if (this.#isKept) this.#parts.push(chunk.subarray(at, end));
    if (this.#left > 0) return end;
    if (this.#isKept) this.blobs.set(this.#oid ?? '', Buffer.concat(this.#parts).subarray(0, -1));
    this.#parts = [];
    this.#oid = undefined;
    return end;
  }
}
