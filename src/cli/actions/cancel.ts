/** The work of `orch cancel`. */
import { plural } from '../../base/text.ts';
import { type Cancelled, cancelRun, pinnedTree } from '../../engine/cancel-run.ts';
import { chooseRun } from '../../engine/choose-run.ts';
import { eventLine } from '../../view/event-line.ts';
import { nextLine } from '../../view/next-line.ts';
import { DEFAULT_CONFIG } from '../../workflow/config-schema.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';
import { settingsFor } from './run.ts';

export async function cancelCommand(context: CliContext, meant: string | undefined): Promise<void> {
  const { ports, git } = await openProject(context);
  const run = await chooseRun(ports, git, meant, 'unfinished');
  // Nothing new is started, so a broken config.yaml must not stand in the way.
  const settings = settingsFor(context, DEFAULT_CONFIG, { useCache: false, refresh: [] });
  const cancelled = await cancelRun(
    ports,
    git,
    { run, settings },
    {
      observe: (event, state) => {
        const line = eventLine(event, state);
        if (line !== undefined) context.note(line);
      },
      waiting: ({ pid }, running) =>
        context.note(`waiting for process ${pid} to stop ${plural(running, 'step')}`),
    },
  );
  context.printResult(
    () => describe(cancelled),
    () => render(context, cancelled),
  );
}

function describe({ state, already }: Cancelled) {
  const { run, status, counts } = state;
  return { run, status, already, steps: { ...counts }, pinned: pinnedTree(state) };
}

function render(context: CliContext, { state, already }: Cancelled): string {
  const { run, counts } = state;
  if (already) return `run ${run} is over: it was cancelled before`;
  const pinned = pinnedTree(state);
  return [
    `cancelled: ${run}, ${plural(counts.passed, 'step')} had passed`,
    ...(pinned === null ? [] : [`  its files are kept: git show ${pinned.ref}`]),
    ...nextLine(
      context,
      `orch rollback ${run} --to 0, or: orch resume ${run} --retry-failed`,
      '  ',
    ),
  ].join('\n');
}
