/**
 * The work of `orch logs`: one document with --json, one event a line when it follows as well. Lines
 * bear their origin when there may be several.
 */
import { OrchError } from '../../base/errors.ts';
import { plural } from '../../base/text.ts';
import { attemptsOf, type LogSelection, leavesOf, selectLogs } from '../../engine/attempt-logs.ts';
import { findLiveRun } from '../../engine/choose-run.ts';
import { followLogs, readLogs } from '../../engine/follow-log.ts';
import { type ReadRun, readRun } from '../../engine/read-run.ts';
import { lookAtRunOrStep } from '../../engine/run-or-step.ts';
import { redactorFor } from '../../run/secret-values.ts';
import { cleanLogLine, type LogLine, logLineJson, logPrefix } from '../../view/log-text.ts';
import { shellWord } from '../../view/summary-text.ts';
import type { CliContext } from '../context.ts';
import { definedEnvironment, openProject } from '../open-project.ts';

export interface LogsOptions {
  readonly gate?: string;
  readonly attempt?: number;
  readonly follow?: boolean;
}

export async function logsCommand(
  context: CliContext,
  first: string | undefined,
  second: string | undefined,
  options: LogsOptions,
): Promise<void> {
  context.endWithoutReader();
  const { ports, git, commonDir } = await openProject(context);
  const { look, step } = await lookAtRunOrStep(
    async (meant) => readRun(ports.files, commonDir, await findLiveRun(ports, git, meant)),
    first,
    second,
  );
  if (step !== undefined && options.gate !== undefined) {
    throw new OrchError('ORCH_USAGE', 'a step and --gate are given; they exclude each other', {
      fix: 'leave one of them out',
    });
  }
  const { state, files } = look;
  const { run } = state;
  const selection: LogSelection = { step, gate: options.gate, attempt: options.attempt };
  const sources = selectLogs(state, files, selection);
  const redactor = redactorFor(definedEnvironment(context), state.workflow);
  if (options.follow) {
    const show = printer(context, step === undefined || attemptsOf(state, step) !== 1);
    await followLogs(ports, commonDir, run, selection, redactor, show);
    noteIfNone(context, readRun(ports.files, commonDir, run), selection);
    return;
  }
  if (context.json) {
    const logs: unknown[] = [];
    readLogs(ports.files, sources, redactor, (line) => logs.push(logLineJson(line)));
    context.printResult(
      () => ({ run, logs }),
      () => '',
    );
  } else {
    readLogs(ports.files, sources, redactor, printer(context, sources.length > 1));
  }
  noteIfNone(context, look, selection);
}

function noteIfNone(
  context: CliContext,
  { state, files }: Pick<ReadRun, 'state' | 'files'>,
  selection: LogSelection,
): void {
  if (selectLogs(state, files, selection).length > 0) return;
  const { step, gate, attempt } = selection;
  const others = selectLogs(state, files, { step, gate });
  if (others.length > 0) {
    const most = plural(Math.max(...others.map((source) => source.attempt)), 'attempt');
    const name = step ?? gate;
    const had =
      name === undefined ? `nothing has had more than ${most}` : `${name} has had ${most}`;
    context.note(`there is no attempt ${attempt}: ${had}`);
    return;
  }
  const isSkipped =
    step !== undefined &&
    leavesOf(state, step).every((leaf) => state.steps[leaf]?.status === 'skipped');
  context.note(
    isSkipped
      ? `${step} was skipped; see: orch why ${state.run} ${shellWord(step)}`
      : 'nothing has been started yet',
  );
}

/** @param isPrefixed whether lines of several origins may come */
function printer(context: CliContext, isPrefixed: boolean): (line: LogLine) => void {
  if (context.json) return (line) => context.printLine(logLineJson(line));
  return (line) => {
    const text = cleanLogLine(line.text, context.color);
    // An empty line is a line too, which print() would leave out.
    context.print(`${isPrefixed ? logPrefix(line.origin) : ''}${text}\n`);
  };
}
