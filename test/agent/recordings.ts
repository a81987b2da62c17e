/** What real agent programs printed, recorded; beside the project, and not part of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const RECORDINGS_FOLDER = fileURLToPath(
  new URL('../../../shared/data/agent-output', import.meta.url),
);

export function hasRecordings(): boolean {
  if (existsSync(RECORDINGS_FOLDER)) return true;
  process.stderr.write(`skipped: no recorded output of agents in ${RECORDINGS_FOLDER}\n`);
  return false;
}

/** @param name `codex.write` */
export function recording(name: string): { readonly out: Uint8Array; readonly err: string } {
  const read = (kind: string) => {
    const path = join(RECORDINGS_FOLDER, `${name}.${kind}`);
    return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  };
  return { out: read('out'), err: read('err').toString() };
}
