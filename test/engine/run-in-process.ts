/**
 * The engine within the test's own process, with real git, real processes and real files, so that a
 * test can put a port of its own between orch and the world.
 */
import { join } from 'node:path';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { createFiles } from '../../src/adapters/files/files.ts';
import { openWorktreePool } from '../../src/adapters/worktrees/worktree-pool.ts';
import { readSegments } from '../../src/engine/journal.ts';
import type { RunSettings } from '../../src/engine/live-run.ts';
import { loadDefinition } from '../../src/engine/load-definition.ts';
import { listRuns } from '../../src/engine/read-run.ts';
import { resumeRun } from '../../src/engine/resume-run.ts';
import { runFiles } from '../../src/engine/run-files.ts';
import { type RunHooks, startRun } from '../../src/engine/start-run.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { readJournal } from '../../src/run/journal-read.ts';
import type { RunState } from '../../src/run/state.ts';
import { cleanEnvironment } from '../rig/cli.ts';
import type { TestRepository } from '../rig/repository.ts';

/** Ports as the program has them, with some of them replaced; the pool of worktrees uses those too. */
export function makePorts(replaced: Partial<Ports> = {}): Ports {
  const ports = { ...createPorts(), ...replaced };
  return {
    ...ports,
    openWorktreePool: (git, settings) => openWorktreePool(ports, git, settings),
    ...replaced,
  };
}

/** Starts the workflow `.orch/workflows/<name>.yaml`. @throws what startRun throws */
export async function startInProcess(
  repository: TestRepository,
  name: string,
  ports: Ports,
  hooks: Partial<RunHooks> = {},
): Promise<RunState> {
  const { workflow, strategies } = loadDefinition(createFiles(), {
    file: `.orch/workflows/${name}.yaml`,
    root: repository.top,
    userTemplates: '/nonexistent',
    builtInTemplates: '/nonexistent',
  });
  const plan = makePlan(workflow, {
    concurrency: workflow.concurrency ?? 2,
    strategy: undefined,
    workspace: undefined,
    strategies,
  });
  const request = {
    workflow,
    plan,
    inputs: {},
    commitTo: 'branch',
    settings: settingsOfTests(repository),
    version: '1.2.3',
    cast: {},
  } as const;
  return await startRun(ports, await ports.openGit(repository.top), request, fullHooks(hooks));
}

/** Goes on with the only run there is. @throws what resumeRun throws */
export async function resumeInProcess(
  repository: TestRepository,
  ports: Ports = makePorts(),
  hooks: Partial<RunHooks> = {},
): Promise<RunState> {
  const request = {
    run: onlyRun(repository),
    retryFailed: false,
    settings: settingsOfTests(repository),
  };
  const git = await ports.openGit(repository.top);
  return (await resumeRun(ports, git, request, fullHooks(hooks))).state;
}

/** Ids of the runs whose files are there. */
export function runsOf(repository: TestRepository): string[] {
  return listRuns(createFiles(), repository.path('.git'));
}

export function onlyRun(repository: TestRepository): string {
  const [run, ...others] = runsOf(repository);
  if (run === undefined || others.length > 0) throw new Error('there is not exactly one run');
  return run;
}

/** What the journal of a run holds. */
export function journalOf(repository: TestRepository, run: string): readonly RunEvent[] {
  return readJournal(readSegments(createFiles(), runFiles(repository.path('.git'), run))).events;
}

function settingsOfTests({ folder }: TestRepository): RunSettings {
  const environment = Object.fromEntries(
    Object.entries(cleanEnvironment()).filter((entry): entry is [string, string] => !!entry[1]),
  );
  const worktree = { root: join(folder, 'cache'), include: [], ports: 0 };
  return {
    useCache: true,
    refresh: [],
    graceMs: 500,
    maxLogBytes: 1 << 20,
    environment,
    worktree,
  };
}

function fullHooks(hooks: Partial<RunHooks>): RunHooks {
  return { begun: () => {}, observe: () => {}, control: () => {}, ...hooks };
}
