/**
 * Which package manager a repository of packages is kept with, and how that one installs, runs a
 * script, and runs the script of that name in every package of a workspace.
 */
import type { Manifest } from './node-manifest.ts';
import type { RepositoryFacts } from './offers.ts';

export interface PackageManager {
  readonly program: 'npm' | 'pnpm' | 'yarn' | 'bun';
  readonly install: string;
  /** @param script a name without characters that a shell takes for its own */
  runEverywhere(script: string, packages: WorkspacePackages): string;
}

/** The packages of a workspace by name; undefined stands for one without a name. */
export interface WorkspacePackages {
  /** Those that have the script. */
  readonly having: readonly (string | undefined)[];
  /** Whether every package has it. */
  readonly isAll: boolean;
}

/** The field `packageManager` says it, else the lock file; npm where nothing does. */
export function packageManagerOf({ names }: RepositoryFacts, manifest: Manifest): PackageManager {
  const field = String(manifest['packageManager'] ?? '');
  const named = /^(npm|pnpm|yarn|bun)@/.exec(field)?.[1];
  const byLock = [
    ['pnpm', 'pnpm-lock.yaml'],
    ['pnpm', 'pnpm-workspace.yaml'],
    ['yarn', 'yarn.lock'],
    ['bun', 'bun.lock'],
    ['bun', 'bun.lockb'],
  ].find(([, lock]) => names.has(lock ?? ''))?.[0];
  switch (named ?? byLock) {
    case 'pnpm':
      return {
        program: 'pnpm',
        install: 'pnpm install --frozen-lockfile',
        runEverywhere: (script) => `pnpm --recursive --if-present run ${script}`,
      };
    case 'yarn': {
      const isModern = names.has('.yarnrc.yml') || /^yarn@(?!1\.|0\.)/.test(field);
      return isModern ? MODERN_YARN : CLASSIC_YARN;
    }
    case 'bun':
      return {
        program: 'bun',
        install: 'bun install --frozen-lockfile',
        runEverywhere: (script) => `bun run --filter '*' ${script}`,
      };
    default: {
      const isLocked = names.has('package-lock.json') || names.has('npm-shrinkwrap.json');
      return {
        program: 'npm',
        install: isLocked ? 'npm ci' : 'npm install',
        runEverywhere: (script) => `npm run ${script} --workspaces --if-present`,
      };
    }
  }
}

const MODERN_YARN: PackageManager = {
  program: 'yarn',
  install: 'yarn install --immutable',
  runEverywhere: (script) => `yarn workspaces foreach --all run ${script}`,
};

const CLASSIC_YARN: PackageManager = {
  program: 'yarn',
  install: 'yarn install --frozen-lockfile',
  // `yarn workspaces run` fails at the first package that has no such script.
  runEverywhere: (script, { having, isAll }) =>
    isAll || !having.every(isPlainName)
      ? `yarn workspaces run ${script}`
      : having.map((name) => `yarn workspace ${name} run ${script}`).join(' && '),
};

function isPlainName(name: string | undefined): boolean {
  return name !== undefined && /^[\w@./-]+$/.test(name);
}
