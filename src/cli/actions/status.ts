/** The work of `orch status`. Loads no YAML and no schema: this is typed often and has to be quick. */
import { OrchError } from '../../base/errors.ts';
import { hasClearlyEnded, lookAtRun } from '../../engine/look-at-run.ts';
import { listRuns } from '../../engine/read-run.ts';
import { runFiles } from '../../engine/run-files.ts';
import type { Ports } from '../../ports/ports.ts';
import { hasFinished } from '../../run/decide.ts';
import {
  type ActiveRun,
  activeRunOf,
  overviewOf,
  type RunOverview,
} from '../../view/run-overview.ts';
import { type StatusDocument, statusLines, type UnreadableRun } from '../../view/status-text.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

export async function statusCommand(context: CliContext): Promise<void> {
  const { ports, git, commonDir } = await openProject(context);
  const head = await git.head();
  const status: StatusDocument = {
    branch: head.ref?.replace('refs/heads/', '') ?? null,
    ...findRuns(ports, commonDir),
    tasks: { total: 0, ready: 0, in_progress: 0, done: 0 },
    agents: [],
  };
  context.printResult(
    () => status,
    () => statusLines(status, ports.clock.now(), context).join('\n'),
  );
}

/** Active runs, newest first, and the newest that is over. A damaged run hides no other. */
function findRuns(
  ports: Ports,
  commonDir: string,
): Pick<StatusDocument, 'runs' | 'last_run' | 'unreadable'> {
  const runs: ActiveRun[] = [];
  const unreadable: UnreadableRun[] = [];
  let last: RunOverview | null = null;
  for (const run of listRuns(ports.files, commonDir).reverse()) {
    if (last !== null && hasClearlyEnded(ports, runFiles(commonDir, run))) continue;
    try {
      const look = lookAtRun(ports, commonDir, run);
      if (!hasFinished(look.state)) runs.push(activeRunOf(look));
      else last ??= overviewOf(look);
    } catch (error) {
      if (!(error instanceof OrchError)) throw error;
      unreadable.push({ run, code: error.code, message: error.what, fix: error.fix });
    }
  }
  return { runs, last_run: last, unreadable };
}
