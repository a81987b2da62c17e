/** Reads many blobs with two git processes: one for their sizes, one for what is not too large. */
import { OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';

/** @see GitPort.readBlobs */
export async function readBlobs(
  context: GitContext,
  oids: readonly Oid[],
  maxBytes: number,
): Promise<Map<Oid, Uint8Array>> {
  const small = await smallBlobs(context, [...new Set(oids)], maxBytes);
  const blobs = new Map<Oid, Uint8Array>();
  if (small.length === 0) return blobs;
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch'],
    input: linesOf(small),
  });
  for (let at = 0; at < stdout.length; ) {
    const lineEnd = stdout.indexOf(0x0a, at);
    const { oid, size } = parseHeader(stdout.toString('latin1', at, lineEnd));
    at = lineEnd + 1;
    if (size === undefined) continue;
    blobs.set(oid, stdout.subarray(at, at + size));
    at += size + 1;
  }
  return blobs;
}

async function smallBlobs(
  context: GitContext,
  oids: readonly Oid[],
  maxBytes: number,
): Promise<Oid[]> {
  if (oids.length === 0) return [];
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch-check'],
    input: linesOf(oids),
  });
  const headers = stdout.toString('latin1').split('\n').slice(0, -1).map(parseHeader);
  return headers.flatMap(({ oid, size }) => (size !== undefined && size <= maxBytes ? [oid] : []));
}

function linesOf(oids: readonly Oid[]): string {
  return oids.map((oid) => `${oid}\n`).join('');
}

/** `<oid> blob <size>`, or `<oid> missing`: a `git gc --prune=now` beside us may have taken it. */
function parseHeader(line: string): { readonly oid: Oid; readonly size?: number } {
  const [oid = '', type, size] = line.split(' ');
  if (type === 'missing') return { oid };
  if (type === 'blob') return { oid, size: Number(size) };
  throw new OrchError('ORCH_GIT_FAILED', `${oid} is no blob: ${line}`, { fix: 'git fsck' });
}
