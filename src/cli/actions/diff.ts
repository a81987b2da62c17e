/** The work of `orch diff`. orch's own records are left out: they say how, not what. */
import { OrchError } from '../../base/errors.ts';
import { lookAtAnyRun } from '../../engine/find-known-run.ts';
import type { GitPort, Oid } from '../../ports/git.ts';
import { chooseDiff, type DiffChoice } from '../../run/choose-diff.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

const RECORDS = '.orch/runs';

export interface DiffOptions {
  readonly wave?: number;
  readonly attempt?: string;
  readonly stat?: boolean;
}

export async function diffCommand(
  context: CliContext,
  meant: string | undefined,
  options: DiffOptions,
): Promise<void> {
  const { ports, git } = await openProject(context);
  const { state } = await lookAtAnyRun(ports, git, meant);
  const { from, to } = await resolveChoice(git, chooseDiff(state, options));
  const changes = (await git.diffTrees(from, to)).filter(
    ({ path }) => !path.startsWith(`${RECORDS}/`),
  );
  const diff = await git.diffText(from, to, {
    color: context.color,
    stat: options.stat ?? false,
    exclude: [RECORDS],
  });
  context.printResult(
    () => ({
      run: state.run,
      from,
      to,
      files: changes.map(({ path, status }) => ({ path, status })),
      diff,
    }),
    () => diff,
  );
  if (changes.length === 0) context.note('nothing was changed');
}

async function resolveChoice(git: GitPort, choice: DiffChoice): Promise<{ from: Oid; to: Oid }> {
  if (choice.kind === 'commits') return choice;
  const to = await git.resolve(choice.ref);
  if (to === null) {
    throw new OrchError('ORCH_NO_SUCH_CHECKPOINT', `${choice.ref} is not here any more`, {
      fix: 'git fetch <remote> "refs/orch/*:refs/orch/*", if another clone has it',
    });
  }
  const [parent] = (await git.readCommit(to)).parents;
  return { from: parent ?? (await git.emptyTree()), to };
}
