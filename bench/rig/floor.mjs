// @ts-check
/**
 * The limit for a Node program that runs a graph of commands: spawns each directly, keeps no state but
 * one synced line a step. Prints the milliseconds from the first spawn to the last exit.
 *
 * Usage: node floor.mjs <steps> <at once> <log file>
 */
import { spawn } from 'node:child_process';
import { fdatasyncSync, openSync, writeSync } from 'node:fs';

const WIDTH = 10;
const count = Number(process.argv[2]);
const slots = Number(process.argv[3]);
const log = openSync(String(process.argv[4]), 'a');

/** Layers of WIDTH steps; each needs two neighbours of the layer before. @param {number} step */
function needsOf(step) {
  if (step < WIDTH) return [];
  const above = step - WIDTH;
  const column = step % WIDTH;
  return [above, above - column + ((column + 1) % WIDTH)];
}

const open = Array.from({ length: count }, (_, step) => needsOf(step).length);
/** @type {number[][]} */
const dependents = Array.from({ length: count }, () => []);
for (let step = 0; step < count; step++)
  for (const need of needsOf(step)) dependents[need]?.push(step);
const ready = open.flatMap((needs, step) => (needs === 0 ? [step] : []));
let running = 0;
let done = 0;
const startedAt = performance.now();

function pump() {
  while (running < slots) {
    const step = ready.shift();
    if (step === undefined) return;
    running += 1;
    spawn('/bin/true', { stdio: 'ignore' }).on('exit', () => ended(step));
  }
}

/** @param {number} step */
function ended(step) {
  running -= 1;
  done += 1;
  writeSync(log, `${JSON.stringify({ step, code: 0, at: Date.now() })}\n`);
  fdatasyncSync(log);
  for (const next of dependents[step] ?? []) {
    open[next] = (open[next] ?? 0) - 1;
    if (open[next] === 0) ready.push(next);
  }
  if (done === count) console.log(performance.now() - startedAt);
  else pump();
}

pump();
