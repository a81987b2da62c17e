/**
 * Starts a program that outlives this one: in a session of its own (no terminal, no hang-up), with
 * files for its output and nothing to read.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { OrchError } from '../../base/errors.ts';
import type { ProgramRequest, StartedProgram } from '../../ports/processes.ts';

/** @throws OrchError ORCH_DETACH_FAILED; errors of the disk as they are */
export function startDetachedProgram(request: ProgramRequest): StartedProgram {
  const [program = '', ...args] = request.command;
  const out = openSync(request.out, 'a');
  let err: number | undefined;
  try {
    err = openSync(request.err, 'a');
    const child = spawn(program, args, {
      cwd: request.cwd,
      env: request.env,
      detached: true,
      stdio: ['ignore', out, err],
    });
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
    if (child.pid === undefined) {
      child.on('error', () => {}); // Comes later and says the same, to nobody.
      throw new OrchError('ORCH_DETACH_FAILED', `${program} cannot be started`, {
        fix: 'see whether the limits of processes and open files are reached: ulimit -a',
      });
    }
    return { pid: child.pid, ended, letGo: () => child.unref() };
  } finally {
    closeSync(out);
    if (err !== undefined) closeSync(err);
  }
}
