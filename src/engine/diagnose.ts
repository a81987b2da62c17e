/**
 * Looks at the machine, the repository and what runs have left, and mends what is safe to mend.
 * Nothing here fails because something is wrong: what is wrong is a finding.
 */
import { join } from 'node:path';
import { OrchError } from '../base/errors.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { findInEnvironment, problem, type RepositoryShape } from '../view/environment-findings.ts';
import type { Finding } from '../view/finding.ts';
import type { PoolRequest } from './collect-worktrees.ts';
import { findLeftFiles, findStaleLocks } from './diagnose-files.ts';
import { findInRefs } from './diagnose-refs.ts';
import { findInRuns } from './diagnose-runs.ts';
import { findInWorktrees } from './diagnose-worktrees.ts';

export interface DiagnoseRequest {
  /** Absolute; in a repository or not. */
  readonly folder: string;
  /** `20.20.0`. */
  readonly nodeVersion: string;
  /** The pool of worktrees, for the settings of a repository; absent to leave it alone. */
  readonly pool?: (git: GitPort) => PoolRequest;
  /** Mends what is safe: stale locks, temporary files, missing refs; ends processes of dead runs. */
  readonly fix: boolean;
}

export async function diagnose(ports: Ports, request: DiagnoseRequest): Promise<Finding[]> {
  const { folder, nodeVersion, fix, pool } = request;
  const { version: gitVersion, settings } = await ports.describeGit(folder);
  const hasProc = ports.files.exists('/proc/self/stat');
  const opened = await tryToOpen(ports, folder);
  const environment = { nodeVersion, hasProc, gitVersion };
  if ('refusal' in opened) return [opened.refusal, ...findInEnvironment(environment)];
  const { git } = opened;
  const repository = await shapeOf(ports, git, settings);
  return [
    ...findInEnvironment({ ...environment, repository }),
    ...findStaleLocks(ports, git.repository, fix),
    ...findLeftFiles(ports.files, git.repository, fix),
    ...(await findInRuns(ports, git.repository.commonDir, fix)),
    ...(await findInRefs(ports, git, fix)),
    ...(pool ? await findInWorktrees(ports, git, pool(git), fix) : []),
  ];
}

async function tryToOpen(
  ports: Ports,
  folder: string,
): Promise<{ readonly git: GitPort } | { readonly refusal: Finding }> {
  try {
    return { git: await ports.openGit(folder) };
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    const { what, fix } = error;
    const why = 'orch keeps everything it does in the repository of the folder it is called in';
    return { refusal: problem({ check: 'repository', what, why, fix }) };
  }
}

async function shapeOf(
  { files }: Ports,
  git: GitPort,
  settings: ReadonlyMap<string, string>,
): Promise<RepositoryShape> {
  const { gitDir, commonDir, worktree } = git.repository;
  const isOn = (name: string) => /^(true|yes|on|[1-9]\d*)$/i.test(settings.get(name) ?? '');
  const trackedFiles = countTracked(files.readPart(join(gitDir, 'index'), 0, 12));
  const fsmonitor = settings.get('core.fsmonitor') ?? 'false';
  return {
    isLinkedWorktree: gitDir !== commonDir,
    isShallow: files.exists(join(commonDir, 'shallow')),
    isPartial: [...settings.keys()].some((name) => /^remote\..*\.promisor$/.test(name)),
    isSparse: isOn('core.sparsecheckout'),
    hasSubmodules: files.exists(join(worktree, '.gitmodules')),
    isSplitIndex: files.list(gitDir).some((name) => name.startsWith('sharedindex.')),
    hasFsmonitor: !/^(false|no|off|0|)$/i.test(fsmonitor),
    hasBranchOrch: (await git.resolve('refs/heads/orch')) !== null,
    ...(trackedFiles !== undefined && { trackedFiles }),
  };
}

/** The header of an index: `DIRC`, its version, the number of entries. @see gitformat-index(5) */
function countTracked(header: Uint8Array | undefined): number | undefined {
  if (header === undefined || header.length < 12) return undefined;
  return new DataView(header.buffer, header.byteOffset, header.length).getUint32(8);
}
