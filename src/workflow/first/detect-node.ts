/**
 * Scripts of a package.json, run by the package manager whose lock file is there. Only scripts that
 * mean the same everywhere are taken: a deploy script must never be part of a first try.
 */
import {
  type CommandKind,
  type Found,
  type LeftOut,
  NOTHING,
  type Offer,
  type RepositoryFacts,
} from './offers.ts';

interface PackageManager {
  readonly program: 'npm' | 'pnpm' | 'yarn' | 'bun';
  readonly install: string;
}

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

export function detectNode(facts: RepositoryFacts): Found {
  const text = facts.text('package.json');
  if (text === undefined) return NOTHING;
  const manifest = readManifest(text);
  if (manifest === undefined) {
    return { offers: [], leftOut: [{ command: 'package.json', why: 'it is not a JSON object' }] };
  }
  const manager = packageManager(facts, manifest);
  const offers: Offer[] = [];
  const leftOut: LeftOut[] = [];
  for (const [kind, names] of SCRIPT_NAMES) {
    const name = names.find((candidate) => scriptOf(manifest, candidate) !== undefined);
    const script = name === undefined ? '' : (scriptOf(manifest, name) ?? '');
    if (name === undefined || NO_TEST.test(script)) continue;
    const run = `${manager.program} run ${name}`;
    if (NEVER_ENDS.test(script)) leftOut.push({ command: run, why: 'it watches and never ends' });
    else offers.push({ kind, from: 'package.json', program: manager.program, run });
  }
  if (offers.length === 0 || !hasDependencies(manifest)) return { offers, leftOut };
  return addInstall(facts, manager, { offers, leftOut });
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

type Manifest = Readonly<Record<string, unknown>>;

function readManifest(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return isMap(value) ? value : undefined;
  } catch {
    return undefined; // Said by the caller.
  }
}

function isMap(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function scriptOf(manifest: Manifest, name: string): string | undefined {
  const { scripts } = manifest;
  const script = isMap(scripts) && Object.hasOwn(scripts, name) ? scripts[name] : undefined;
  return typeof script === 'string' && script.trim() !== '' ? script : undefined;
}

function hasDependencies(manifest: Manifest): boolean {
  return ['dependencies', 'devDependencies'].some((key) => {
    const list = manifest[key];
    return isMap(list) && Object.keys(list).length > 0;
  });
}

/** The field `packageManager` says it, else the lock file; npm where nothing does. */
function packageManager({ names }: RepositoryFacts, manifest: Manifest): PackageManager {
  const named = /^(npm|pnpm|yarn|bun)@/.exec(String(manifest['packageManager'] ?? ''))?.[1];
  const byLock = [
    ['pnpm', 'pnpm-lock.yaml'],
    ['yarn', 'yarn.lock'],
    ['bun', 'bun.lock'],
    ['bun', 'bun.lockb'],
  ].find(([, lock]) => names.has(lock ?? ''))?.[0];
  switch (named ?? byLock) {
    case 'pnpm':
      return { program: 'pnpm', install: 'pnpm install --frozen-lockfile' };
    case 'yarn': {
      const isModern = names.has('.yarnrc.yml');
      return {
        program: 'yarn',
        install: `yarn install ${isModern ? '--immutable' : '--frozen-lockfile'}`,
      };
    }
    case 'bun':
      return { program: 'bun', install: 'bun install --frozen-lockfile' };
    default: {
      const isLocked = names.has('package-lock.json') || names.has('npm-shrinkwrap.json');
      return { program: 'npm', install: isLocked ? 'npm ci' : 'npm install' };
    }
  }
}
