/** Where a program is that is named as on a command line. */
import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** @see ProcessPort.findProgram */
export function findProgram(name: string, path: string): string | undefined {
  if (name === '') return undefined;
  if (name.includes('/')) return !isAbsolute(name) || isExecutable(name) ? name : undefined;
  // An empty part stands for the current folder, and whoever works there must not choose the program.
  const folders = path.split(':').filter(isAbsolute);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // Not there, or not for us: either way it cannot be started.
  }
}
