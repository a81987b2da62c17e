/** Runs in which one change of orch's own files fails: into the fault, and out of it again. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { asOrchError } from '../../src/cli/errors.ts';
import type { RunState } from '../../src/run/state.ts';
import { type Fault, type FaultyFiles, makeFaultyFiles } from '../rig/faulty-files.ts';
import { assertNoProcess } from '../rig/processes.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { journalOf, makePorts, resumeInProcess, runsOf, startInProcess } from './run-in-process.ts';

export interface FaultyRun {
  readonly workflow: string;
  /** From the top: the file to which every step adds its name when it begins. */
  readonly begun: string;
  /** Sorted. */
  readonly steps: readonly string[];
}

function makeStage({ workflow }: FaultyRun): TestRepository {
  const repository = makeRepository();
  repository.write('old.txt', 'old\n');
  repository.write('.orch/workflows/faults.yaml', workflow);
  repository.commitAll('first');
  repository.write('uncommitted.txt', 'mine\n');
  return repository;
}

/** @returns the error, or the state of the run when the fault was never met */
async function runWith(
  repository: TestRepository,
  files: FaultyFiles,
): Promise<RunState | { readonly thrown: unknown }> {
  try {
    return await startInProcess(repository, 'faults', makePorts({ files }));
  } catch (thrown) {
    return { thrown };
  }
}

/** Trees of the checkpoints without the run's own record, and of the work tree as git would take it. */
function treesOf(repository: TestRepository): string[] {
  const [run = ''] = runsOf(repository);
  const commits = repository.git('rev-list', '--reverse', `orch/${run}`, '^main').split('\n');
  const env = { GIT_INDEX_FILE: join(repository.folder, 'index') };
  repository.gitWith(env, 'add', '-A');
  return [
    ...commits.map((commit) => repository.git('ls-tree', '-r', commit)),
    repository.gitWith(env, 'ls-files', '-s'),
  ].map((tree) => tree.replaceAll(/^.*\.orch\/runs\/.*\n?/gm, '').trim());
}

function begun(repository: TestRepository, file: string): string[] {
  const path = repository.path(file);
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').sort() : [];
}

/** One run into the fault and out of it again. @returns false when the fault was never met */
async function survive(
  scenario: FaultyRun,
  fault: Fault,
  expected: readonly string[],
): Promise<boolean> {
  using repository = makeStage(scenario);
  const files = makeFaultyFiles(createFiles(), fault);
  const outcome = await runWith(repository, files);
  if (!('thrown' in outcome)) return false;
  const told = asOrchError(outcome.thrown);
  expect(['ORCH_SYSTEM', 'ORCH_DISK_FULL', 'ORCH_WORKTREE_FAILED'], told.message).toContain(
    told.code,
  );
  expect(told.message).toContain(fault.errno);

  const [run, ...others] = runsOf(repository);
  expect(others).toEqual([]);
  const state =
    run === undefined
      ? await startInProcess(repository, 'faults', makePorts())
      : await resumeInProcess(repository);
  expect(state.status).toBe('passed');
  expect(begun(repository, scenario.begun), 'each step ran once').toEqual(scenario.steps);
  expect(treesOf(repository)).toEqual(expected);
  const passed = journalOf(repository, state.run).flatMap((event) =>
    event.type === 'step.finished' && event.status === 'passed' ? [event.step] : [],
  );
  expect(passed.sort(), 'no step is recorded twice').toEqual(scenario.steps);
  assertNoProcess({ ORCH_RUN: state.run });
  return true;
}

/** A run that hangs is a failure of its own, and must not hide the others. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = sleep(240_000, undefined, { ref: false }).then(() => {
    throw new Error('it hangs');
  });
  return await Promise.race([work, late]);
}

export interface Undisturbed {
  readonly calls: readonly string[];
  readonly trees: readonly string[];
}

/** A run without a fault: which changes it makes, and what it leaves. */
export async function observe(scenario: FaultyRun): Promise<Undisturbed> {
  using repository = makeStage(scenario);
  const files = makeFaultyFiles(createFiles());
  expect(await runWith(repository, files)).toMatchObject({ status: 'passed' });
  return { calls: files.calls, trees: treesOf(repository) };
}

/** Each of these changes fails in a run of its own. @returns what was not as it must be */
export async function surviveAll(
  scenario: FaultyRun,
  fault: Omit<Fault, 'call'>,
  numbers: readonly number[],
  { calls, trees }: Undisturbed,
): Promise<string[]> {
  const failures: string[] = [];
  for (const call of numbers) {
    await inTime(survive(scenario, { ...fault, call }, trees)).catch((error: Error) =>
      failures.push(`${call} ${calls[call - 1]}: ${error.message}`),
    );
  }
  return failures;
}

/** Every `every`th number from 1 to `count`, begun at an offset. */
export function everyFew(count: number, every: number, offset: number): number[] {
  const numbers: number[] = [];
  for (let n = 1 + (offset % every); n <= count; n += every) numbers.push(n);
  return numbers;
}
