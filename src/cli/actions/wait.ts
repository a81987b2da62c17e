/** The work of `orch wait`: progress while it lasts, then the summary and the exit code of the run. */
import { sealedRef } from '../../checkpoint/layout.ts';
import { findLiveRun } from '../../engine/choose-run.ts';
import { branchOfCheckpoints } from '../../engine/look-at-run.ts';
import { waitForRun } from '../../engine/wait-run.ts';
import { summarise } from '../../run/summary.ts';
import { liveProgress } from '../../view/live-lines.ts';
import { progressText } from '../../view/status-text.ts';
import { renderSummary } from '../../view/summary-text.ts';
import type { CliContext } from '../context.ts';
import { openDisplay } from '../display.ts';
import type { Display } from '../live-display.ts';
import { openProject } from '../open-project.ts';
import { exitCodeOf } from '../run-session.ts';

export async function waitCommand(context: CliContext, meant: string | undefined): Promise<void> {
  const { ports, git, commonDir } = await openProject(context);
  const run = await findLiveRun(ports, git, meant);
  let display: Display | undefined;
  try {
    const result = await waitForRun(ports, commonDir, run, {
      async begun(state) {
        display = await openDisplay(context, state);
        const progress = liveProgress(state, ports.clock.now());
        if (!context.json) context.note(`run ${run}: ${progressText(progress)}`);
      },
      observe: (event, state) => display?.show(event, state),
    });
    display?.close();
    const { state, frozen, signal, isAbandoned } = result;
    const branch = branchOfCheckpoints(run, frozen);
    const summary = summarise(state, { branch, sealedRef }, ports.clock.now());
    context.printResult(
      () => (isAbandoned ? { ...summary, fix: `orch resume ${run}` } : summary),
      () => renderSummary(state, summary, context),
    );
    if (isAbandoned) {
      context.note(`the process that worked on ${run} is gone\n  fix: orch resume ${run}`);
    }
    context.exitCode = exitCodeOf(summary, signal);
  } finally {
    display?.close();
  }
}
