/** What git says of itself and of a folder, for `orch doctor`: it refuses nothing and judges nothing. */
import { join } from 'node:path';
import { OrchError } from '../../base/errors.ts';
import type { GitDescription } from '../../ports/git.ts';
import { readSettings } from './embedded/config-file.ts';
import { gitEnvironment, spawnGit } from './git-program.ts';

/** @param folder absolute; in a repository or not */
export async function describeGit(folder: string): Promise<GitDescription> {
  const options = { cwd: folder, env: gitEnvironment() };
  try {
    const [version, settings] = await Promise.all([
      spawnGit(['version'], options),
      spawnGit(['config', '--list', '-z'], options),
    ]);
    const number = /\d+(\.\d+)+/.exec(version.stdout.toString())?.[0];
    return {
      version: number ?? version.stdout.toString().trim(),
      settings: parseSettings(settings.stdout.toString()),
    };
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_GIT_MISSING') throw error;
    return { version: null, settings: readSettings(join(folder, '.git')) };
  }
}

/** Each setting ends in a NUL; a name without a line feed after it has no value, which means true. */
function parseSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const entry of text.split('\0').slice(0, -1)) {
    const end = entry.indexOf('\n');
    if (end === -1) settings.set(entry, 'true');
    else settings.set(entry.slice(0, end), entry.slice(end + 1));
  }
  return settings;
}
