/** The work of `orch accept`. */
import { type Accepted, acceptRun } from '../../engine/accept-run.ts';
import { findOrRebuildRun } from '../../engine/rebuild-run.ts';
import type { AcceptHow } from '../../run/events.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

export interface AcceptOptions {
  readonly merge?: boolean;
  readonly squash?: boolean;
  readonly ff?: boolean;
  readonly includeUncommitted?: boolean;
}

export async function acceptCommand(
  context: CliContext,
  meant: string | undefined,
  options: AcceptOptions,
): Promise<void> {
  const { ports, git } = await openProject(context);
  const run = await findOrRebuildRun(ports, git, meant);
  const accepted = await acceptRun(ports, git, {
    run,
    how: chosenWay(options),
    includeUncommitted: options.includeUncommitted ?? false,
  });
  context.printResult(
    () => accepted,
    () => describe(accepted),
  );
}

function chosenWay({ squash, ff }: AcceptOptions): AcceptHow {
  if (squash) return 'squash';
  return ff ? 'ff' : 'merge';
}

function describe({ run, outcome, how, commit, wave, branch, rescue }: Accepted): string {
  const where = branch ?? 'HEAD (detached)';
  const short = commit.slice(0, 12);
  if (outcome === 'before') return `run ${run} has been accepted before, as ${short}`;
  if (outcome === 'there') return `nothing to bring: ${where} has run ${run} already (${short})`;
  return [
    `accepted ${run} (${how}, wave ${wave}): ${where} is at ${short}`,
    ...(rescue === null ? [] : [`  the index as it was: git diff HEAD ${rescue}`]),
    '  changed since the run: git status',
  ].join('\n');
}
