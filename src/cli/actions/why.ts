/** The work of `orch why`. */
import { unknownStep } from '../../engine/attempt-logs.ts';
import { lookAtAnyRun } from '../../engine/find-known-run.ts';
import { lastLines } from '../../engine/follow-log.ts';
import { attemptFolder, runFiles } from '../../engine/run-files.ts';
import type { FilesPort } from '../../ports/files.ts';
import type { RunState } from '../../run/state.ts';
import { type StepExplanation, stepFacts } from '../../view/explain-step.ts';
import { explainStep, explanationLines } from '../../view/explain-text.ts';
import { cleanLogLine } from '../../view/log-text.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

/** Lines of output that an explanation quotes. */
const QUOTED_LINES = 10;

export async function whyCommand(context: CliContext, meant: string, id: string): Promise<void> {
  const { ports, git, commonDir } = await openProject(context);
  const look = await lookAtAnyRun(ports, git, meant);
  const { state } = look;
  const node = state.nodes[state.indexOf.get(id) ?? -1];
  if (node === undefined) throw unknownStep(state, id);
  const quoted = quoteOutput(ports.files, commonDir, state, node.index);
  const told = explainStep(look, stepFacts(look, node, quoted));
  context.printResult(
    () => told,
    () => explanationLines(told, ports.clock.now()).join('\n'),
  );
}

/** Of a step that went well nothing is quoted; its output is what `orch logs` is for. */
function quoteOutput(
  files: FilesPort,
  commonDir: string,
  state: RunState,
  index: number,
): StepExplanation['last_lines'] {
  const step = state.steps[index];
  const last = step?.attempts.at(-1);
  const id = state.nodes[index]?.id;
  const isQuiet = step?.status === 'passed' || step?.status === 'skipped';
  if (last === undefined || id === undefined || isQuiet) return { out: [], err: [] };
  const folder = attemptFolder(runFiles(commonDir, state.run), id, last.n);
  const quote = (stream: string) =>
    lastLines(files, `${folder}/${stream}`, QUOTED_LINES).map((line) => cleanLogLine(line, false));
  const err = quote('err');
  return { out: err.length > 0 ? [] : quote('out'), err };
}
