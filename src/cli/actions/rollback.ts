/** The work of `orch rollback`. */
import { stripControl } from '../../base/text.ts';
import type { MovedSubmodule } from '../../checkpoint/rollback.ts';
import { openPlace } from '../../engine/place-of-run.ts';
import { findOrRebuildRun } from '../../engine/rebuild-run.ts';
import { type RolledBack, rollbackRun } from '../../engine/rollback-run.ts';
import { leftOutText } from '../../view/left-out-text.ts';
import { nextLine } from '../../view/next-line.ts';
import { shellWord } from '../../view/summary-text.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

export interface RollbackOptions {
  readonly to: number;
}

export async function rollbackCommand(
  context: CliContext,
  meant: string | undefined,
  { to }: RollbackOptions,
): Promise<void> {
  const { ports, git: here } = await openProject(context);
  const run = await findOrRebuildRun(ports, here, meant);
  const git = await openPlace(ports, here, run);
  const { worktree } = git.repository;
  const result = await rollbackRun(ports, git, { run, to });
  const { restored, tree, rescue, submodules, leftOut } = result;
  const isElsewhere = git.repository.worktree !== here.repository.worktree;
  context.printResult(
    () => ({
      run,
      restored,
      tree,
      to,
      rescue,
      worktree: result.isIsolated ? null : worktree,
      left_out: leftOut,
      not_restored: submodules.map(({ path }) => path),
    }),
    () => describe(context, result, isElsewhere && !result.isIsolated ? worktree : undefined),
  );
}

/** @param elsewhere the work tree that was changed, where it is not the one people stand in */
function describe(context: CliContext, result: RolledBack, elsewhere: string | undefined): string {
  const { run, restored, to, rescue, others, isResumable, leftOut, ...rest } = result;
  const [other] = others.slice(-1);
  const next = [
    ...(isResumable ? [`orch resume ${run}`] : []),
    ...(other === undefined ? [] : [`orch rollback ${run} --to ${other}`]),
  ];
  return [
    `${rest.finished ? 'finished the rollback' : 'rolled back'} to wave ${to} of ${run} (${restored.slice(0, 12)})`,
    ...(elsewhere === undefined ? [] : [`  in the work tree ${stripControl(elsewhere)}`]),
    `  before: ${rescue}`,
    ...(rest.isIsolated ? ['  no file was changed; the next steps begin on what it holds'] : []),
    ...(leftOut.length === 0 || rest.isIsolated
      ? []
      : [`  not in it, and left as they are: ${leftOutText(leftOut)}`]),
    ...rest.submodules.map(submoduleLine),
    `  what that had: git diff ${rest.isIsolated ? restored.slice(0, 12) : 'HEAD'} ${rescue}`,
    ...nextLine(context, next.length === 0 ? null : next.join(', or: '), '  '),
  ].join('\n');
}

function submoduleLine({ path, commit }: MovedSubmodule): string {
  const word = shellWord(path);
  return `  not restored: the submodule ${word}; to bring it back too: git -C ${word} checkout ${commit}`;
}
