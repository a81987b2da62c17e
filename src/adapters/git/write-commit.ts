/** Commits in the name of the user, or of orch where no user is configured (slim containers, CI). */
import type { CommitRequest, Oid } from '../../ports/git.ts';
import { type GitContext, runGit } from './git-program.ts';
import { readLooseObject, writeLooseObject } from './loose-objects.ts';
import { makeObject } from './tree-edit.ts';

export const FALLBACK_IDENTITY = { name: 'orch', email: 'orch@localhost' } as const;

/**
 * Makes commits for one repository. The first is made by git, which settles who the author is and how
 * files are shared; those that follow are written as that one was, without a process.
 */
export function createCommitWriter(context: GitContext): (request: CommitRequest) => Promise<Oid> {
  let settings: Promise<CommitSettings> | undefined;
  let signers: Signers | undefined;
  return async (request) => {
    if (signers !== undefined) return writeCommit(context, request, signers);
    const { tree, parents, message } = request;
    settings ??= readSettings(context);
    const { missingIdentity, isShared } = await settings;
    const { stdout } = await runGit(context, {
      args: ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])],
      input: message,
      env: missingIdentity,
    });
    const oid = stdout.toString().trim();
    if (!isShared) signers ??= learnSigners(context, oid);
    return oid;
  };
}

/** `Name <mail>` and a time zone, as git has written them. */
interface Signers {
  readonly author: readonly [name: string, zone: string];
  readonly committer: readonly [name: string, zone: string];
}

function learnSigners(context: GitContext, oid: Oid): Signers | undefined {
  // Dates that somebody has set are for git to read.
  if (process.env['GIT_AUTHOR_DATE'] || process.env['GIT_COMMITTER_DATE']) return undefined;
  const text = readLooseObject(context.repository, oid)?.content.toString('latin1') ?? '';
  const [, author, authorZone] = /^author (.*>) \d+ ([+-]\d{4})$/m.exec(text) ?? [];
  const [, committer, committerZone] = /^committer (.*>) \d+ ([+-]\d{4})$/m.exec(text) ?? [];
  if (!author || !authorZone || !committer || !committerZone) return undefined;
  return { author: [author, authorZone], committer: [committer, committerZone] };
}

function writeCommit(
  { repository, oidLength }: GitContext,
  { tree, parents, message }: CommitRequest,
  { author, committer }: Signers,
): Oid {
  const atS = Math.floor(Date.now() / 1000);
  const head = [
    `tree ${tree}`,
    ...[...new Set(parents)].map((parent) => `parent ${parent}`),
    `author ${author[0]} ${atS} ${author[1]}`,
    `committer ${committer[0]} ${atS} ${committer[1]}`,
    '',
    '',
  ].join('\n');
  const content = Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(message, 'utf8')]);
  const object = makeObject('commit', content, oidLength);
  writeLooseObject(repository, object);
  return object.oid;
}

interface CommitSettings {
  /**
   * As environment variables. Git would make it up from the name of the machine, or fail where that has
   * none.
   */
  readonly missingIdentity: Readonly<Record<string, string>>;
  /** Others write here too, and git knows what they may do with a file or a folder. */
  readonly isShared: boolean;
}

async function readSettings(context: GitContext): Promise<CommitSettings> {
  const identity = '(user|author|committer)\\.(name|email)';
  const { stdout } = await runGit(context, {
    args: ['config', '-z', '--get-regexp', `^(${identity}|core\\.sharedrepository)$`],
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
  return { missingIdentity: missing, isShared: configured.has('core.sharedrepository') };
}
