/**
 * The packages of a workspace (npm, yarn and bun name them in package.json, pnpm in a file of its
 * own), as folders below the top. Only the patterns in use are understood: names, `*` within a name,
 * `**` for folders at any depth, and `!` before what is left out.
 */
import { parse } from 'yaml';
import { isMap, type Manifest, readManifest } from './node-manifest.ts';
import type { RepositoryFacts } from './offers.ts';

export interface WorkspacePackage {
  /** From the top: `apps/api`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Deeper than any workspace is kept; ends the search through a tree of folders. */
const MAX_DEPTH = 5;

/** Sorted by folder; empty where there is no workspace. */
export function workspacePackages(facts: RepositoryFacts, manifest: Manifest): WorkspacePackage[] {
  const patterns = patternsOf(facts, manifest).map((pattern) =>
    pattern.replace(/^(!?)(\.\/)?/, '$1').replace(/\/+$/, ''),
  );
  const taken = patterns.filter((pattern) => pattern !== '' && !pattern.startsWith('!'));
  const left = patterns.flatMap((each) => (each.startsWith('!') ? [patternOf(each.slice(1))] : []));
  const folders = new Set(taken.flatMap((pattern) => expand(facts, '', pattern.split('/'), 0)));
  return [...folders]
    .filter((folder) => folder !== '' && !left.some((pattern) => pattern.test(folder)))
    .sort()
    .flatMap((folder) => {
      const read = readManifest(facts.text(`${folder}/package.json`) ?? '');
      return read === undefined ? [] : [{ folder, manifest: read }];
    });
}

function patternsOf(facts: RepositoryFacts, { workspaces }: Manifest): string[] {
  const pnpm = readYaml(facts.text('pnpm-workspace.yaml') ?? '');
  const list = isMap(pnpm)
    ? pnpm['packages']
    : isMap(workspaces)
      ? workspaces['packages']
      : workspaces;
  return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
}

function readYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: 'silent' });
  } catch {
    return undefined; // The package manager says it better.
  }
}

/** Folders that the segments of a pattern lead to. */
function expand(
  facts: RepositoryFacts,
  folder: string,
  [segment, ...rest]: readonly string[],
  depth: number,
): string[] {
  if (segment === undefined) return [folder];
  if (depth > MAX_DEPTH) return [];
  const below = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  const inside = () =>
    facts.list(folder).filter((name) => name !== 'node_modules' && !name.startsWith('.'));
  if (segment === '**') {
    const deeper = inside().flatMap((name) =>
      expand(facts, below(name), [segment, ...rest], depth + 1),
    );
    return [...expand(facts, folder, rest, depth), ...deeper];
  }
  const pattern = patternOf(segment);
  const names = segment.includes('*') ? inside().filter((name) => pattern.test(name)) : [segment];
  return names.flatMap((name) => expand(facts, below(name), rest, depth + 1));
}

function patternOf(glob: string): RegExp {
  const parts = glob
    .split(/(\/?\*\*\/?|\*)/)
    .map((part) =>
      part.includes('**')
        ? '(?:.*)'
        : part === '*'
          ? '[^/]*'
          : part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'),
    );
  return new RegExp(`^${parts.join('')}$`);
}
