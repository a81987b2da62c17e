/** A repository with one run of a given workflow, most often an isolated one, and a cache folder of its own. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Outcome, runOrch } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome } from '../rig/runs.ts';

export interface IsolatedHistory extends Disposable {
  readonly repository: TestRepository;
  readonly run: string;
  /** Where the worktrees are. */
  readonly cache: string;
  orch(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
  /** As orch with --json. @throws when it does not end with `code` */
  json(args: readonly string[], code?: number): Promise<Record<string, unknown>>;
  /** Keeps everything as it is now, to come back to. */
  save(): void;
  restore(): void;
}

export interface IsolatedOptions {
  readonly workflow: string;
  /** Two steps are at work at once, and each waits until the other has begun. */
  readonly twoAtOnce?: boolean;
  readonly config?: string;
}

const SHARED = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n';

/** @returns after the run, whatever became of it */
export async function makeIsolated(options: IsolatedOptions): Promise<IsolatedHistory> {
  const repository = makeRepository();
  const cache = join(repository.folder, 'cache');
  repository.write('shared.txt', SHARED);
  repository.write('gone.txt', 'gone\n');
  const text = options.twoAtOnce ? together(options.workflow) : options.workflow;
  repository.write('.orch/workflows/w.yaml', text);
  if (options.config !== undefined) repository.write('.orch/config.yaml', options.config);
  repository.commitAll('first');
  const meeting = join(repository.folder, 'meeting');
  const orch = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    await runOrch(args, {
      cwd: repository.top,
      env: { XDG_CACHE_HOME: cache, MEETING: meeting, ...env },
    });
  const { run } = asRunOutcome(await orch(['run', 'w', '--json']));
  const saved = join(repository.folder, 'saved');
  return {
    repository,
    run,
    cache,
    orch,
    async json(args, code = 0) {
      const outcome = await orch([...args, '--json']);
      expect(`${outcome.code} ${outcome.stdout} ${outcome.stderr}`).toMatch(
        new RegExp(`^${code} `),
      );
      return JSON.parse(outcome.stdout) as Record<string, unknown>;
    },
    save() {
      copyFolder(repository.top, `${saved}-top`);
      copyFolder(cache, `${saved}-cache`);
    },
    restore() {
      copyFolder(`${saved}-top`, repository.top);
      copyFolder(`${saved}-cache`, cache);
    },
    [Symbol.dispose]: () => repository[Symbol.dispose](),
  };
}

/** Every step first waits until two have begun. */
function together(workflow: string): string {
  const wait = 'echo >> "$MEETING"; until [ "$(wc -l < "$MEETING")" -ge 2 ]; do sleep 0.02; done; ';
  return workflow
    .replace(/^concurrency: .*$/m, '')
    .replace(/^name: w$/m, 'name: w\nconcurrency: 2')
    .replaceAll("run: '", `run: '${wait}`);
}

function copyFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0 && !/No such file/.test(stderr)) throw new Error(stderr);
}
