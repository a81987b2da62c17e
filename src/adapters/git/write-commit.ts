/** Commits in the name of the user, or of orch where no user is configured (slim containers, CI). */
import type { CommitRequest, Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';

export const FALLBACK_IDENTITY = { name: 'orch', email: 'orch@localhost' } as const;

/** Makes commits for one repository; asks for the identity once. */
export function createCommitWriter(context: GitContext): (request: CommitRequest) => Promise<Oid> {
  let identity: Promise<Record<string, string>> | undefined;
  return async ({ tree, parents, message }) => {
    identity ??= findMissingIdentity(context);
    const { stdout } = await runGit(context, {
      args: ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])],
      input: message,
      env: await identity,
    });
    return stdout.toString().trim();
  };
}

/**
 * What is missing of the identity, as environment variables. Git would make it up from the name of
 * the machine, or fail where that has none.
 */
async function findMissingIdentity(context: GitContext): Promise<Record<string, string>> {
  const { stdout } = await runGit(context, {
    args: ['config', '-z', '--get-regexp', '^(user|author|committer)\\.(name|email)$'],
    okCodes: [0, 1],
  });
  const configured = new Set(
    stdout
      .toString()
      .split('\0')
      .map((entry) => entry.split('\n')[0]),
  );
  const missing: Record<string, string> = {};
  for (const role of ['author', 'committer']) {
    for (const field of ['name', 'email'] as const) {
      const variable = `GIT_${role.toUpperCase()}_${field.toUpperCase()}`;
      const isKnown =
        configured.has(`user.${field}`) ||
        configured.has(`${role}.${field}`) ||
        Boolean(process.env[variable]) ||
        (field === 'email' && Boolean(process.env['EMAIL']));
      if (!isKnown) missing[variable] = FALLBACK_IDENTITY[field];
    }
  }
  return missing;
}
