/**
 * 1,000 no-op steps, 2 at once, journal durable, checkpoints included, from the first spawn to the
 * last exit: `orch run` against a bare Node scheduler with one fdatasync a step.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report, rowOf } from './harness.ts';
import { makeLayeredRepository } from './rig/layered-workflow.ts';

const STEPS = 1000;
const SLOTS = 2;
const PAIRS = 7;
const BUDGET = 1.3;

const folder = mkdtempSync(join(tmpdir(), 'orch-bench-'));
try {
  makeLayeredRepository(folder, STEPS, SLOTS);
  const aMs: number[] = [];
  const bMs: number[] = [];
  for (let pair = 0; pair <= PAIRS; pair++) {
    const a = runOrch();
    const b = runFloor();
    if (pair === 0) continue; // Warm-up.
    aMs.push(a);
    bMs.push(b);
  }
  report([rowOf(`${STEPS} no-op steps with checkpoints / bare scheduler`, { aMs, bMs }, BUDGET)]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Milliseconds between the first step.started and the last step.finished of the journal. */
function runOrch(): number {
  const { stdout, status } = spawnSync(
    process.execPath,
    ['bin/orch.js', '-C', folder, 'run', 'layers', '--json'],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  );
  if (status !== 0) throw new Error(`orch run ended with ${status}`);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; at: string });
  const first = events.find(({ type }) => type === 'step.started');
  const last = events.findLast(({ type }) => type === 'step.finished');
  return Date.parse(last?.at ?? '') - Date.parse(first?.at ?? '');
}

function runFloor(): number {
  const log = join(folder, '.git/floor.log');
  const args = ['bench/rig/floor.mjs', String(STEPS), String(SLOTS), log];
  return Number(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout);
}
