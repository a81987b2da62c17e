/**
 * Starts orch a second time, in the background, and waits until the run it was told to start exists
 * or the start has failed. What the second one prints goes to files, and a failure is told from them.
 */
import { randomId } from '../base/ids.ts';
import type { Ports } from '../ports/ports.ts';
import type { StartedProgram } from '../ports/processes.ts';
import { detachedFolder } from './run-files.ts';
import { waitUntil } from './wait-until.ts';

export interface DetachRequest {
  /**
   * The command line of the second orch.
   * @param begunFile where it is to write the run's id once the run exists
   */
  readonly command: (begunFile: string) => readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export type Detached =
  | {
      readonly ok: true;
      readonly run: string;
      readonly pid: number;
      /** Folder of its output: `out` and `err`. */
      readonly folder: string;
    }
  | {
      readonly ok: false;
      /** Null when a signal ended it. */
      readonly exitCode: number | null;
      readonly stdout: string;
      readonly stderr: string;
    };

/** @throws OrchError ORCH_DETACH_FAILED when no process can be started */
export async function startDetached(
  ports: Ports,
  commonDir: string,
  request: DetachRequest,
): Promise<Detached> {
  const { files, clock, processes } = ports;
  const folder = freeFolder(ports, commonDir);
  const [out, err, begun] = [`${folder}/out`, `${folder}/err`, `${folder}/run`];
  const { cwd, env } = request;
  const program = processes.startProgram({ command: request.command(begun), cwd, env, out, err });
  const exit = exitOf(program);
  await waitUntil(clock, Number.POSITIVE_INFINITY, () => files.exists(begun) || exit.hasEnded);
  const run = files.readText(begun);
  if (run !== undefined) {
    program.letGo();
    return { ok: true, run, pid: program.pid, folder };
  }
  const failed = { stdout: files.readText(out) ?? '', stderr: files.readText(err) ?? '' };
  files.remove(folder);
  return { ok: false, exitCode: exit.code, ...failed };
}

function freeFolder({ files, clock }: Ports, commonDir: string): string {
  for (;;) {
    const folder = `${detachedFolder(commonDir)}/${randomId(6, () => clock.random())}`;
    if (files.exists(folder)) continue;
    files.makeFolder(folder);
    return folder;
  }
}

function exitOf(program: StartedProgram): { hasEnded: boolean; code: number | null } {
  const exit = { hasEnded: false, code: null as number | null };
  void program.ended.then((code) => {
    exit.hasEnded = true;
    exit.code = code;
  });
  return exit;
}
