/** The work of `orch run --detach`: the same command line again, in the background. */
import { OrchError } from '../../base/errors.ts';
import { startDetached } from '../../engine/start-detached.ts';
import type { CliContext } from '../context.ts';
import { definedEnvironment, openProject } from '../open-project.ts';

export async function detachCommand(context: CliContext): Promise<void> {
  const { ports, commonDir } = await openProject(context);
  const started = await startDetached(ports, commonDir, {
    command: (begunFile) => commandLine(context, begunFile),
    // Where this process was started: the command line may hold -C.
    cwd: process.cwd(),
    env: definedEnvironment(context),
  });
  if (started.ok) {
    const { run, pid, folder } = started;
    context.printResult(
      () => ({ run, pid, output: folder }),
      () => run,
    );
    context.note(`process ${pid}, output in ${folder}\n  next: orch wait ${run}`);
    return;
  }
  // What the second orch has to say is told as if it had been the first.
  context.stdout.write(started.stdout);
  context.stderr.write(started.stderr);
  if (started.exitCode === null) {
    throw new OrchError('ORCH_DETACH_FAILED', 'a signal ended the process before the run existed', {
      fix: 'try again; without --detach to see more',
    });
  }
  context.exitCode = started.exitCode;
}

/** This process's own command line without --detach. */
function commandLine({ packageRoot }: CliContext, begunFile: string): string[] {
  const args = process.argv.slice(2);
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const options = args.slice(0, end).filter((arg) => arg !== '--detach');
  const program = [process.execPath, ...process.execArgv, `${packageRoot}/bin/orch.js`];
  return [...program, ...options, '--begun-file', begunFile, ...args.slice(end)];
}
