/**
 * Eight isolated steps of two seconds side by side in a repository of 10,000 files, from the first
 * start to the last merge, against the same eight commands without anything around them. The pool of
 * worktrees is warm: a first run has made them.
 */
import { spawn } from 'node:child_process';
import { pairs, report, rowOf } from './harness.ts';
import { makeIsolatedBench } from './rig/isolated-run.ts';

const FILES = 10_000;
const STEPS = 8;
const PAIRS = 7;
const BUDGET = 1.25;

function workflow(): string {
  const steps = Array.from({ length: STEPS }, (_, nth) => {
    return `  s${nth}: { run: 'date > d${nth}/f1.ts; date > d${nth}/new.ts; sleep 2', estimate: 2s }`;
  });
  return ['workspace: isolated', `concurrency: ${STEPS}`, 'steps:', ...steps, ''].join('\n');
}

async function runBare(): Promise<void> {
  const children = Array.from({ length: STEPS }, () => spawn('sh', ['-c', 'date; sleep 2']));
  await Promise.all(children.map((child) => new Promise((resolve) => child.on('exit', resolve))));
}

using bench = makeIsolatedBench(FILES);
bench.addWorkflow('wide', workflow());
bench.commitAll();
const aMs: number[] = [];
const { bMs } = await pairs(PAIRS, () => void aMs.push(bench.run('wide')), runBare);
// The first one made the worktrees.
const times = { aMs: aMs.slice(1), bMs };
report([rowOf(`${STEPS} isolated steps of 2 s at once / bare, 10,000 files`, times, BUDGET)]);
