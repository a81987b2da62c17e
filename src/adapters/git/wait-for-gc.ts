/**
 * A `git gc --prune=now` that has looked at the refs before ours moved may still delete what ours holds,
 * after any proof that all of it is there. One that begins later sees the ref. So a proof waits for the
 * one that is at work; git itself writes down which that is.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../../base/errors.ts';
import type { GitContext } from './git-program.ts';

const LOOK_EVERY_MS = 5;
/** Of one on another host nobody can say whether it still runs. */
const LONGEST_MS = 60_000;

/** Returns at once where none is at work. */
export async function waitForGc({ repository }: GitContext): Promise<void> {
  const path = join(repository.commonDir, 'gc.pid');
  const atWork = readNote(path);
  if (atWork === undefined) return;
  const pid = Number.parseInt(atWork, 10);
  for (let waitedMs = 0; waitedMs < LONGEST_MS; waitedMs += LOOK_EVERY_MS) {
    if (readNote(path) !== atWork || !isThere(pid)) return;
    await sleep(LOOK_EVERY_MS);
  }
}

/** `<pid> <host>` */
function readNote(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasErrno(error, 'ESRCH');
  }
}
