/**
 * Whether the embedded git can keep a repository without doing harm, seen before anything is done.
 *
 * isomorphic-git writes into the wrong place in a linked worktree, takes a sparse checkout for
 * deletions and a split index for an empty one. So only the plain main checkout is taken, and anything
 * else is refused with the name of what stands in the way.
 */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OrchError } from '../../../base/errors.ts';
import type { Repository } from '../../../ports/git.ts';
import {
  isFalse,
  isTrue,
  readIfThere,
  readSettings,
  type Settings,
  userFolder,
} from './config-file.ts';

/** @throws OrchError ORCH_NOT_A_REPOSITORY, or ORCH_NEEDS_GIT with what stands in the way */
export function probeRepository(folder: string): Repository {
  const worktree = findTop(realpathSync(folder));
  const gitDir = join(worktree, '.git');
  if (!statSync(gitDir).isDirectory()) {
    throw needsGit('this is a linked worktree or a submodule (.git is a file)');
  }
  const obstacle =
    findObstacleInSettings(readSettings(gitDir)) ??
    findObstacleInFolder(gitDir) ??
    findObstacleOfUser(gitDir);
  if (obstacle !== undefined) throw needsGit(obstacle);
  return { worktree, gitDir, commonDir: gitDir };
}

/** @param obstacle completes "because" */
export function needsGit(obstacle: string): OrchError {
  return new OrchError('ORCH_NEEDS_GIT', `the embedded git cannot be used: ${obstacle}`, {
    fix: 'install git 2.38 or newer',
  });
}

function findTop(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder;
    if (existsSync(join(folder, 'HEAD')) && existsSync(join(folder, 'objects'))) {
      throw new OrchError(
        'ORCH_BARE_REPOSITORY',
        `${folder} is a bare repository or a .git folder`,
        {
          fix: 'cd to the top of a work tree',
        },
      );
    }
    if (dirname(folder) !== folder) continue;
    throw new OrchError('ORCH_NOT_A_REPOSITORY', `${start} is not in a git repository`, {
      fix: 'install git, then: git init',
    });
  }
}

function findObstacleInSettings(settings: Settings): string | undefined {
  for (const name of settings.keys()) {
    if (/^include(if)?\./i.test(name)) return 'a settings file includes another one';
    if (/^extensions\./.test(name)) return `the repository uses ${name}`;
  }
  const refuseIf = (name: string, isSet: (value: string | undefined) => boolean) =>
    isSet(settings.get(name)) ? `${name} is ${settings.get(name)}` : undefined;
  const isAnything = (value: string | undefined) => value !== undefined;
  return (
    refuseIf('core.autocrlf', (value) => value !== undefined && !isFalse(value)) ??
    refuseIf('core.sparsecheckout', isTrue) ??
    refuseIf('core.splitindex', isTrue) ??
    refuseIf('core.bare', isTrue) ??
    refuseIf('core.ignorecase', isTrue) ??
    refuseIf('core.filemode', isFalse) ??
    refuseIf('core.symlinks', isFalse) ??
    refuseIf('core.worktree', isAnything) ??
    refuseIf('core.excludesfile', isAnything) ??
    refuseIf('core.attributesfile', isAnything)
  );
}

function findObstacleInFolder(gitDir: string): string | undefined {
  const files = ['commondir', 'objects/info/alternates', 'info/sparse-checkout', 'info/grafts'];
  const found = files.find((file) => readIfThere(join(gitDir, file))?.trim());
  if (found !== undefined) return `.git/${found} is there`;
  const packs = join(gitDir, 'objects/pack');
  const isPartial =
    existsSync(packs) && readdirSync(packs).some((name) => /\.promisor$/.test(name));
  if (isPartial) return 'the repository is a partial clone';
  if (existsSync(join(gitDir, 'reftable'))) return 'refs are kept in a reftable';
  return existsSync(join(dirname(gitDir), '.gitmodules')) ? 'there are submodules' : undefined;
}

function findObstacleOfUser(gitDir: string): string | undefined {
  if (Number(process.env['GIT_CONFIG_COUNT'] ?? 0) > 0 || process.env['GIT_CONFIG_PARAMETERS']) {
    return 'settings are given in the environment';
  }
  const ignore = join(userFolder(), 'ignore');
  if (readIfThere(ignore)?.trim()) return `there is an excludes file, ${ignore}`;
  for (const file of [join(userFolder(), 'attributes'), '/etc/gitattributes']) {
    if (readIfThere(file)?.trim()) return `there is an attributes file, ${file}`;
  }
  const attributes = readIfThere(join(gitDir, 'info/attributes'));
  const converting = attributes === undefined ? undefined : findConversion(attributes);
  return converting === undefined ? undefined : `.git/info/attributes has ${converting}`;
}

/** @returns the first attribute of a file that makes the stored content differ from the file's */
export function findConversion(attributes: string): string | undefined {
  for (const line of attributes.split('\n')) {
    if (line.trimStart().startsWith('#')) continue;
    const words = line.trim().split(/\s+/).slice(1);
    const found = words.find((word) =>
      /^(text|eol|crlf|ident|filter|working-tree-encoding)(=(?!unset$).*)?$/.test(word),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
