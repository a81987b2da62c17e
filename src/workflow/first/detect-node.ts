/**
 * Scripts of a package.json, run by the package manager whose lock file is there. Only scripts that
 * mean the same everywhere are taken: a deploy script must never be part of a first try. What the top
 * of a workspace does not offer itself, its packages may.
 */
import { hasDependencies, type Manifest, readManifest, scriptOf } from './node-manifest.ts';
import {
  type CommandKind,
  type Found,
  type LeftOut,
  NOTHING,
  type Offer,
  type RepositoryFacts,
} from './offers.ts';
import { type PackageManager, packageManagerOf } from './package-manager.ts';
import { type WorkspacePackage, workspacePackages } from './workspaces.ts';

/** Names under which projects keep a script of this kind; the first that is there is taken. */
const SCRIPT_NAMES: readonly (readonly [CommandKind, readonly string[]])[] = [
  ['lint', ['lint']],
  ['types', ['typecheck', 'type-check', 'check-types', 'check:types', 'types', 'tsc']],
  ['build', ['build']],
  ['test', ['test']],
];

/** What `npm init` writes where a project has no tests; it always fails. */
const NO_TEST = /no test specified/;
const NEVER_ENDS = /(^|\s)(--watch|--watchAll|-w)(\s|$)|\bnodemon\b/;
const WATCHES = 'it watches and never ends';

export function detectNode(facts: RepositoryFacts): Found {
  const text = facts.text('package.json');
  if (text === undefined) return NOTHING;
  const manifest = readManifest(text);
  if (manifest === undefined) {
    return { offers: [], leftOut: [{ command: 'package.json', why: 'it is not a JSON object' }] };
  }
  const manager = packageManagerOf(facts, manifest);
  const packages = workspacePackages(facts, manifest);
  const offers: Offer[] = [];
  const leftOut: LeftOut[] = [];
  for (const [kind, names] of SCRIPT_NAMES) {
    const found =
      ownScript(manager, manifest, kind, names) ?? scriptOfAll(manager, packages, kind, names);
    if (found === undefined) continue;
    if ('why' in found) leftOut.push(found);
    else offers.push(found);
  }
  const manifests = [manifest, ...packages.map((each) => each.manifest)];
  if (offers.length === 0 || !manifests.some(hasDependencies)) return { offers, leftOut };
  return addInstall(facts, manager, { offers, leftOut });
}

function ownScript(
  { program }: PackageManager,
  manifest: Manifest,
  kind: CommandKind,
  names: readonly string[],
): Offer | LeftOut | undefined {
  const name = names.find((candidate) => scriptOf(manifest, candidate) !== undefined);
  const script = name === undefined ? '' : (scriptOf(manifest, name) ?? '');
  if (name === undefined || NO_TEST.test(script)) return undefined;
  const run = `${program} run ${name}`;
  if (NEVER_ENDS.test(script)) return { command: run, why: WATCHES };
  return { kind, from: 'package.json', program, run };
}

/** The script of one name in all packages that have it; of several names the most frequent one. */
function scriptOfAll(
  manager: PackageManager,
  packages: readonly WorkspacePackage[],
  kind: CommandKind,
  names: readonly string[],
): Offer | LeftOut | undefined {
  const having = (name: string) =>
    packages.filter(({ manifest }) => scriptOf(manifest, name) !== undefined);
  const [name] = [...names].sort((a, b) => having(b).length - having(a).length);
  const found = having(name ?? '');
  if (name === undefined || found.length === 0) return undefined;
  const run = manager.runEverywhere(name, {
    having: found.map(({ manifest }) => nameOf(manifest)),
    isAll: found.length === packages.length,
  });
  const bad = (pattern: RegExp) =>
    found.find(({ manifest }) => pattern.test(scriptOf(manifest, name) ?? ''))?.folder;
  const [noTest, watching] = [bad(NO_TEST), bad(NEVER_ENDS)];
  if (noTest !== undefined) {
    return { command: run, why: `${noTest} has only the test of npm init, which always fails` };
  }
  if (watching !== undefined) return { command: run, why: `in ${watching} ${WATCHES}` };
  return { kind, from: `package.json in ${namesOf(found)}`, program: manager.program, run };
}

function nameOf({ name }: Manifest): string | undefined {
  return typeof name === 'string' ? name : undefined;
}

const MAX_NAMED = 3;

function namesOf(packages: readonly WorkspacePackage[]): string {
  const folders = packages.map(({ folder }) => folder);
  if (folders.length <= MAX_NAMED) return folders.join(', ');
  return `${folders.slice(0, MAX_NAMED).join(', ')} and ${folders.length - MAX_NAMED} more`;
}

/** A fresh clone has no node_modules; where they are there, the step does nothing. */
function addInstall(facts: RepositoryFacts, manager: PackageManager, found: Found): Found {
  const { program, install } = manager;
  const isIgnored = /^\/?(\*\*\/)?node_modules\/?\s*$/m.test(facts.text('.gitignore') ?? '');
  if (isIgnored) {
    const run = `test -d node_modules || ${install}`;
    return {
      ...found,
      offers: [{ kind: 'install', from: 'package.json', program, run }, ...found.offers],
    };
  }
  // Checkpoints hold what git would add: thousands of files here.
  const why = 'node_modules is not in .gitignore, so checkpoints would hold it';
  return { ...found, leftOut: [...found.leftOut, { command: install, why }] };
}
