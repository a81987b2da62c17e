/** The work of `orch why`. */
import type { Redactor } from '../../base/redact.ts';
import { unknownStep } from '../../engine/attempt-logs.ts';
import { lookAtAnyRun } from '../../engine/find-known-run.ts';
import { lastLines } from '../../engine/follow-log.ts';
import { attemptFolder, runFiles } from '../../engine/run-files.ts';
import { lookAtRunOrStep } from '../../engine/run-or-step.ts';
import type { FilesPort } from '../../ports/files.ts';
import { redactorFor } from '../../run/secret-values.ts';
import type { RunState } from '../../run/state.ts';
import { type StepExplanation, stepFacts } from '../../view/explain-step.ts';
import { explainStep, explanationLines } from '../../view/explain-text.ts';
import { cleanLogLine } from '../../view/log-text.ts';
import { shellWord } from '../../view/summary-text.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { definedEnvironment, openProject } from '../open-project.ts';

/** Lines of output that an explanation quotes. */
const QUOTED_LINES = 10;

export async function whyCommand(
  context: CliContext,
  first: string | undefined,
  second: string | undefined,
): Promise<void> {
  const { ports, git, commonDir } = await openProject(context);
  const { look, step: id } = await lookAtRunOrStep(
    (meant) => lookAtAnyRun(ports, git, meant),
    first,
    second,
  );
  const { state } = look;
  if (id === undefined) throw missingStep(state, first);
  const node = state.nodes[state.indexOf.get(id) ?? -1];
  if (node === undefined) throw unknownStep(state, id);
  const redactor = redactorFor(definedEnvironment(context), state.workflow);
  const quoted = quoteOutput(ports.files, commonDir, state, redactor, node.index);
  const told = explainStep(look, stepFacts(look, node, quoted));
  context.printResult(
    () => told,
    () => explanationLines(told, ports.clock.now(), context).join('\n'),
  );
}

function missingStep({ run, nodes }: RunState, meant: string | undefined): UsageError {
  const [some] = nodes;
  const what =
    meant === undefined
      ? 'orch why needs a step'
      : `orch why needs a step, and ${JSON.stringify(meant)} is the run ${run}`;
  return new UsageError(
    what,
    `orch why ${run} ${some === undefined ? '<step>' : shellWord(some.id)}`,
  );
}

/** Of a step that went well nothing is quoted; its output is what `orch logs` is for. */
function quoteOutput(
  files: FilesPort,
  commonDir: string,
  state: RunState,
  redactor: Redactor,
  index: number,
): StepExplanation['last_lines'] {
  const step = state.steps[index];
  const last = step?.attempts.at(-1);
  const id = state.nodes[index]?.id;
  const isQuiet = step?.status === 'passed' || step?.status === 'skipped';
  if (last === undefined || id === undefined || isQuiet) return { out: [], err: [] };
  const folder = attemptFolder(runFiles(commonDir, state.run), id, last.n);
  const quote = (stream: string) =>
    lastLines(files, `${folder}/${stream}`, redactor, QUOTED_LINES).map((line) =>
      cleanLogLine(line, false),
    );
  const err = quote('err');
  return { out: err.length > 0 ? [] : quote('out'), err };
}
