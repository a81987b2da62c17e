/**
 * Takes known secrets out of what an attempt has left, once it has ended. While it runs its output
 * stands on the disk as it printed it, in a folder that only the user can read.
 *
 * Safe to do again: what a crash cut short is done when the attempt is adopted, before its end is in
 * the journal. A file without a secret is not written.
 */
import { OrchError } from '../base/errors.ts';
import type { Redactor } from '../base/redact.ts';
import type { FilesPort } from '../ports/files.ts';
import { MAX_OUTPUT_BYTES } from '../run/outputs.ts';

const PART_BYTES = 1 << 20;

/**
 * A process that the attempt left behind goes on writing to the file as it was: what it prints from
 * then on is not in the log.
 * @param folder of the attempt, with its files `out`, `err` and `output`
 */
export function redactOutput(files: FilesPort, folder: string, redactor: Redactor): void {
  if (redactor.isEmpty) return;
  for (const name of ['out', 'err']) redactLog(files, `${folder}/${name}`, redactor);
  redactHandedOn(files, `${folder}/output`, redactor);
}

function redactLog(files: FilesPort, path: string, redactor: Redactor): void {
  try {
    if ((files.size(path) ?? 0) === 0 || !holdsSecret(files, path, redactor)) return;
    files.rewrite(path, redacted(partsOf(files, path), redactor));
  } catch (error) {
    // The job has put something else in its place, which is no output.
    if (!(error instanceof OrchError) || error.code !== 'ORCH_SYSTEM') throw error;
  }
}

/** What is too large, or no plain file, is read by nobody. */
function redactHandedOn(files: FilesPort, path: string, redactor: Redactor): void {
  const left = files.readLeft(path, MAX_OUTPUT_BYTES);
  if (left === undefined || 'problem' in left) return;
  const clean = redactor.redactBytes(left.bytes);
  if (clean.length < left.bytes.length) files.replace(path, clean);
}

/** A mask is shorter than any value. */
function holdsSecret(files: FilesPort, path: string, redactor: Redactor): boolean {
  const stream = redactor.stream();
  let surplus = 0;
  for (const part of partsOf(files, path)) surplus += part.length - stream.push(part).length;
  return surplus > stream.end().length;
}

function* redacted(parts: Iterable<Uint8Array>, redactor: Redactor): Generator<Uint8Array> {
  const stream = redactor.stream();
  for (const part of parts) yield stream.push(part);
  yield stream.end();
}

function* partsOf(files: FilesPort, path: string): Generator<Uint8Array> {
  for (let offset = 0; ; ) {
    const part = files.readPart(path, offset, PART_BYTES);
    if (part === undefined || part.length === 0) return;
    offset += part.length;
    yield part;
  }
}
