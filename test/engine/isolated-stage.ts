/** A repository and isolated runs in it, with short words for what their tests ask again and again. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { readRun } from '../../src/engine/read-run.ts';
import { attemptFolder, runFiles } from '../../src/engine/run-files.ts';
import type { RunEvent, StepFinished } from '../../src/run/events.ts';
import type { StepStatus } from '../../src/run/state.ts';
import { runOrch, startOrch } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, type RunOutcome } from '../rig/runs.ts';
import { listing } from './history-stage.ts';

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

export interface IsolatedStage {
  readonly repository: TestRepository;
  /** Environment of every command: the worktrees lie beside the repository. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes the workflow outside the repository and runs it to its end. */
  run(workflow: string, ...args: readonly string[]): Promise<IsolatedRun>;
  /** As `run`, without waiting. */
  start(workflow: string): ReturnType<typeof startOrch>;
  orch(...args: readonly string[]): ReturnType<typeof runOrch>;
  asRun(outcome: RunOutcome): IsolatedRun;
  /** Lines of a file beside the work tree: `$NOTES/<name>` for steps. */
  notes(name: string): string[];
}

export interface IsolatedRun extends RunOutcome {
  /** What the run's branch holds at a path; undefined when there is no such file. */
  file(path: string): string | undefined;
  /** The same of what an attempt left, and of any other revision. */
  fileAt(revision: string, path: string): string | undefined;
  /** Mode, object and path of every file of the result. */
  readonly tree: string;
  /** Events of one type, of one step if so wanted. */
  of<T extends RunEvent['type']>(type: T, step?: string): EventOf<T>[];
  /** Ends of the attempts of a step. */
  ends(step: string): (RunEvent & StepFinished)[];
  /** What became of a step. */
  statusOf(step: string): StepStatus | undefined;
  /** Where the record of an attempt is. */
  folder(step: string, attempt: number): string;
}

/** For scripts: `wait_for <command>` tries again until it succeeds, and gives up after a while. */
export const WAIT_FOR =
  'wait_for() { n=0; while ! "$@"; do n=$((n+1)); test $n -lt 1200 || exit 9; sleep 0.05; done; }';

/** For scripts, after WAIT_FOR: until a file is part of what is merged. */
export function untilMerged(path: string): string {
  return `${WAIT_FOR}; merged() { git cat-file -e "refs/orch/merged/$ORCH_RUN:${path}" 2>/dev/null; }; wait_for merged`;
}

export function makeIsolated(
  files: Readonly<Record<string, string>> = {},
  repository = makeRepository(),
): IsolatedStage {
  onTestFinished(() => repository[Symbol.dispose]());
  for (const [path, content] of Object.entries(files)) repository.write(path, content);
  if (Object.keys(files).length > 0) repository.commitAll('first');
  const { top, folder } = repository;
  const env = { XDG_CACHE_HOME: join(folder, 'cache'), NOTES: folder };
  const write = (workflow: string): string => {
    repository.write('../w.yaml', `name: w\nworkspace: isolated\n${workflow}`);
    return join(folder, 'w.yaml');
  };
  const asRun = (outcome: RunOutcome): IsolatedRun => {
    const fileAt = (revision: string, path: string) => {
      const listed = repository.git('ls-tree', revision, '--', path);
      return listed === '' ? undefined : repository.git('cat-file', 'blob', `${revision}:${path}`);
    };
    const of = <T extends RunEvent['type']>(type: T, step?: string) =>
      outcome.events.filter(
        (event): event is EventOf<T> =>
          event.type === type && (step === undefined || ('step' in event && event.step === step)),
      );
    const branch = `orch/${outcome.run}`;
    return {
      ...outcome,
      file: (path) => fileAt(branch, path),
      fileAt,
      get tree() {
        return listing(repository, branch);
      },
      of,
      ends: (step) => of('step.finished', step),
      statusOf: (step) => {
        const { state } = readRun(createFiles(), repository.path('.git'), outcome.run);
        const node = state.nodes.find(({ id }) => id === step);
        return node && state.steps[node.index]?.status;
      },
      folder: (step, attempt) =>
        attemptFolder(runFiles(repository.path('.git'), outcome.run), step, attempt),
    };
  };
  return {
    repository,
    env,
    start: (workflow) => startOrch(['run', write(workflow), '--json'], { cwd: top, env }),
    async run(workflow, ...args) {
      const options = { cwd: top, env };
      return asRun(
        asRunOutcome(await runOrch(['run', write(workflow), '--json', ...args], options)),
      );
    },
    orch: (...args) => runOrch(args, { cwd: top, env }),
    asRun,
    notes(name) {
      const path = join(folder, name);
      return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
    },
  };
}

/** Nothing of an ended run holds anything. */
export function expectAllFreed({ repository }: Pick<IsolatedStage, 'repository'>): void {
  const claims = createFiles()
    .list(repository.path('.git/orch/pool'))
    .filter((name) => name.endsWith('.claim'));
  expect(claims, 'every worktree is free again').toEqual([]);
}
