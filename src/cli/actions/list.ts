/** The work of `orch list`. Reading workflow files loads YAML, listing runs does not. */
import { OrchError } from '../../base/errors.ts';
import { readTrailers } from '../../checkpoint/message.ts';
import { type CommittedRun, listRunBranches } from '../../engine/committed-runs.ts';
import { lookAtRun } from '../../engine/look-at-run.ts';
import { listRuns } from '../../engine/read-run.ts';
import type { GitPort } from '../../ports/git.ts';
import type { Ports } from '../../ports/ports.ts';
import { overviewOf } from '../../view/run-overview.ts';
import {
  type CommittedOverview,
  type ListedRun,
  RUN_COLUMNS,
  RUN_RULES,
  runRow,
} from '../../view/run-table.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';
import { renderTable } from '../table.ts';

export interface ListOptions {
  readonly workflows?: boolean;
  readonly limit: number;
}

export async function listCommand(context: CliContext, options: ListOptions): Promise<void> {
  if (options.workflows) {
    const { listWorkflowsCommand } = await import('./list-workflows.ts');
    return await listWorkflowsCommand(context);
  }
  const { ports, git, commonDir } = await openProject(context);
  const local = listRuns(ports.files, commonDir).reverse();
  const known = new Set(local);
  const elsewhere = (await listRunBranches(git)).filter(({ run }) => !known.has(run));
  const runs: ListedRun[] = local
    .slice(0, options.limit)
    .map((run) => overviewOrError(ports, commonDir, run));
  // Newest first among themselves, after those that are here: their clocks are of other machines.
  if (runs.length < options.limit) {
    const committed = await Promise.all(elsewhere.map((run) => overviewOfTip(git, run)));
    committed.sort((a, b) => (a.ended_at < b.ended_at ? 1 : -1));
    runs.push(...committed.slice(0, options.limit - runs.length));
  }
  const total = local.length + elsewhere.length;
  const table = context.json ? '' : await renderRuns(context, runs, ports.clock.now());
  context.printResult(
    () => ({ runs, total }),
    () => table,
  );
  if (total > runs.length) context.note(`${total - runs.length} older; see: orch list -n ${total}`);
}

async function renderRuns(
  context: CliContext,
  runs: readonly ListedRun[],
  nowMs: number,
): Promise<string> {
  if (runs.length === 0) return 'no run yet; start one with: orch run <workflow>';
  return await renderTable(
    context,
    RUN_COLUMNS,
    runs.map((run) => runRow(run, nowMs)),
    RUN_RULES,
  );
}

/** A damaged run hides no other. */
function overviewOrError(ports: Ports, commonDir: string, run: string): ListedRun {
  try {
    return overviewOf(lookAtRun(ports, commonDir, run));
  } catch (error) {
    if (!(error instanceof OrchError)) throw error;
    const { code, what: message, fix } = error;
    return { run, source: 'here', code, message, fix };
  }
}

/** One call of git: the message of the newest checkpoint says it all. */
async function overviewOfTip(
  git: GitPort,
  { run, tip, where }: CommittedRun,
): Promise<CommittedOverview> {
  const { message, committedAt } = await git.readCommit(tip);
  const trailers = readTrailers(message);
  const [, workflow = ''] =
    /^orch: (.*) wave \d+\/\d+(?:, then \w+)?$/.exec(message.split('\n')[0] ?? '') ?? [];
  return {
    run,
    workflow,
    status: trailers?.status ?? 'unknown',
    source: 'git',
    branch: where,
    wave: trailers?.wave ?? 0,
    ended_at: new Date(committedAt * 1000).toISOString(),
  };
}
