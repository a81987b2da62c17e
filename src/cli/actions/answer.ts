/** The work of `orch approve` and `orch reject`, which differ in one word. */
import { type Answer, answerStep } from '../../engine/answer-step.ts';
import { findLiveRun } from '../../engine/choose-run.ts';
import { nextLine } from '../../view/next-line.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

export interface AnswerOptions {
  readonly message?: string;
}

export async function answerCommand(
  context: CliContext,
  answer: Answer,
  meant: string,
  step: string,
  { message }: AnswerOptions,
): Promise<void> {
  const { ports, git, commonDir } = await openProject(context);
  const run = await findLiveRun(ports, git, meant);
  const openPool = async () => {
    const { openWorktreePool } = await import('../open-worktree-pool.ts');
    return await openWorktreePool(context, ports, git, run);
  };
  const request = { run, step, answer, openPool, ...(message !== undefined && { message }) };
  const { taken } = await answerStep(ports, commonDir, request);
  const done = answer === 'approve' ? 'approved' : 'rejected';
  const next = taken ? null : `orch resume ${run}`;
  context.printResult(
    () => ({ run, step, answer, message: message ?? null, taken_up: taken, next }),
    () =>
      [
        `${done}: step ${step} of ${run}${next === null ? '; the run goes on' : ''}`,
        ...nextLine(context, next, '  '),
      ].join('\n'),
  );
}
