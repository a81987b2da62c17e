/**
 * What benchmarks share: two programs measured in turns, so that whatever else the machine does falls
 * on both, and one line of JSON with the figures for bench/run.mjs to collect.
 *
 * A budget is a ratio against something measured in the same run, never a time: times belong to one
 * machine.
 */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';

/** A figure of one benchmark, as bench/RESULTS.md shows it. */
export interface BenchRow {
  readonly name: string;
  /** How much a takes in terms of b: median of a over median of b. */
  readonly ratio: number;
  /** What the ratio may be at most; undefined when the figure only informs. */
  readonly budget?: number;
  readonly a_median_ms: number;
  readonly b_median_ms: number;
  readonly pairs: number;
}

export type Measured = () => void | Promise<void>;

export interface PairTimes {
  readonly aMs: readonly number[];
  readonly bMs: readonly number[];
}

/** Runs a and b in turns, `count` times each after one unmeasured turn; who goes first alternates. */
export async function pairs(count: number, a: Measured, b: Measured): Promise<PairTimes> {
  const aMs: number[] = [];
  const bMs: number[] = [];
  await a();
  await b();
  for (let turn = 0; turn < count; turn++) {
    if (turn % 2 === 0) aMs.push(await elapsedMs(a));
    bMs.push(await elapsedMs(b));
    if (turn % 2 === 1) aMs.push(await elapsedMs(a));
  }
  return { aMs, bMs };
}

async function elapsedMs(work: Measured): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** The middle value; the mean of the two middle ones when the count is even. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no values, no median');
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? 0;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? 0) + upper) / 2 : upper;
}

/** @param budget what the ratio may be at most */
export function rowOf(name: string, { aMs, bMs }: PairTimes, budget?: number): BenchRow {
  const a = median(aMs);
  const b = median(bMs);
  return {
    name,
    ratio: rounded(a / b),
    ...(budget === undefined ? {} : { budget }),
    a_median_ms: rounded(a),
    b_median_ms: rounded(b),
    pairs: aMs.length,
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Hands the figures of a benchmark to bench/run.mjs: one line of JSON, the last of its output. */
export function report(rows: readonly BenchRow[]): void {
  process.stdout.write(`${JSON.stringify({ rows })}\n`);
}

/** Runs a program to its end, output thrown away; a failure stops the benchmark. */
export function runToEnd(
  program: string,
  args: readonly string[],
  options: Pick<SpawnSyncOptions, 'cwd' | 'env'> = {},
): void {
  const { status, error, stderr } = spawnSync(program, args, {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
}
