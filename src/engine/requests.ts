/**
 * What other processes ask of a run: they leave a file, the run's one writer makes an event of it.
 * A request that no process has taken up waits for the next resume.
 */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { FilesPort } from '../ports/files.ts';
import type { RequestReceived } from '../run/events.ts';
import { hasEnded, stepStateOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import type { RunFiles } from './run-files.ts';

export interface Request {
  readonly request: RequestReceived['request'];
  readonly step?: string;
  readonly message?: string;
}

/**
 * @param name of the request; requests are taken up in the order of their names
 * @returns false when one of this name is there and has not been taken up: of two processes that ask
 *   for the same, exactly one gets true
 */
export function leaveRequest(
  files: FilesPort,
  run: RunFiles,
  name: string,
  request: Request,
): boolean {
  files.makeFolder(run.requests);
  return files.createExclusive(requestPath(run, name), `${JSON.stringify(request)}\n`);
}

/** One for each time that a step asks. */
export function answerName(step: string, attempt: number): string {
  return `answer-${sha256(step).slice(0, 16)}-${attempt}`;
}

/** True while a request has been left and not taken up. */
export function isRequestLeft(files: FilesPort, run: RunFiles, name: string): boolean {
  return files.exists(requestPath(run, name));
}

/** Takes back a request that nobody has taken up. */
export function withdrawRequest(files: FilesPort, run: RunFiles, name: string): void {
  files.remove(requestPath(run, name));
}

function requestPath(run: RunFiles, name: string): string {
  return `${run.requests}/${name}.json`;
}

/**
 * Takes up what is there, at once, and what comes, until disposed. What was left while no process
 * worked on the run counts before anything is decided: a cancelled run starts nothing more, and one
 * that has its answer does not go back to waiting.
 */
export function watchRequests(run: LiveRun): Disposable {
  const { ports, files } = run.parts;
  ports.files.makeFolder(files.requests);
  const watch = ports.files.watch(files.requests, () => run.post(() => takeUpRequests(run)));
  try {
    takeUpRequests(run);
  } catch (error) {
    watch[Symbol.dispose]();
    throw error;
  }
  return watch;
}

function takeUpRequests(run: LiveRun): void {
  const { ports, files } = run.parts;
  for (const name of ports.files.list(files.requests)) {
    if (!name.endsWith('.json')) continue;
    const path = `${files.requests}/${name}`;
    const request = readRequest(ports.files, path);
    if (request && isMeaningful(run, request)) run.record({ type: 'request.received', ...request });
    run.afterwards(() => ports.files.remove(path)); // Only once the event is on disk.
  }
}

/** The file may come from anywhere: what is not a request is dropped. */
function readRequest(files: FilesPort, path: string): Request | undefined {
  const text = files.readText(path);
  if (text === undefined) return undefined;
  let value: Partial<Request> | null;
  try {
    value = JSON.parse(text) as Partial<Request> | null;
  } catch (cause) {
    throw new OrchError('ORCH_RUN_DAMAGED', `${path} is not a request of orch`, {
      fix: `rm '${path}'`,
      cause,
    });
  }
  const kinds = ['approve', 'reject', 'cancel'];
  if (typeof value?.request !== 'string' || !kinds.includes(value.request)) return undefined;
  const { request, step, message } = value;
  return {
    request,
    ...(typeof step === 'string' && { step }),
    ...(typeof message === 'string' && { message }),
  };
}

/** A second look at the same file, or an answer to a step that has ended meanwhile, changes nothing. */
function isMeaningful(run: LiveRun, request: Request): boolean {
  if (request.request === 'cancel') return !run.state.cancelled;
  const index = run.state.indexOf.get(request.step ?? '');
  if (index === undefined) return false;
  const step = stepStateOf(run.state, index);
  return !hasEnded(step.status) && step.answer === undefined;
}
