/**
 * Watching a folder. The system's notification where it works; where it does not (no folder yet, the
 * limits of inotify reached, the watched folder replaced by another of the same name) a look at the
 * listing four times a second. Callers re-read what they care about, so one call too many is free and
 * one too few would hang a run.
 */
import { type FSWatcher, readdirSync, statSync, watch as systemWatch } from 'node:fs';
import { join } from 'node:path';

const POLL_MS = 250;

/** What watchFolder needs of the system; a test passes one that fails. */
export type SystemWatch = (folder: string, changed: () => void) => FSWatcher;

export function watchFolder(
  folder: string,
  changed: () => void,
  startWatch: SystemWatch = systemWatch,
): Disposable {
  let stop: () => void;
  const fallBack = (): void => {
    stop();
    stop = startPolling(folder, changed);
    changed(); // Something may have happened between the two.
  };
  try {
    stop = startNotification(folder, changed, fallBack, startWatch);
  } catch {
    // Whatever the reason, polling works as soon as the folder can be read.
    stop = startPolling(folder, changed);
  }
  return { [Symbol.dispose]: () => stop() };
}

function startNotification(
  folder: string,
  changed: () => void,
  fallBack: () => void,
  startWatch: SystemWatch,
): () => void {
  const identity = identifyFolder(folder);
  const watcher = startWatch(folder, () => {
    // The notification follows the folder, not its name: a removed one would be silent for ever.
    if (identifyFolder(folder) === identity) changed();
    else fallBack();
  });
  watcher.on('error', fallBack);
  return () => watcher.close();
}

function startPolling(folder: string, changed: () => void): () => void {
  let last = describeFolder(folder);
  const timer = setInterval(() => {
    const now = describeFolder(folder);
    if (now === last) return;
    last = now;
    changed();
  }, POLL_MS);
  return () => clearInterval(timer);
}

function identifyFolder(folder: string): string {
  const stat = statSync(folder, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

/** Changes whenever a name, a size, a modification time or a file behind a name does. */
function describeFolder(folder: string): string {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return ''; // Not there or not readable: the same as empty until it is.
  }
  return names
    .map((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false, bigint: true });
      return `${name}\0${stat?.ino}\0${stat?.size}\0${stat?.mtimeNs}`;
    })
    .join('\0');
}
