// @ts-check
/**
 * Runs every benchmark of this folder, one after the other, each in a process of its own, and writes
 * bench/RESULTS.md with the machine they ran on.
 *
 * Usage: npm run bench [-- <name>...]   names without .ts; RESULTS.md is written when all ran
 * Ends with 1 when a benchmark fails or a budget is overrun.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { buildDist, projectRoot } from '../scripts/build.mjs';
import { compileSource } from '../scripts/load-source.mjs';

/** @typedef {import('./harness.ts').BenchRow} BenchRow */

const folder = join(projectRoot, 'bench');
const compiled = join(projectRoot, 'node_modules', '.cache', 'orch', `bench-${process.pid}`);

/**
 * These make and remove tens of thousands of files, which leaves some file systems slow for minutes: each
 * flush of the others would take several times as long. So they come last, the worst at the end.
 */
const STORMS = ['checkpoint', 'merge', 'traces', 'isolated', 'worktree', 'memory'];

/** Names of the benchmarks, without the harness, in the order in which they run. */
function benchmarkNames() {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && name !== 'harness.ts')
    .map((name) => name.slice(0, -'.ts'.length))
    .sort((a, b) => STORMS.indexOf(a) - STORMS.indexOf(b) || (a < b ? -1 : 1));
}

/** @param {string} name @returns {Promise<string>} path of a module that node can run */
async function compile(name) {
  const outfile = join(compiled, `${name}.mjs`);
  await compileSource(`bench/${name}.ts`, outfile);
  return outfile;
}

/**
 * Runs one benchmark from the top of the project; its last line is its rows.
 * @param {string} name
 * @returns {Promise<BenchRow[]>}
 */
async function measure(name) {
  const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', await compile(name)], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`the benchmark ${name} ended with ${status}`);
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (!last.startsWith('{"rows":')) {
    throw new Error(
      `the benchmark ${name} handed over no rows: end it with report(rows), see harness.ts`,
    );
  }
  return JSON.parse(last).rows;
}

/** @param {BenchRow} row */
function tableLine(row) {
  const within = row.budget === undefined || row.ratio <= row.budget;
  const budget = row.budget === undefined ? '' : `${row.budget}${within ? '' : ' (over)'}`;
  return `| ${[row.name, row.ratio, budget, row.a_median_ms, row.b_median_ms, row.pairs].join(' | ')} |`;
}

/** @returns one line on what the figures were measured with */
function machine() {
  const git = spawnSync('git', ['--version'], { encoding: 'utf8' }).stdout.trim();
  const memoryGb = Math.round(totalmem() / 1024 ** 3);
  return `node ${process.version}, ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${memoryGb} GB, ${type()} ${release()}, ${git}`;
}

/** @param {BenchRow[]} rows */
function resultsPage(rows) {
  return `# Results

Written by \`npm run bench\`. Every ratio is a over b, both measured in turns in one run; figures are medians.

Machine: ${machine()}. Date: ${new Date().toISOString().slice(0, 10)}.

| what (a / b) | ratio | at most | a, ms | b, ms | pairs |
|---|---|---|---|---|---|
${rows.map(tableLine).join('\n')}
`;
}

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : benchmarkNames();
/** @type {BenchRow[]} */
const rows = [];
await buildDist({ outFolder: join(projectRoot, 'dist'), sourcemap: false });
mkdirSync(compiled, { recursive: true });
try {
  for (const name of names) {
    try {
      for (const row of await measure(name)) {
        console.log(tableLine(row));
        rows.push(row);
      }
    } catch (error) {
      // The others are worth their figures all the same.
      console.error(String(error));
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(compiled, { recursive: true, force: true });
}
if (wanted.length === 0 && process.exitCode === undefined)
  writeFileSync(join(folder, 'RESULTS.md'), resultsPage(rows));
const over = rows.filter((row) => row.budget !== undefined && row.ratio > row.budget);
if (over.length > 0) {
  console.error(`over budget: ${over.map((row) => row.name).join(', ')}`);
  process.exitCode = 1;
}
