/**
 * How long `orch resume` takes to decide: from the start of the process to the first event it adds, in
 * a run of 10,000 steps that was killed half-way, again and again. The row's "b" is the budget, 1 s.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { report, rowOf } from './harness.ts';
import { makeLayeredRepository } from './rig/layered-workflow.ts';

const STEPS = 10_000;
const ROUNDS = 5;
const BUDGET_MS = 1000;

const folder = mkdtempSync(join(tmpdir(), 'orch-bench-'));
try {
  makeLayeredRepository(folder, STEPS, 2);
  await runUntil(['run', 'layers'], (line) => line.includes('"type":"step.finished"'), STEPS / 2);
  const aMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    await runUntil(['resume'], (line) => line.includes('"type":"run.resumed"'), 1);
    aMs.push(performance.now() - startedAt);
  }
  const times = { aMs, bMs: [BUDGET_MS] };
  report([rowOf(`resume of a run of ${STEPS} steps, until it has decided / 1 s`, times, 1)]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs orch until so many of its lines match, then kills it as a crash would. */
async function runUntil(
  args: string[],
  matches: (line: string) => boolean,
  count: number,
): Promise<void> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['bin/orch.js', '-C', folder, ...args, '--json'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  if (child.stdout === null) throw new Error('no output to read');
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (matches(line)) seen += 1;
    if (seen === count) {
      child.kill('SIGKILL');
      await ended;
      return;
    }
  }
  throw new Error(`orch ${args.join(' ')} ended after ${seen} of ${count} lines`);
}
