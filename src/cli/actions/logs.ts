/**
 * The work of `orch logs`: one document with --json, one event a line when it follows as well. Lines
 * bear their origin when there may be several.
 */
import { OrchError } from '../../base/errors.ts';
import { attemptsOf, type LogSelection, selectLogs } from '../../engine/attempt-logs.ts';
import { findLiveRun } from '../../engine/choose-run.ts';
import { followLogs, readLogs } from '../../engine/follow-log.ts';
import { readRun } from '../../engine/read-run.ts';
import { cleanLogLine, type LogLine, logLineJson, logPrefix } from '../../view/log-text.ts';
import type { CliContext } from '../context.ts';
import { openProject } from '../open-project.ts';

export interface LogsOptions {
  readonly gate?: string;
  readonly attempt?: number;
  readonly follow?: boolean;
}

export async function logsCommand(
  context: CliContext,
  meant: string | undefined,
  step: string | undefined,
  options: LogsOptions,
): Promise<void> {
  context.endWithoutReader();
  const { ports, git, commonDir } = await openProject(context);
  if (step !== undefined && options.gate !== undefined) {
    throw new OrchError('ORCH_USAGE', 'a step and --gate are given; they exclude each other', {
      fix: 'leave one of them out',
    });
  }
  const run = await findLiveRun(ports, git, meant);
  const selection: LogSelection = { step, gate: options.gate, attempt: options.attempt };
  const { state, files } = readRun(ports.files, commonDir, run);
  const sources = selectLogs(state, files, selection);
  if (options.follow) {
    const show = printer(context, step === undefined || attemptsOf(state, step) !== 1);
    await followLogs(ports, commonDir, run, selection, show);
    return;
  }
  if (context.json) {
    const logs: unknown[] = [];
    readLogs(ports.files, sources, (line) => logs.push(logLineJson(line)));
    context.printResult(
      () => ({ run, logs }),
      () => '',
    );
    return;
  }
  readLogs(ports.files, sources, printer(context, sources.length > 1));
  if (sources.length === 0) context.note('nothing has been started yet');
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
