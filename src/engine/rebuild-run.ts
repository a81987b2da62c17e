/**
 * Makes the files of a run again from its branch, after gc or in a clone, so that commands which write
 * to its journal work there too. The committed journal ends with the newest checkpoint; whoever takes
 * the run up next finds that checkpoint made and goes on behind it.
 */
import { OrchError } from '../base/errors.ts';
import { branchOf, committedFolder } from '../checkpoint/layout.ts';
import type { GitPort } from '../ports/git.ts';
import type { Ports } from '../ports/ports.ts';
import { chooseRun } from './choose-run.ts';
import { type CommittedRun, lookAtCommittedRun } from './committed-runs.ts';
import { findCommitted } from './find-known-run.ts';
import { notePlace } from './place-of-run.ts';
import { listRuns } from './read-run.ts';
import { type RunFiles, runFiles } from './run-files.ts';

/** A file that says that the run was rebuilt: refs that its journal names may be gone by right. */
export function rebuiltMark({ folder }: RunFiles): string {
  return `${folder}/rebuilt`;
}

/**
 * As chooseRun, but a run that only a branch tells of is made a live one, in this work tree; of a remote
 * branch a local one is made.
 * @throws OrchError ORCH_NO_SUCH_RUN, ORCH_RUN_AMBIGUOUS, and when its record is damaged
 */
export async function findOrRebuildRun(
  ports: Ports,
  git: GitPort,
  meant: string | undefined,
): Promise<string> {
  try {
    return await chooseRun(ports, git, meant, 'newest');
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_NO_SUCH_RUN') throw error;
    if (listRuns(ports.files, git.repository.commonDir).length > 0 && meant === undefined)
      throw error;
    const known = await findCommitted(git, meant);
    if (known === undefined || known.where === 'HEAD') throw error;
    await rebuildRun(ports, git, known);
    return known.run;
  }
}

async function rebuildRun(ports: Ports, git: GitPort, known: CommittedRun): Promise<void> {
  const { run, tip } = known;
  // Read as a whole first: what cannot be read is not made a live run.
  await lookAtCommittedRun(git, known);
  const ref = branchOf(run);
  if ((await git.resolve(ref)) === null) await git.updateRefs([{ ref, to: tip, from: null }]);
  const files = runFiles(git.repository.commonDir, run);
  const folder = committedFolder(run);
  for (const path of [files.folder, files.events, files.requests]) ports.files.makeFolder(path);
  for (const { path } of await git.listFiles(tip, folder)) {
    const name = path.slice(folder.length + 1);
    const content = await git.readFile(tip, path);
    if (content === null || !/^(events\/\d+\.jsonl|run-\d+\.json)$/.test(name)) continue;
    ports.files.replace(`${files.folder}/${name}`, content);
  }
  notePlace(ports.files, files, git.repository);
  ports.files.replace(rebuiltMark(files), `from ${tip}\n`);
  // Last: with it, the folder is a run.
  const frozen = await git.readFile(tip, `${folder}/run.json`);
  ports.files.createExclusive(files.frozen, frozen ?? '');
}
