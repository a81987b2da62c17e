/** The work of `orch resume`. */
import { OrchError } from '../../base/errors.ts';
import type { ChangedDefinition } from '../../engine/accept-changes.ts';
import { chooseRun } from '../../engine/choose-run.ts';
import { type Definition, loadConfig, loadDefinition } from '../../engine/load-definition.ts';
import { openPlace } from '../../engine/place-of-run.ts';
import { readRun } from '../../engine/read-run.ts';
import { resumeRun } from '../../engine/resume-run.ts';
import { diffWorkflows } from '../../plan/fingerprint.ts';
import { makePlan } from '../../plan/make-plan.ts';
import type { Ports } from '../../ports/ports.ts';
import { hasFinished } from '../../run/decide.ts';
import { isIsolated, type RunState } from '../../run/state.ts';
import { changeLines, takenLines } from '../../view/change-lines.ts';
import type { Workflow } from '../../workflow/workflow.ts';
import type { CliContext } from '../context.ts';
import { openProject, templateFolders } from '../open-project.ts';
import { openRunSession, preferSmallHeap } from '../run-session.ts';
import { branchName, castFor, currentBranch, settingsFor } from './run.ts';

export interface ResumeOptions {
  readonly acceptChanges?: boolean;
  readonly retryFailed?: boolean;
  readonly cache: boolean;
}

export async function resumeCommand(
  context: CliContext,
  meant: string | undefined,
  options: ResumeOptions,
): Promise<void> {
  preferSmallHeap();
  const { ports, git: here, commonDir } = await openProject(context);
  const wanted = options.retryFailed ? 'not-passed' : 'unfinished';
  const run = await chooseRun(ports, here, meant, wanted);
  const git = await openPlace(ports, here, run);
  const root = git.repository.worktree;
  const { state: before, frozen } = readRun(ports.files, commonDir, run);
  const read = (): Definition =>
    loadDefinition(ports.files, {
      file: before.workflow.file,
      root,
      ...templateFolders(context),
    });
  const changed = options.acceptChanges
    ? changedDefinition(context, ports, root, before, read())
    : undefined;
  if (changed === undefined && !hasFinished(before)) noteChanges(context, before, read);
  const config = loadConfig(ports.files, root);
  using session = await openRunSession(context);
  const driven = resumeRun(
    ports,
    git,
    {
      run,
      retryFailed: options.retryFailed ?? false,
      ...(changed && { changed }),
      settings: settingsFor(context, config, {
        useCache: options.cache,
        refresh: [],
        ...(isIsolated(before) && { pool: { ports, git } }),
      }),
    },
    session.hooks,
  );
  const { state, resumed } = await session.drive(driven);
  if (!resumed) context.note(`run ${run} had ended: nothing to resume`);
  session.end(state, frozen.commit_to === 'current' ? await currentBranch(git) : branchName(run));
}

function changedDefinition(
  context: CliContext,
  ports: Ports,
  root: string,
  state: RunState,
  { workflow, strategies, config }: Definition,
): ChangedDefinition {
  const { concurrency, strategy, workspace } = state.plan;
  return {
    workflow,
    plan: (merged: Workflow) => makePlan(merged, { concurrency, strategy, workspace, strategies }),
    cast: castFor(context, ports, config, root),
    tell: (changes) => {
      for (const line of takenLines(changes)) context.note(line);
    },
  };
}

/** A run goes on as it was frozen; that the file says something else now is only told. */
function noteChanges(context: CliContext, state: RunState, read: () => Definition): void {
  let current: Workflow;
  try {
    current = read().workflow;
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    context.note(
      `${state.workflow.file} cannot be read any more; going on with the workflow as it was`,
    );
    return;
  }
  const lines = changeLines(diffWorkflows(state.workflow, current));
  if (lines.length === 0) return;
  context.note(
    `${state.workflow.file} has changed; going on with the workflow as it was (--accept-changes takes the new one):`,
  );
  for (const line of lines) context.note(line);
}
