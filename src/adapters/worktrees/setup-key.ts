/** Whether a worktree has to be set up again: a digest of the script and of the tracked files it reads. */
import { sha256 } from '../../base/hash.ts';
import type { WorktreeSetup } from '../../ports/worktrees.ts';
import { type GitContext, runGit } from '../git/git-program.ts';
import { indexOf } from './brought.ts';

/** @param context of a worktree whose index is that of its commit */
export async function setupKey(context: GitContext, setup: WorktreeSetup): Promise<string> {
  const reads = setup.reads.flatMap(expandBraces).map(toPathspec);
  // Without any, git would list everything.
  if (reads.length === 0) return sha256(setup.run);
  const { stdout } = await runGit(context, {
    args: ['ls-files', '-s', '-z', '--', ...reads],
    index: indexOf(context.repository.gitDir),
    env: { GIT_LITERAL_PATHSPECS: '0' },
  });
  return sha256(setup.run, '\0', stdout);
}

function toPathspec(glob: string): string {
  return glob.startsWith('!') ? `:(top,exclude,glob)${glob.slice(1)}` : `:(top,glob)${glob}`;
}

/** `a.{b,c}` -> `a.b`, `a.c`; git knows no braces. */
function expandBraces(glob: string): string[] {
  const found = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(glob);
  if (found === null) return [glob];
  const [, before = '', choices = '', after = ''] = found;
  return choices.split(',').flatMap((choice) => expandBraces(`${before}${choice}${after}`));
}
