/**
 * What keepers cost: a graph of no-op steps run through keepers (job files, exit log, one fdatasync a
 * step) against a scheduler that spawns the same commands directly and syncs as often; then one look
 * at a job's usage, and one stop of a small job.
 */
import { spawn } from 'node:child_process';
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcesses } from '../src/adapters/processes/processes.ts';
import type { Keeper } from '../src/ports/processes.ts';
import { report, rowOf } from './harness.ts';

const WIDTH = 10;
const SLOTS = 2;
const STEPS = 1000;
const PAIRS = 5;
const processes = createProcesses();

/** Starts one step in a slot; calls back when it ended. */
type StartStep = (slot: number, step: number, ended: () => void) => void;

/** Layers of WIDTH steps; each needs two of the layer before. Resolves with the milliseconds it took. */
function runGraph(folder: string, start: StartStep): Promise<number> {
  const log = openSync(join(folder, 'journal'), 'a');
  const needs: number[] = Array.from({ length: STEPS }, (_, step) => (step < WIDTH ? 0 : 2));
  const ready = needs.flatMap((count, step) => (count === 0 ? [step] : []));
  const free = Array.from({ length: SLOTS }, (_, slot) => slot);
  let done = 0;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const finish = (slot: number, step: number): void => {
      writeSync(log, `${JSON.stringify({ step, code: 0 })}\n`);
      fdatasyncSync(log);
      free.push(slot);
      done += 1;
      const column = step % WIDTH;
      for (const next of [column, (column + WIDTH - 1) % WIDTH]) {
        const dependent = step - column + WIDTH + next;
        const left = needs[dependent];
        if (left === undefined) continue;
        needs[dependent] = left - 1;
        if (left === 1) ready.push(dependent);
      }
      if (done < STEPS) return pump();
      const tookMs = performance.now() - startedAt;
      closeSync(log);
      resolve(tookMs);
    };
    const pump = (): void => {
      while (free.length > 0 && ready.length > 0) {
        const slot = free.pop() ?? 0;
        const step = ready.shift() ?? 0;
        start(slot, step, () => finish(slot, step));
      }
    };
    pump();
  });
}

async function runDirectly(folder: string): Promise<number> {
  return await runGraph(folder, (_slot, _step, ended) => {
    spawn('/bin/true', { stdio: 'ignore' }).on('exit', ended);
  });
}

async function runUnderKeepers(folder: string): Promise<number> {
  const waiting = new Map<Keeper, () => void>();
  const events = {
    jobEnded: (keeper: Keeper) => waiting.get(keeper)?.(),
    keeperEnded: () => {},
  };
  const keepers = Array.from({ length: SLOTS }, (_, slot) =>
    processes.startKeeper(slot, join(folder, 'exits'), events),
  );
  const tookMs = await runGraph(folder, (slot, step, ended) => {
    const keeper = keepers[slot];
    if (keeper === undefined) throw new Error('no such slot');
    waiting.set(keeper, ended);
    const directory = join(folder, `s${step}`);
    const env = {
      ORCH_RUN: 'bench',
      ORCH_STEP: `s${step}`,
      ORCH_OUTPUT: join(directory, 'output'),
    };
    keeper.startJob({ key: `s${step}`, directory, script: '/bin/true', cwd: folder, env });
  });
  for (const keeper of keepers) keeper.close();
  return tookMs;
}

const top = mkdtempSync(join(tmpdir(), 'orch-bench-'));
let folderCount = 0;

/** Removed only at the very end: a disk that is told of freed blocks is slow for a while after. */
function makeFolder(): string {
  folderCount += 1;
  const folder = join(top, String(folderCount));
  mkdirSync(folder);
  return folder;
}

/** Milliseconds of one look at a tree of three processes, and of its stop. */
async function measureLooks(folder: string): Promise<{ usageMs: number; stopMs: number }> {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const events = { jobEnded: () => end(), keeperEnded: () => {} };
  const keeper = processes.startKeeper(0, join(folder, 'exits'), events);
  const script = 'sleep 1000 & sleep 1000 & wait';
  const env = { ORCH_RUN: folder };
  keeper.startJob({ key: 'tree', directory: join(folder, 'tree'), script, cwd: folder, env });
  while (processes.usage(keeper.identity)?.processes !== 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const looks = 2000;
  const before = performance.now();
  for (let n = 0; n < looks; n += 1) processes.usage(keeper.identity);
  const usageMs = Number(((performance.now() - before) / looks).toPrecision(3));
  const stopAt = performance.now();
  await processes.stopJob({ keeper: keeper.identity, marker: env, graceMs: 1000 });
  const stopMs = Number((performance.now() - stopAt).toPrecision(3));
  await ended;
  keeper.close();
  return { usageMs, stopMs };
}

const direct: number[] = [];
const kept: number[] = [];
for (let pair = 0; pair < PAIRS; pair += 1) {
  direct.push(await runDirectly(makeFolder()));
  kept.push(await runUnderKeepers(makeFolder()));
}
const looks = await measureLooks(makeFolder());
rmSync(top, { recursive: true });
report([
  rowOf(`${STEPS} no-op jobs under keepers / spawned directly`, { aMs: kept, bMs: direct }),
  // Figures of one thing alone: their ratio says nothing.
  {
    name: 'one look at a tree of 3 processes',
    ratio: 1,
    a_median_ms: looks.usageMs,
    b_median_ms: looks.usageMs,
    pairs: 1,
  },
  {
    name: 'stop of a tree of 3 processes',
    ratio: 1,
    a_median_ms: looks.stopMs,
    b_median_ms: looks.stopMs,
    pairs: 1,
  },
]);
