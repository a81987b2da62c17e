/** The work of `orch show`. Works in a clone too, where only git knows the run. */
import { OrchError } from '../../base/errors.ts';
import { findLiveRun } from '../../engine/choose-run.ts';
import { lookAtAnyRun } from '../../engine/find-known-run.ts';
import { findPrompt } from '../../engine/find-prompt.ts';
import type { RunLook } from '../../engine/look-at-run.ts';
import { readRun } from '../../engine/read-run.ts';
import { lookAtRunOrStep } from '../../engine/run-or-step.ts';
import { redactorFor } from '../../run/secret-values.ts';
import { runDetails, runDocument, STEP_COLUMNS, STEP_RULES } from '../../view/run-details.ts';
import { shellWord } from '../../view/summary-text.ts';
import type { CliContext } from '../context.ts';
import { definedEnvironment, openProject } from '../open-project.ts';
import { renderTable } from '../table.ts';

export interface ShowOptions {
  readonly prompt?: boolean;
  readonly attempt?: number;
}

export async function showCommand(
  context: CliContext,
  meant: string | undefined,
  step: string | undefined,
  options: ShowOptions,
): Promise<void> {
  if (options.prompt) return await showPrompt(context, meant, step, options.attempt);
  if (step !== undefined || options.attempt !== undefined) {
    throw new OrchError('ORCH_USAGE', 'a step and --attempt go with --prompt', {
      fix: `orch show ${shellWord(meant ?? '')} ${shellWord(step ?? '<step>')} --prompt`,
    });
  }
  const { ports, git } = await openProject(context);
  const look = await lookAtAnyRun(ports, git, meant);
  const text = context.json ? '' : await renderDetails(context, look, ports.clock.now());
  context.printResult(
    () => runDocument(look),
    () => text,
  );
}

/** What the agent of a step was asked, as it lies in the record of the attempt. */
async function showPrompt(
  context: CliContext,
  first: string | undefined,
  second: string | undefined,
  attempt: number | undefined,
): Promise<void> {
  const { ports, git, commonDir } = await openProject(context);
  const { look, step } = await lookAtRunOrStep(
    async (meant) => readRun(ports.files, commonDir, await findLiveRun(ports, git, meant)),
    first,
    second,
  );
  if (step === undefined) {
    throw new OrchError('ORCH_USAGE', 'nothing tells whose prompt is meant', {
      fix: `orch show ${look.state.run} <step> --prompt`,
    });
  }
  const asked = findPrompt(ports.files, look, step, attempt);
  const text = redactorFor(definedEnvironment(context), look.state.workflow).redactText(asked.text);
  context.printResult(
    () => ({ run: look.state.run, step, attempt: asked.attempt, agent: asked.agent, prompt: text }),
    () => text.trimEnd(),
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
