/** Three versions of a repository, and what a merge of them holds. */
import type { GitPort, MergeRequest, MergeResult } from '../../../src/ports/git.ts';
import type { TestRepository } from '../../rig/repository.ts';
import { gitProgram } from './adapters.ts';

export type Edit = (repository: TestRepository) => void;

export interface Versions {
  readonly base: string;
  readonly ours: string;
  readonly theirs: string;
}

/** Commits each version, and leaves the work tree at the base. */
export function makeVersions(
  repository: TestRepository,
  edits: { readonly base?: Edit; readonly ours?: Edit; readonly theirs?: Edit },
): Versions {
  edits.base?.(repository);
  const base = repository.commitAll('base');
  const commitFrom = (edit: Edit | undefined) => {
    edit?.(repository);
    const commit = repository.commitAll('side');
    repository.git('reset', '-q', '--hard', base);
    repository.git('clean', '-qfdx');
    return commit;
  };
  return { base, ours: commitFrom(edits.ours), theirs: commitFrom(edits.theirs) };
}

export async function mergeIn(
  repository: TestRepository,
  request: MergeRequest,
): Promise<MergeResult> {
  const port: GitPort = await gitProgram.open(repository.top);
  return await port.mergeChanges(request);
}

/** Content by path; a mode other than that of an ordinary file stands before it. */
export function filesOf(repository: TestRepository, revision: string): Record<string, string> {
  const lines = repository.git('ls-tree', '-r', '-z', revision).split('\0').slice(0, -1);
  return Object.fromEntries(
    lines.map((line) => {
      const [info = '', path = ''] = line.split('\t');
      const [mode = '', type = '', oid = ''] = info.split(' ');
      const content = type === 'blob' ? repository.git('cat-file', 'blob', oid) : oid;
      return [path, mode === '100644' ? content : `${mode} ${content}`];
    }),
  );
}

export const MARKER = /^(<{7}|>{7}|\|{7}) /m;

/** Lines long enough to be the same file after a small edit. */
export const LINES = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** @param changes new lines by number, from 1 */
export function text(changes: Readonly<Record<number, string>> = {}): string {
  return LINES.map((line, index) => `${changes[index + 1] ?? line}\n`).join('');
}
