/** Which part of the repository the user has checked out: pool worktrees have the same. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../base/hash.ts';
import { type GitContext, runGit } from '../git/git-program.ts';

/** @param context of the user's work tree @returns '' when all of it is; else it changes with the patterns */
export async function sparseKey(context: GitContext): Promise<string> {
  const patterns = join(context.repository.gitDir, 'info', 'sparse-checkout');
  // Nobody pays for the question who has never had patterns.
  if (!existsSync(patterns)) return '';
  const { stdout } = await runGit(context, {
    args: [
      'config',
      '--type=bool',
      '--get-regexp',
      '^(core\\.sparsecheckout(cone)?|index\\.sparse)$',
    ],
    okCodes: [0, 1],
  });
  const settings = stdout.toString();
  if (!/^core\.sparsecheckout true$/m.test(settings)) return '';
  return sha256(settings, '\0', readFileSync(patterns));
}
