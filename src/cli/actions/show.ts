/** The work of `orch show`. Works in a clone too, where only git knows the run. */
import { lookAtAnyRun } from '../../engine/find-known-run.ts';
import type { RunLook } from '../../engine/look-at-run.ts';
import { runDetails, runDocument, STEP_COLUMNS, STEP_RULES } from '../../view/run-details.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';
import { renderTable } from '../table.ts';

export async function showCommand(context: CliContext, meant: string | undefined): Promise<void> {
  const { ports, git } = await openProject(context);
  const look = await lookAtAnyRun(ports, git, meant);
  const text = context.json ? '' : await renderDetails(context, look, ports.clock.now());
  context.printResult(
    () => runDocument(look),
    () => text,
  );
}

async function renderDetails(context: CliContext, look: RunLook, nowMs: number): Promise<string> {
  const { header, sections, footer } = runDetails(look, nowMs, context);
  const blocks = [header.join('\n')];
  for (const { title, rows, notes } of sections) {
    const table =
      rows.length === 0 ? [] : [await renderTable(context, STEP_COLUMNS, rows, STEP_RULES)];
    blocks.push([title, ...table, ...notes].join('\n'));
  }
  return [...blocks, footer.join('\n')].join('\n\n');
}
