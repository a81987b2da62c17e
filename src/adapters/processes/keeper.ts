/**
 * A keeper seen from orch: starts the shell that keeper-script.ts describes, in a session of its own,
 * hands jobs over and hears of their ends. The keeper and its job outlive orch: they share no
 * descriptor that orch's death could close on them, and the exit log says what nobody heard.
 *
 * What becomes of a code, and which exit log belongs to whom, is the engine's business.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { OrchError } from '../../base/errors.ts';
import type { Job, Keeper, KeeperEvents, ProcessIdentity } from '../../ports/processes.ts';
import { crashPoint } from '../crash-point.ts';
import { formatHandover, formatJobFile, LONGEST_INLINE_SCRIPT_BYTES } from './job-file.ts';
import { KEEPER_SCRIPT } from './keeper-script.ts';

/**
 * Starts a keeper. What its shell has to say (a killed job, a full disk) goes to `<exitLog>.err`.
 * @param identify gives the identity of a process that has just been started
 * @throws OrchError ORCH_KEEPER_FAILED when no process can be started; errors of the disk as they are
 */
export function startKeeperProcess(
  slot: number,
  exitLog: string,
  events: KeeperEvents,
  identify: (pid: number) => ProcessIdentity,
): Keeper {
  crashPoint('keeper start:before');
  const child = spawnShell(exitLog);
  const { pid, stdin, stdout } = child;
  if (pid === undefined || stdin === null || stdout === null) throw keeperFailed(child);
  const identity = identify(pid);
  let jobKey: string | undefined;

  const keeper: Keeper = {
    slot,
    identity,
    startJob(job) {
      if (jobKey !== undefined) throw new Error(`keeper ${slot} still has the job ${jobKey}`);
      crashPoint('job start:before');
      writeJob(job);
      jobKey = job.key;
      stdin.write(formatHandover(job.key, job.directory));
      crashPoint('job start:after');
    },
    close() {
      stdin.end();
      if (jobKey === undefined) return; // It ends at once, and is seen to its end.
      child.unref();
      (stdout as Socket).unref();
    },
  };
  // A keeper that is gone shows in 'close'; that nothing can be written to it then is no news.
  stdin.on('error', () => {});
  stdout.on('error', () => {});
  readLines(stdout, (line) => {
    const space = line.lastIndexOf(' ');
    jobKey = undefined;
    events.jobEnded(keeper, line.slice(0, space), Number(line.slice(space + 1)));
  });
  // 'close' comes after all of stdout was read, so a job's end is always heard before its keeper's.
  child.on('close', () => events.keeperEnded(keeper));
  crashPoint('keeper start:after');
  return keeper;
}

function spawnShell(exitLog: string): ChildProcess {
  const errors = openSync(`${exitLog}.err`, 'a');
  try {
    // In "/", so that a keeper holds no folder that someone wants to remove or unmount.
    return spawn('/bin/sh', ['-c', KEEPER_SCRIPT, 'orch-keeper', exitLog], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', errors],
    });
  } finally {
    closeSync(errors);
  }
}

/** Makes the job's files here, so that a full disk is an error of this call and not a lost output. */
function writeJob(job: Job): void {
  // Only the user reads what a job is given and what it prints: either may hold secrets.
  mkdirSync(job.directory, { recursive: true, mode: 0o700 });
  const tooLong = Buffer.byteLength(job.script) > LONGEST_INLINE_SCRIPT_BYTES;
  const scriptFile = tooLong ? join(job.directory, 'script') : undefined;
  writeFileSync(join(job.directory, 'job'), formatJobFile(job, scriptFile), {
    mode: 0o600,
  });
  if (scriptFile !== undefined) writeFileSync(scriptFile, job.script, { mode: 0o600 });
  for (const name of ['out', 'err']) closeSync(openSync(join(job.directory, name), 'a', 0o600));
}

function readLines(stream: NodeJS.ReadableStream, handle: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) handle(line);
  });
}

function keeperFailed(child: ChildProcess): OrchError {
  child.on('error', () => {}); // Comes later and says the same, to nobody.
  return new OrchError('ORCH_KEEPER_FAILED', '/bin/sh cannot be started', {
    fix: 'see whether the limits of processes and open files are reached: ulimit -a',
  });
}
