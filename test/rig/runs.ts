/** Runs as tests see them: the lines of `--json`, and the journal on disk while a run goes on. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createFiles } from '../../src/adapters/files/files.ts';
import { type ReadRun, readRun } from '../../src/engine/read-run.ts';
import type { RunEvent } from '../../src/run/events.ts';
import type { RunSummary } from '../../src/run/summary.ts';
import { type Outcome, runOrch } from './cli.ts';
import type { TestRepository } from './repository.ts';

export interface RunOutcome extends Outcome {
  readonly run: string;
  readonly events: readonly RunEvent[];
  readonly summary: RunSummary;
}

/** `orch <args> --json` of a command that drives a run, to its end. */
export async function runToEnd(
  repository: TestRepository,
  ...args: readonly string[]
): Promise<RunOutcome> {
  return asRunOutcome(await runOrch([...args, '--json'], { cwd: repository.top }));
}

/** @throws Error with everything that was printed when the last line is no summary */
export function asRunOutcome(outcome: Outcome): RunOutcome {
  const lines = outcome.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunEvent | RunSummary);
  const summary = lines.at(-1);
  if (summary?.type !== 'run.summary') {
    throw new Error(`no summary (${outcome.code}):\n${outcome.stdout}\n${outcome.stderr}`);
  }
  return { ...outcome, run: summary.run, summary, events: lines.slice(0, -1) as RunEvent[] };
}

/** The only run of a repository, read from its files as they are now. */
export function readOnlyRun(repository: TestRepository): ReadRun {
  const commonDir = repository.path('.git');
  const [run, ...others] = readdirSync(join(commonDir, 'orch', 'runs'));
  if (run === undefined || others.length > 0) throw new Error('there is not exactly one run');
  return readRun(createFiles(), commonDir, run);
}

/** Resolves when the only run of a repository is as asked for; fails after 20 s, saying how it was. */
export async function untilRun(
  repository: TestRepository,
  isSo: (run: ReadRun) => boolean,
): Promise<ReadRun> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    if (existsSync(repository.path('.git/orch/runs'))) {
      const found = readRunIfThere(repository);
      if (found !== undefined && isSo(found)) return found;
      if (Date.now() > deadline) throw new Error(`waited in vain: ${found?.state.status}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Undefined while the run is being made. */
function readRunIfThere(repository: TestRepository): ReadRun | undefined {
  const [run] = readdirSync(repository.path('.git/orch/runs'));
  if (run === undefined || !existsSync(repository.path(`.git/orch/runs/${run}/run.json`))) {
    return undefined;
  }
  return readOnlyRun(repository);
}
