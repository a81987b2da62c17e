/**
 * Looks for secrets in what differs between two trees, and makes trees without them.
 *
 * What is looked at lies in the object store already, because git has to write a file to know its id.
 * No ref holds it yet: what is refused stays behind as a loose object that `git gc` takes away.
 */
import { OrchError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { Change, FileContent, GitPort } from '../ports/git.ts';
import { MAX_SCANNED_BYTES, type SecretFinding, type SecretScanner } from '../ports/secrets.ts';
import { SECRET_REMEDY, secretsText } from '../view/secrets-text.ts';
import type { SecretsPolicy, Workflow } from '../workflow/workflow.ts';
import type { LiveRun } from './live-run.ts';

/** Files whose contents are in memory at once. */
const BATCH = 128;

/** What goes to the current branch is pushed sooner or later; the run's own branch need not be. */
export function secretsPolicy(
  { secrets }: Pick<Workflow, 'secrets'>,
  commitTo: 'branch' | 'current',
): SecretsPolicy {
  return secrets ?? (commitTo === 'current' ? 'refuse' : 'warn');
}

export function policyOf(run: LiveRun): SecretsPolicy {
  return secretsPolicy(run.state.workflow, run.parts.frozen.commit_to);
}

/**
 * As the run's policy has it: nothing is looked at with `allow`.
 * @param fromTree a tree or a commit; null: all of `toTree` is new
 */
export async function secretsIn(
  run: LiveRun,
  git: GitPort,
  fromTree: Oid | null,
  toTree: Oid,
): Promise<SecretFinding[]> {
  if (policyOf(run) === 'allow') return [];
  return await findSecrets(run.parts.ports.secrets, git, fromTree, toTree);
}

/** @see secretsIn, for whoever has no run */
export async function findSecrets(
  scanner: SecretScanner,
  git: GitPort,
  from: Oid | null,
  to: Oid,
): Promise<SecretFinding[]> {
  if (from === to) return [];
  const changed = (await git.diffTrees(from ?? (await git.emptyTree()), to)).filter(isNewContent);
  const findings: SecretFinding[] = [];
  for (let at = 0; at < changed.length; at += BATCH) {
    const batch = changed.slice(at, at + BATCH);
    const blobs = await git.readBlobs(
      batch.map(({ newOid }) => newOid),
      MAX_SCANNED_BYTES,
    );
    const files = batch.flatMap(({ path, newOid }) => {
      const bytes = blobs.get(newOid);
      return bytes === undefined ? [] : [{ path, bytes }];
    });
    findings.push(...(await scanner.scan(files)));
  }
  return findings;
}

/** A file; links and submodules hold no text of their own, and a new mode is no new text. */
function isNewContent({ newMode, oldOid, newOid }: Change): boolean {
  return newMode.startsWith('100') && oldOid !== newOid;
}

/**
 * The tree `to` with these paths as they are in `from`; what is new there is left out. A folder that
 * one of them has replaced is not brought back.
 */
export async function withoutPaths(
  git: GitPort,
  from: Oid | null,
  to: Oid,
  paths: readonly string[],
): Promise<Oid> {
  const refused = new Set(paths);
  const changes = await git.diffTrees(from ?? (await git.emptyTree()), to);
  const files = new Map<string, FileContent>();
  for (const { path, status, oldMode, oldOid } of changes) {
    if (!refused.has(path)) continue;
    files.set(path, status === 'added' ? null : { mode: oldMode, oid: oldOid });
  }
  return await git.treeWithFiles(to, files);
}

export function pathsOf(findings: readonly SecretFinding[]): string[] {
  return [...new Set(findings.map(({ path }) => path))];
}

/** @returns the error, to be thrown: a run does not begin on what its first checkpoint may not hold */
export function secretFound(findings: readonly SecretFinding[]): OrchError {
  const what = `the work tree holds what looks like a secret: ${secretsText(findings)}; nothing was started`;
  return new OrchError('ORCH_SECRET_FOUND', what, { fix: SECRET_REMEDY });
}
