/** Reads many blobs, with one git process for those that are no loose objects; what is too large is not kept. */
import { OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readSmallLooseObject } from './loose-objects.ts';

/** @see GitPort.readBlobs */
export async function readBlobs(
  context: GitContext,
  oids: readonly Oid[],
  maxBytes: number,
): Promise<Map<Oid, Uint8Array>> {
  const blobs = new Map<Oid, Uint8Array>();
  const elsewhere: Oid[] = [];
  for (const oid of new Set(oids)) {
    const object = readSmallLooseObject(context.repository, oid, maxBytes);
    if (object === undefined) elsewhere.push(oid);
    else if (object?.type === 'blob') blobs.set(oid, object.content);
  }
  if (elsewhere.length === 0) return blobs;
  return new Map([...blobs, ...(await askForBlobs(context, elsewhere, maxBytes))]);
}

async function askForBlobs(
  context: GitContext,
  oids: readonly Oid[],
  maxBytes: number,
): Promise<Map<Oid, Uint8Array>> {
  let reader = new BatchReader(maxBytes);
  await runGit(context, {
    args: ['cat-file', '--batch', '--buffer'],
    input: oids.map((oid) => `${oid}\n`).join(''),
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
