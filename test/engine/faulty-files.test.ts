/**
 * Every change that orch makes to its own files fails once, each in a run of its own: the run ends
 * with one clear error, does nothing that is not on disk, and goes on when the disk is well again,
 * to the same end as a run that nothing disturbed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { asOrchError } from '../../src/cli/errors.ts';
import type { RunState } from '../../src/run/state.ts';
import { type Fault, type FaultyFiles, makeFaultyFiles } from '../rig/faulty-files.ts';
import { assertNoProcess } from '../rig/processes.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { journalOf, makePorts, resumeInProcess, runsOf, startInProcess } from './run-in-process.ts';

const WORKFLOW = `
name: faults
concurrency: 2
steps:
  one: { wave: 1, run: 'echo one >> ../begun; echo 1 > one.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  two: { wave: 1, run: 'echo two >> ../begun; rm old.txt' }
  three: { wave: 2, needs: [one, two], cache: true, reads: [one.txt], produces: [three.txt], env: { ID: "\${{ steps.one.outputs.id }}" }, run: 'echo three >> ../begun; echo "$ID" > three.txt' }
gates:
  - { name: there, level: light, run: 'test -f one.txt' }
`;

const STEPS = ['one', 'three', 'two'];

function makeStage(): TestRepository {
  const repository = makeRepository();
  repository.write('old.txt', 'old\n');
  repository.write('.orch/workflows/faults.yaml', WORKFLOW);
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

function begun(repository: TestRepository): string[] {
  const path = join(repository.folder, 'begun');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').sort() : [];
}

/** One run into the fault and out of it again. @returns false when the fault was never met */
async function survive(fault: Fault, expected: readonly string[]): Promise<boolean> {
  using repository = makeStage();
  const files = makeFaultyFiles(createFiles(), fault);
  const outcome = await runWith(repository, files);
  if (!('thrown' in outcome)) return false;
  const told = asOrchError(outcome.thrown);
  expect(['ORCH_SYSTEM', 'ORCH_DISK_FULL'], told.message).toContain(told.code);
  expect(told.message).toContain(fault.errno);

  const [run, ...others] = runsOf(repository);
  expect(others).toEqual([]);
  const state =
    run === undefined
      ? await startInProcess(repository, 'faults', makePorts())
      : await resumeInProcess(repository);
  expect(state.status).toBe('passed');
  expect(begun(repository), 'each step ran once').toEqual(STEPS);
  expect(treesOf(repository)).toEqual(expected);
  const passed = journalOf(repository, state.run).flatMap((event) =>
    event.type === 'step.finished' && event.status === 'passed' ? [event.step] : [],
  );
  expect(passed.sort(), 'no step is recorded twice').toEqual(STEPS);
  assertNoProcess({ ORCH_RUN: state.run });
  return true;
}

/** A run that hangs is a failure of its own, and must not hide the others. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = sleep(60_000, undefined, { ref: false }).then(() => {
    throw new Error('it hangs');
  });
  return await Promise.race([work, late]);
}

let undisturbed: { calls: readonly string[]; trees: string[] } | undefined;

async function observe(): Promise<{ calls: readonly string[]; trees: string[] }> {
  if (undisturbed !== undefined) return undisturbed;
  using repository = makeStage();
  const files = makeFaultyFiles(createFiles());
  expect(await runWith(repository, files)).toMatchObject({ status: 'passed' });
  undisturbed = { calls: files.calls, trees: treesOf(repository) };
  return undisturbed;
}

/** A full disk at every change; other faults and moments at every fifth, each at changes of its own. */
const FAULTS: readonly (Omit<Fault, 'call'> & { readonly name: string; readonly every: number })[] =
  [
    { name: 'refused once, for want of space', errno: 'ENOSPC', every: 1 },
    { name: 'refused, and every later one too', errno: 'ENOSPC', lasting: true, every: 5 },
    { name: 'done by half', errno: 'ENOSPC', moment: 'short', every: 5 },
    { name: 'done, but not sure to be on disk', errno: 'EIO', moment: 'after', every: 5 },
    { name: 'refused once, for want of file descriptors', errno: 'EMFILE', every: 5 },
  ];

describe.concurrent('any change of a file, each in a run of its own', () => {
  test.for(FAULTS.map((fault, offset) => ({ ...fault, offset })))(
    '$name: a clear error, and a resume to the same end',
    { timeout: 400_000 },
    async (fault) => {
      const { calls, trees } = await observe();
      expect(calls.length).toBeGreaterThan(20);
      const failures: string[] = [];
      for (let call = 1 + (fault.offset % fault.every); call <= calls.length; call += fault.every) {
        await inTime(survive({ ...fault, call }, trees)).catch((error: Error) =>
          failures.push(`${call} ${calls[call - 1]}: ${error.message}`),
        );
      }
      expect(failures).toEqual([]);
    },
  );
});
