/** What a ref that is a file of its own says, read without a git process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../base/errors.ts';
import type { Oid, Repository } from '../../ports/git.ts';
import type { GitContext } from './git-program.ts';

/** Refs that each worktree has for itself are left to git. */
const SHARED_REF = /^refs\/(?!bisect\/|worktree\/|rewritten\/)[^\0\n]+$/;

/**
 * @param revision only `HEAD` and whole names of refs are looked for
 * @returns undefined when git has to be asked: the ref is packed, or there is none
 */
export function readLooseRef(
  { repository, oidLength }: GitContext,
  revision: string,
): Oid | undefined {
  const text = readRefFile(repository, revision);
  const target = /^ref: (.+)\n$/.exec(text ?? '')?.[1];
  const said = target === undefined ? text : readRefFile(repository, target);
  const oid = said?.trimEnd() ?? '';
  return oid.length === oidLength && /^[0-9a-f]+$/.test(oid) ? oid : undefined;
}

function readRefFile({ gitDir, commonDir }: Repository, name: string): string | undefined {
  const isShared = SHARED_REF.test(name) && !name.split('/').includes('..');
  if (name !== 'HEAD' && !isShared) return undefined;
  try {
    return readFileSync(join(name === 'HEAD' ? gitDir : commonDir, name), 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}
