/**
 * Peak resident memory of orch over a run of 10,000 steps, its children apart, against the budget of
 * 150 MB. The row's "a" is the peak and its "b" the budget, both in MB.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report } from './harness.ts';
import { makeLayeredRepository } from './rig/layered-workflow.ts';

const STEPS = 10_000;
const BUDGET_MB = 150;
const LOOK_EVERY_MS = 200;

const folder = mkdtempSync(join(tmpdir(), 'orch-bench-'));
try {
  makeLayeredRepository(folder, STEPS, 2);
  const peakMb = await peakOfRun();
  const name = `memory of a run of ${STEPS} steps / ${BUDGET_MB} MB (figures in MB)`;
  report([
    {
      name,
      ratio: Number((peakMb / BUDGET_MB).toPrecision(4)),
      budget: 1,
      a_median_ms: peakMb,
      b_median_ms: BUDGET_MB,
      pairs: 1,
    },
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Megabytes, from the kernel's own high-water mark. */
async function peakOfRun(): Promise<number> {
  const child = spawn(process.execPath, ['bin/orch.js', '-C', folder, 'run', 'layers', '--quiet'], {
    stdio: 'ignore',
  });
  let peakKb = 0;
  const look = setInterval(() => {
    peakKb = Math.max(peakKb, highWaterKb(child.pid ?? 0));
  }, LOOK_EVERY_MS);
  const code = await new Promise((resolve) => child.on('exit', resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`orch run ended with ${code}`);
  return Math.round(peakKb / 1024);
}

function highWaterKb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // It has ended; the last look before counts.
  }
}
