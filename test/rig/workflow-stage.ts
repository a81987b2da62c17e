/** A workflow that is written, run from its file to its last checkpoint, and looked at: for tests of what keys mean. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { GateFinished, RunEvent, StepFinished } from '../../src/run/events.ts';
import { makeRepository, type TestRepository } from './repository.ts';
import { type RunOutcome, runToEnd } from './runs.ts';

export interface WorkflowStage {
  readonly repository: TestRepository;
  /** Writes the workflow and runs it. */
  run(steps: string, ...options: readonly string[]): Promise<RunOutcome>;
  read(path: string): string;
  exists(path: string): boolean;
  /** Lines of a file beside the work tree, where a step tells what no checkpoint shall see. */
  notes(name: string): string[];
}

export function makeStage(files: Readonly<Record<string, string>> = {}): WorkflowStage {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  for (const [path, content] of Object.entries(files)) repository.write(path, content);
  repository.commitAll('first');
  return {
    repository,
    run(steps, ...options) {
      repository.write('w.yaml', `name: w\n${steps}`);
      return runToEnd(repository, 'run', 'w.yaml', ...options);
    },
    read: (path) => readFileSync(repository.path(path), 'utf8'),
    exists: (path) => existsSync(repository.path(path)),
    notes(name) {
      const path = join(repository.folder, name);
      return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
    },
  };
}

type Ended<Body> = Body & { readonly at: string };

export function endsOf({ events }: RunOutcome, step: string): Ended<StepFinished>[] {
  return events.filter(
    (event): event is RunEvent & StepFinished =>
      event.type === 'step.finished' && event.step === step,
  );
}

export function gatesOf({ events }: RunOutcome): Ended<GateFinished>[] {
  return events.filter((event): event is RunEvent & GateFinished => event.type === 'gate.finished');
}
