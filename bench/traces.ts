/**
 * Recorded workflows as isolated runs of real processes that sleep for what the recorded ones took, scaled
 * down: from the first start to the last merge, against the list schedule that knows no waves. What lies
 * between is what worktrees, pins, merges, gates and checkpoints cost.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePlan } from '../src/plan/make-plan.ts';
import type { Workflow } from '../src/workflow/workflow.ts';
import { readTraces, TRACES_FOLDER, withoutWaves } from '../test/plan/traces.ts';
import { type BenchRow, report, rowOf } from './harness.ts';

const AT_ONCE = 8;
/** Larger ones would keep two cores busy with what orch does around the sleepers. */
const MOST_STEPS = 150;
/** How long a whole workflow is to take. */
const TARGET_MS = 60_000;
const BUDGET = 1.05;
const FILES = 1_000;

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orch-bench-')));
const top = join(folder, 'repository');
const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };

function git(...args: string[]): void {
  const result = spawnSync('git', args, { cwd: top });
  if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
}

function makeRepository(): void {
  mkdirSync(join(top, '.orch/workflows'), { recursive: true });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  for (let file = 0; file < FILES; file += 1) {
    mkdirSync(join(top, `d${file % 10}`), { recursive: true });
    writeFileSync(join(top, `d${file % 10}/f${file}.ts`), `file ${file}\n`);
  }
  git('add', '-A');
  git('commit', '-qm', 'base');
}

/** As long as it takes for the list schedule of all of it to come to TARGET_MS. */
function scaled(workflow: Workflow): { readonly steps: Workflow; readonly makespanMs: number } {
  const settings = { concurrency: AT_ONCE, strategies: {} };
  const factor = TARGET_MS / makePlan(withoutWaves(workflow), settings).makespanMs;
  const steps = workflow.steps.map((step) => ({
    ...step,
    // No estimate is nothing.
    estimateMs: Math.max(1, Math.round((step.estimateMs ?? 0) * factor)),
  }));
  const small = { ...workflow, steps };
  return { steps: small, makespanMs: makePlan(withoutWaves(small), settings).makespanMs };
}

function textOf({ steps }: Workflow): string {
  const lines = steps.map(({ id, needs, estimateMs = 0 }) => {
    const run = `sleep ${estimateMs / 1000}; echo ${id} > d1/${id}.txt`;
    return `  ${id}: { needs: [${needs.join(', ')}], run: "${run}", estimate: ${estimateMs}ms }`;
  });
  const head = ['workspace: isolated', `concurrency: ${AT_ONCE}`, 'steps:'];
  return [...head, ...lines, ''].join('\n');
}

/** Milliseconds from the first start to the last merge. */
function runOrch(name: string): number {
  const args = ['bin/orch.js', '-C', top, 'run', name, '--json'];
  const options = { env, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  const { stdout, stderr, status } = spawnSync(process.execPath, args, options);
  if (status !== 0)
    throw new Error(`orch run ${name} ended with ${status}: ${stderr}${stdout.slice(-500)}`);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; at: string });
  const first = events.find(({ type }) => type === 'step.started');
  const last = events.findLast(({ type }) => type === 'merge.finished');
  return Date.parse(last?.at ?? '') - Date.parse(first?.at ?? '');
}

const traces = readTraces().filter(({ steps }) => steps.length <= MOST_STEPS);
const rows: BenchRow[] = [];
try {
  if (traces.length === 0)
    process.stderr.write(`skipped: no recorded workflows in ${TRACES_FOLDER}\n`);
  else makeRepository();
  for (const [nth, trace] of traces.entries()) {
    const { steps, makespanMs } = scaled(trace);
    writeFileSync(join(top, `.orch/workflows/trace-${nth}.yaml`), textOf(steps));
    const name = `${trace.name}, ${trace.steps.length} isolated steps, ${AT_ONCE} at once / list schedule without waves`;
    rows.push(rowOf(name, { aMs: [runOrch(`trace-${nth}`)], bMs: [makespanMs] }, BUDGET));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
report(rows);
