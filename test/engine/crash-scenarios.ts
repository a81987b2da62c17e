/**
 * Runs whose every persisted effect is a place to crash: what they do, and what must hold when they
 * are done, however often they were killed on the way.
 *
 * Steps leave a line in a file outside the repository each time their process begins, so that a
 * second execution shows.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createFiles } from '../../src/adapters/files/files.ts';
import { readSegments } from '../../src/engine/journal.ts';
import { runFiles } from '../../src/engine/run-files.ts';
import type { RunEvent } from '../../src/run/events.ts';
import { readJournal } from '../../src/run/journal-read.ts';
import { type Outcome, runOrch } from '../rig/cli.ts';
import { readPlaces } from '../rig/crash-places.ts';
import { assertNoProcess } from '../rig/processes.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';

export interface Scenario {
  readonly name: string;
  readonly workflow: string;
  /** Exit code of an undisturbed run. */
  readonly exit: number;
  /** How often each step's process begins in an undisturbed run. */
  readonly begins: Readonly<Record<string, number>>;
  /** Steps work in worktrees of their own; the user's checkout stays as it is. */
  readonly isolated?: true;
}

const PASSING = `
name: crash
concurrency: 2
steps:
  write: { wave: 1, run: 'echo write >> "$COUNTS"; sleep 0.02; echo one > one.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  change: { wave: 1, run: 'echo change >> "$COUNTS"; sleep 0.05; echo changed > kept.txt; rm gone.txt' }
  use: { wave: 2, needs: [write, change], env: { ID: "\${{ steps.write.outputs.id }}" }, run: 'echo use >> "$COUNTS"; echo "$ID" > used.txt' }
  instance: { wave: 2, needs: [write], matrix: { k: [p, q] }, run: 'echo "instance $ORCH_MATRIX_K" >> "$COUNTS"; echo $ORCH_MATRIX_K > m-$ORCH_MATRIX_K.txt' }
gates:
  - { name: there, level: light, run: 'echo gate >> "$COUNTS"; test -f one.txt' }
`;

const FAILING = `
name: crash
on_failure: rollback
steps:
  good: { wave: 1, run: 'echo good >> "$COUNTS"; echo good > good.txt' }
  bad: { wave: 2, needs: [good], retry: { max_attempts: 2, backoff: 10ms }, run: 'echo bad >> "$COUNTS"; echo mess > mess.txt; exit 3' }
`;

/** For scripts: waits until a command succeeds, and gives up after a while. */
const WAIT_FOR = `wait_for() { n=0; while ! "$@"; do n=$((n+1)); test $n -lt 1200 || exit 9; sleep 0.05; done; }`;

/**
 * Whoever writes last wins, so the order is held: `second` ends when `first` is merged. The first gate
 * fails when `quick` is merged and `hangs` has begun; both are taken back with their wave. A folder
 * remembers what has happened once.
 */
const ISOLATED = `
name: crash
workspace: isolated
concurrency: 4
conflicts: { policy: theirs }
env:
  WAIT_FOR: '${WAIT_FOR}'
steps:
  first: { wave: 1, run: 'echo first >> "$COUNTS"; echo first > both.txt; echo 1 > first.txt; rm gone.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  second:
    wave: 1
    retry: { max_attempts: 2, backoff: 10ms }
    run: |
      eval "$WAIT_FOR"; echo second >> "$COUNTS"
      mkdir "$COUNTS.second" 2>/dev/null && { echo mess > mess.txt; exit 3; }
      merged() { git cat-file -e "refs/orch/merged/$ORCH_RUN:first.txt" 2>/dev/null; }
      wait_for merged; echo second > both.txt; git add -A; git commit -qm mine
  quick:
    wave: 2
    needs: [first, second]
    env: { ID: "\${{ steps.first.outputs.id }}" }
    run: |
      eval "$WAIT_FOR"; echo quick >> "$COUNTS"
      gated() { test "$(grep -c gate "$COUNTS")" -ge "$(grep -c quick "$COUNTS")"; }
      wait_for gated; cat both.txt > quick.txt; echo "$ID" >> quick.txt
  hangs:
    wave: 2
    needs: [first]
    run: 'echo hangs >> "$COUNTS"; echo hangs > hangs.txt; mkdir "$COUNTS.hangs" 2>/dev/null && exec sleep 60; :'
gates:
  - name: there
    level: light
    retry: { max_attempts: 2, backoff: 10ms }
    run: |
      eval "$WAIT_FOR"; echo gate >> "$COUNTS"
      merged() { git cat-file -e "refs/orch/merged/$ORCH_RUN:quick.txt" 2>/dev/null && test -d "$COUNTS.hangs"; }
      mkdir "$COUNTS.gate" 2>/dev/null && { wait_for merged; exit 1; }
      test -f first.txt
`;

const PARALLEL = `
name: crash
workspace: isolated
concurrency: 8
steps:
  part: { wave: 1, matrix: { k: [1, 2, 3, 4, 5, 6, 7, 8] }, run: 'echo "part $ORCH_MATRIX_K" >> "$COUNTS"; mkdir -p d; echo $ORCH_MATRIX_K > d/$ORCH_MATRIX_K.txt' }
  sum: { wave: 2, needs: [part], run: 'echo sum >> "$COUNTS"; cat d/*.txt > sum.txt' }
`;

const PARTS = [1, 2, 3, 4, 5, 6, 7, 8];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a run that passes, with a gate and a matrix in two waves',
    workflow: PASSING,
    exit: 0,
    begins: { write: 1, change: 1, use: 1, 'instance p': 1, 'instance q': 1, gate: 2 },
  },
  {
    name: 'a run that fails twice and rolls back',
    workflow: FAILING,
    exit: 1,
    begins: { good: 1, bad: 2 },
  },
];

export const ISOLATED_SCENARIOS: readonly Scenario[] = [
  {
    name: 'an isolated run with a retry, a conflict, and a gate that takes back what was built on it',
    workflow: ISOLATED,
    exit: 0,
    begins: { first: 2, second: 3, quick: 2, hangs: 2, gate: 3 },
    isolated: true,
  },
  {
    name: 'an isolated run of eight steps side by side',
    workflow: PARALLEL,
    exit: 0,
    begins: { ...Object.fromEntries(PARTS.map((k) => [`part ${k}`, 1])), sum: 1 },
    isolated: true,
  },
];

export interface Stage extends Disposable {
  readonly repository: TestRepository;
  /** Commit the run begins on. */
  readonly base: string;
  readonly counts: string;
  readonly scenario: Scenario;
}

export function setUp(scenario: Scenario): Stage {
  const repository = makeRepository();
  repository.write('kept.txt', 'kept\n');
  repository.write('gone.txt', 'gone\n');
  repository.write('.gitignore', 'ignored/\n');
  const base = repository.commitAll('first');
  repository.write('ignored/secret', 'stays\n');
  repository.write('kept.txt', 'edited\n');
  repository.write('untracked.txt', 'untracked\n');
  mkdirSync(repository.path('.orch/workflows'), { recursive: true });
  repository.write('.orch/workflows/crash.yaml', scenario.workflow);
  return {
    repository,
    base,
    scenario,
    counts: join(repository.folder, 'counts'),
    [Symbol.dispose]: () => repository[Symbol.dispose](),
  };
}

export async function orch(
  stage: Stage,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const { top, folder } = stage.repository;
  const XDG_CACHE_HOME = join(folder, 'cache');
  return await runOrch(args, { cwd: top, env: { COUNTS: stage.counts, XDG_CACHE_HOME, ...env } });
}

/**
 * Runs the workflow as a stubborn user would: whatever was killed is resumed until it ends.
 * @param crashes where the run, and then each resume, is killed
 * @returns how the run ended
 */
export async function perform(stage: Stage, crashes: readonly string[]): Promise<Outcome> {
  const pending = [...crashes];
  for (let round = 0; round < 10; round++) {
    const crash = pending.shift();
    // A run that was killed before it existed is started again.
    const command = runIds(stage).length === 0 ? ['run', 'crash'] : ['resume'];
    const outcome = await orch(stage, command, crash === undefined ? {} : { ORCH_CRASH: crash });
    if (outcome.signal !== 'SIGKILL') return outcome;
  }
  throw new Error('the run did not come to its end in ten rounds');
}

function runIds(stage: Stage): string[] {
  const folder = stage.repository.path('.git/orch/runs');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((run) => existsSync(join(folder, run, 'run.json')));
}

/** What an undisturbed run leaves; equal for every disturbed one. */
export interface Result {
  readonly exit: number | null;
  readonly trees: readonly string[];
  readonly workTree: string;
  readonly ends: readonly string[];
}

export function resultOf(stage: Stage, exit: number | null): Result {
  const { repository } = stage;
  const [run = ''] = runIds(stage);
  const commits = repository
    .git('rev-list', '--reverse', '--first-parent', `orch/${run}`, '--not', stage.base)
    .split('\n');
  // A checkpoint of an isolated run may hold work of later waves that was merged by then.
  const compared = stage.scenario.isolated ? commits.slice(-1) : commits;
  const trees = compared.map((commit) => treeWithoutRuns(repository, commit));
  const ends = eventsOf(stage, run).flatMap((event) =>
    event.type === 'step.finished' && event.failure?.kind !== 'crash'
      ? [`${event.step} ${event.status} ${event.failure?.kind ?? ''}`]
      : [],
  );
  return { exit, trees, workTree: workTreeOf(repository), ends: ends.sort() };
}

function treeWithoutRuns(repository: TestRepository, commit: string): string {
  return withoutRuns(repository.git('ls-tree', '-r', commit));
}

/** The run's own files differ from run to run: ids and times stand in them. */
function withoutRuns(listing: string): string {
  const lines = listing.split('\n');
  return lines.filter((line) => !line.includes('.orch/runs/')).join('\n');
}

/** The tree as plain git would write it now. */
function workTreeOf(repository: TestRepository): string {
  const env = { GIT_INDEX_FILE: join(repository.folder, 'oracle-index') };
  repository.gitWith(env, 'add', '-A');
  return withoutRuns(repository.gitWith(env, 'ls-files', '-s'));
}

export function eventsOf(stage: Stage, run: string): readonly RunEvent[] {
  const files = runFiles(stage.repository.path('.git'), run);
  return readJournal(readSegments(createFiles(), files)).events;
}

/** What must hold at the end, whatever happened. */
export function checkInvariants(stage: Stage): void {
  const { repository, scenario } = stage;
  const runs = runIds(stage);
  expect(runs, 'one run').toHaveLength(1);
  const [run = ''] = runs;
  const counted = existsSync(stage.counts)
    ? readFileSync(stage.counts, 'utf8').trim().split('\n')
    : [];
  const begins: Record<string, number> = {};
  for (const line of counted) begins[line] = (begins[line] ?? 0) + 1;
  expect(begins, 'every step began as often as undisturbed').toEqual(scenario.begins);
  expect(readFileSync(repository.path('ignored/secret'), 'utf8')).toBe('stays\n');
  expect(leftovers(stage), 'no lock, temporary file, worktree or temporary ref').toEqual([]);
  assertNoProcess({ ORCH_RUN: run });
  const fsck = spawnSync('git', ['fsck', '--strict', '--no-dangling'], {
    cwd: repository.top,
    encoding: 'utf8',
  });
  expect(`${fsck.status} ${fsck.stderr}`, 'git fsck').toMatch(/^0 /);
}

function leftovers({ repository, scenario }: Stage): string[] {
  const orchFiles = readdirSync(repository.path('.git'), { recursive: true, encoding: 'utf8' });
  const files = orchFiles.filter((path) =>
    /(\.lock|\.tmp|\.claim|\/lock\.\d+|(^|\/)orch\/tmp\/.+|pool\/making\/.+)$/.test(path),
  );
  // A failed wave stays pinned by its sealed ref; a passed run leaves none.
  const refs = scenario.exit === 0 ? refsBelow(repository, 'refs/orch/sealed') : [];
  const worktrees = repository.git('worktree', 'list').split('\n').slice(1);
  // Those of the pool are used again.
  const cache = join(repository.folder, 'cache');
  return [...files, ...refs, ...worktrees.filter((line) => !line.startsWith(cache))];
}

function refsBelow(repository: TestRepository, prefix: string): string[] {
  const text = repository.git('for-each-ref', '--format=%(refname)', prefix);
  return text.split('\n').filter(Boolean);
}

/** The places of a scenario to crash it at, and how its run ended. */
export async function recordPlaces(
  stage: Stage,
): Promise<{ readonly places: readonly string[]; readonly exit: number | null }> {
  const record = join(stage.repository.folder, 'places');
  const outcome = await orch(stage, ['run', 'crash'], { ORCH_CRASH_RECORD: record });
  return { places: readPlaces(record), exit: outcome.code };
}
