/**
 * Reads commits, trees and small files by their ids.
 *
 * What a run has just written is a loose object, a file that is read here in a tenth of a millisecond;
 * a git process takes fifty times as long to start. Everything else (packs, alternates, whatever does not
 * hash to its name) is asked of git, in one process for all of it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { hasErrno, OrchError } from '../../base/errors.ts';
import type { Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';
import { type GitObject, makeObject, type ObjectType } from './tree-edit.ts';

/** @throws OrchError ORCH_REPOSITORY_DAMAGED when one of them is not there */
export async function readObjects(
  context: GitContext,
  oids: readonly Oid[],
): Promise<ReadonlyMap<Oid, GitObject>> {
  const found = new Map<Oid, GitObject>();
  const missing = new Set<Oid>();
  for (const oid of oids) {
    const object = readLooseObject(context, oid);
    if (object === undefined) missing.add(oid);
    else found.set(oid, object);
  }
  if (missing.size > 0) await askForObjects(context, [...missing], found);
  return found;
}

function readLooseObject({ repository, oidLength }: GitContext, oid: Oid): GitObject | undefined {
  let stored: Buffer;
  try {
    stored = readFileSync(join(repository.commonDir, 'objects', oid.slice(0, 2), oid.slice(2)));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  }
  const inflated = inflate(stored);
  const end = inflated?.indexOf(0) ?? -1;
  if (inflated === undefined || end < 0) return undefined;
  const [type] = inflated.toString('latin1', 0, end).split(' ');
  const object = makeObject(type as ObjectType, inflated.subarray(end + 1), oidLength);
  return object.oid === oid ? object : undefined;
}

/** Undefined for a damaged file: git has the words for that. */
function inflate(stored: Buffer): Buffer | undefined {
  try {
    return inflateSync(stored);
  } catch {
    return undefined;
  }
}

async function askForObjects(
  context: GitContext,
  oids: readonly Oid[],
  found: Map<Oid, GitObject>,
): Promise<void> {
  const { stdout } = await runGit(context, {
    args: ['cat-file', '--batch'],
    input: oids.map((oid) => `${oid}\n`).join(''),
  });
  let at = 0;
  for (const oid of oids) {
    const lineEnd = stdout.indexOf(0x0a, at);
    const [, type, size] = stdout.toString('latin1', at, lineEnd).split(' ');
    if (type !== 'commit' && type !== 'tree' && type !== 'blob') {
      throw new OrchError('ORCH_REPOSITORY_DAMAGED', `there is no object ${oid}`, {
        fix: 'git fsck',
      });
    }
    const end = lineEnd + 1 + Number(size);
    found.set(oid, { oid, type, content: stdout.subarray(lineEnd + 1, end) });
    at = end + 1;
  }
}
