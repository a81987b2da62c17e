/**
 * What orch itself costs while all steps wait: its share of one core, against the budget of one per
 * cent. The row's "a" is CPU time used in a second and its "b" the budget, both in ms. Measured while
 * it runs its own steps, and while it waits for steps that an earlier process started.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuShare } from '../test/rig/cpu.ts';
import { type BenchRow, report } from './harness.ts';

const STEPS = [2, 32] as const;
const BUDGET = 0.01;
const MEASURED_MS = 10_000;
/** The first looks at new processes come quickly one after the other, and node tidies up its heap. */
const SETTLING_MS = 10_000;

const rows: BenchRow[] = [];
for (const count of STEPS) {
  const folder = mkdtempSync(join(tmpdir(), 'orch-bench-'));
  try {
    makeRepository(folder, count);
    const first = startOrch(folder, 'run', 'wait');
    rows.push(rowOf(`idle: ${count} steps wait`, await measure(first)));
    first.kill('SIGKILL');
    const second = startOrch(folder, 'resume');
    rows.push(rowOf(`idle: ${count} adopted steps wait`, await measure(second)));
    await end(second);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
report(rows);

function makeRepository(folder: string, count: number): void {
  const git = (...args: string[]) => spawnSync('git', ['-C', folder, ...args]);
  git('init', '-q');
  git('config', 'user.name', 'bench');
  git('config', 'user.email', 'bench@example.org');
  mkdirSync(join(folder, '.orch/workflows'), { recursive: true });
  const steps = Array.from({ length: count }, (_, n) => `  s${n}: { run: sleep 600 }\n`);
  const text = `name: wait\nconcurrency: ${count}\nsteps:\n${steps.join('')}`;
  writeFileSync(join(folder, '.orch/workflows/wait.yaml'), text);
}

function startOrch(folder: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, ['bin/orch.js', '-C', folder, ...args], { stdio: 'ignore' });
}

async function measure(orch: ChildProcess): Promise<number> {
  await sleep(SETTLING_MS);
  if (orch.exitCode !== null) throw new Error(`orch ended with ${orch.exitCode}`);
  return await cpuShare(orch.pid ?? 0, MEASURED_MS);
}

/** In good order, so that no step is left behind. */
async function end(orch: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => orch.on('exit', resolve));
  orch.kill('SIGINT');
  await ended;
}

function rowOf(name: string, share: number): BenchRow {
  return {
    name: `${name}, share of a core / ${BUDGET} (figures in ms a second)`,
    ratio: Number((share / BUDGET).toPrecision(3)),
    budget: 1,
    a_median_ms: Number((share * 1000).toPrecision(3)),
    b_median_ms: BUDGET * 1000,
    pairs: 1,
  };
}
