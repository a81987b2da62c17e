import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { worktreeSettings } from '../../src/engine/worktree-settings.ts';
import { DEFAULT_CONFIG } from '../../src/workflow/config-schema.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

const HOME = '/home/ada';

/** A repository with a linked work tree beside it; nothing of git is needed to tell where they are. */
function makePlaces() {
  const folder = makeTemporaryFolder();
  const top = join(folder, 'repository');
  mkdirSync(join(top, '.git', 'worktrees', 'second'), { recursive: true });
  const main = { worktree: top, gitDir: join(top, '.git'), commonDir: join(top, '.git') };
  const second = {
    ...main,
    worktree: join(folder, 'second'),
    gitDir: join(top, '.git/worktrees/second'),
  };
  return { folder, top, main, second };
}

function rootOf(
  repository: ReturnType<typeof makePlaces>['main'],
  root?: string,
  env: Record<string, string> = { HOME },
): string {
  const worktree = { ...DEFAULT_CONFIG.worktree, ...(root === undefined ? {} : { root }) };
  return worktreeSettings(createFiles(), { ...DEFAULT_CONFIG, worktree }, env, repository).root;
}

describe('where worktrees lie', () => {
  test('in the cache of the user, unless the configuration says where', () => {
    const { main, folder } = makePlaces();
    expect(rootOf(main)).toBe('/home/ada/.cache/orch');
    expect(rootOf(main, undefined, { HOME, XDG_CACHE_HOME: '/cache' })).toBe('/cache/orch');
    expect(rootOf(main, undefined, { HOME, XDG_CACHE_HOME: 'cache' })).toBe(
      '/home/ada/.cache/orch',
    );
    expect(rootOf(main, '~/trees')).toBe('/home/ada/trees');
    expect(rootOf(main, '/srv/trees')).toBe('/srv/trees');
    expect(rootOf(main, '../trees')).toBe(join(folder, 'trees'));
  });

  test('a relative root is the same place for all work trees of a repository', () => {
    const { second, folder } = makePlaces();
    expect(rootOf(second, '../trees')).toBe(join(folder, 'trees'));
  });

  test('without a home there has to be a root', () => {
    const { main } = makePlaces();
    expect(() => rootOf(main, undefined, {})).toThrow(/no HOME .*worktree\.root/s);
  });

  test('never in a .git folder', () => {
    const { main } = makePlaces();
    expect(() => rootOf(main, '.git/trees')).toThrow(/cannot lie in a \.git folder/);
    expect(() => rootOf(main, '/elsewhere/.git/trees')).toThrow(/cannot lie in a \.git folder/);
  });

  test('never inside a work tree of the repository, through a link neither', () => {
    const { main, second, folder, top } = makePlaces();
    expect(() => rootOf(main, 'trees')).toThrow(/cannot lie inside the repository/);
    expect(() => rootOf(main, '.')).toThrow(/cannot lie inside the repository/);
    expect(() => rootOf(second, 'trees')).toThrow(/cannot lie inside the repository/);
    symlinkSync(top, join(folder, 'link'));
    expect(() => rootOf(main, '../link/trees')).toThrow(/cannot lie inside the repository/);
    expect(rootOf(main, `${top}-trees`)).toBe(`${top}-trees`);
  });

  test('what else is configured is handed on', () => {
    const { main } = makePlaces();
    const setup = { run: 'npm ci', reads: ['package.json'] };
    const worktree = { root: '/srv', include: ['.env'], setup, ports: 10 };
    expect(worktreeSettings(createFiles(), { ...DEFAULT_CONFIG, worktree }, {}, main)).toEqual(
      worktree,
    );
  });
});
