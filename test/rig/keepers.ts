/**
 * A keeper with a steered command below it, as most tests of running and stopping want it. All of
 * one test's processes carry one marker; when the test is over, none may be left.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createProcesses } from '../../src/adapters/processes/processes.ts';
import type { Job, Keeper, ProcessPort } from '../../src/ports/processes.ts';
import { killMarked } from './processes.ts';
import { openSteering, type Steered, type Steering } from './steered-command.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

export interface KeeperRig {
  readonly folder: string;
  readonly processes: ProcessPort;
  readonly steering: Steering;
  /** Carried by every job of this rig. */
  readonly marker: { readonly ORCH_RUN: string };
  /** Path of the exit log. */
  readonly exitLog: string;
  startKeeper(): RigKeeper;
}

export interface RigKeeper {
  readonly keeper: Keeper;
  /** Runs a script; resolves with its exit code. */
  run(key: string, script: string, more?: Partial<Job>): Promise<number>;
  /** Starts a steered command as a job of the same name. */
  steer(key: string, more?: Partial<Job>): Promise<{ job: Steered; code: Promise<number> }>;
  /** Path of a job's `out` or `err`. */
  pathOf(key: string, name: string): string;
  readonly ended: Promise<void>;
}

export async function makeKeeperRig(
  processes: ProcessPort = createProcesses(),
): Promise<KeeperRig> {
  const folder = makeTemporaryFolder();
  const steering = await openSteering(folder);
  const marker = { ORCH_RUN: `test-${randomUUID()}` };
  const exitLog = join(folder, 'exits');
  const keepers: Keeper[] = [];
  onTestFinished(async () => {
    await killMarked(marker);
    for (const keeper of keepers) {
      if (processes.isAlive(keeper.identity)) process.kill(keeper.identity.pid, 'SIGKILL');
    }
  });
  return {
    folder,
    processes,
    steering,
    marker,
    exitLog,
    startKeeper() {
      const waiting = new Map<string, (code: number) => void>();
      let end = (): void => {};
      const ended = new Promise<void>((resolve) => (end = resolve));
      const keeper = processes.startKeeper(keepers.length, exitLog, {
        jobEnded: (_keeper, key, code) => waiting.get(key)?.(code),
        keeperEnded: () => end(),
      });
      keepers.push(keeper);
      const pathOf = (key: string, name: string): string => join(folder, 'jobs', key, name);
      const run = (key: string, script: string, more: Partial<Job> = {}): Promise<number> => {
        const directory = join(folder, 'jobs', key);
        const env = { ...marker, ORCH_STEP: key, ...more.env };
        keeper.startJob({ key, directory, script, cwd: folder, ...more, env });
        return new Promise((resolve) => waiting.set(key, resolve));
      };
      const steer = async (key: string, more?: Partial<Job>) => {
        const code = run(key, steering.command(key), more);
        return { job: await steering.started(key), code };
      };
      return { keeper, run, steer, pathOf, ended };
    },
  };
}
