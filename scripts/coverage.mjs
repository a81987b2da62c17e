/**
 * Runs the tests and judges how much of src/ they ran, in the tests' own processes and in the programs
 * that the tests start.
 *
 * vitest counts its own processes. Programs run the built files and leave V8's raw counts in a folder;
 * those are read back through the source maps of the build, and raise a count of vitest only where both
 * mean exactly the same place in the source. So a program can show that something ran, and never that
 * there is more to run. A file that only programs load is told as they tell it, because what vitest
 * makes of a file it never ran has other places. A program that is killed leaves nothing: the figure is
 * a lower bound.
 *
 * Usage: npm run coverage [-- <vitest arguments>]
 * Ends with 1 when a test fails or coverage is below LEAST.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convert } from 'ast-v8-to-istanbul';
import { parseAstAsync } from 'vite';
import { projectRoot } from './build.mjs';

// CommonJS.
const require = createRequire(import.meta.url);
const { mergeScriptCovs } = require('@bcoe/v8-coverage');
const { createCoverageMap } = require('istanbul-lib-coverage');
const { createContext } = require('istanbul-lib-report');
const reports = require('istanbul-reports');

/** Per cent of src/ that the tests must run; 95 and 90 before a release. */
const LEAST = { lines: 90, branches: 85 };

/** @typedef {{ start: { line: number, column: number }, end: { line: number, column: number } }} Place */
/** @typedef {{ url: string, functions: object[] }} ScriptCov one file's counts, as V8 gives them */
/**
 * @typedef {{
 *   path: string,
 *   statementMap: Record<string, Place>, s: Record<string, number>,
 *   fnMap: Record<string, { loc: Place }>, f: Record<string, number>,
 *   branchMap: Record<string, { loc: Place, locations: Place[] }>, b: Record<string, number[]>,
 * }} FileCoverage
 */

const folder = join(projectRoot, 'coverage');
const children = join(folder, 'children');

/** @param {string[]} args @returns {number} exit code of vitest */
function runTests(args) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(children, { recursive: true });
  const vitest = join(projectRoot, 'node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--coverage', ...args], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, ORCH_TEST_COVERAGE: children },
  });
  return status ?? 1;
}

/** The counts of all programs, one entry a built file. */
function countsOfPrograms() {
  /** @type {Map<string, ScriptCov>} */
  const byUrl = new Map();
  for (const name of readdirSync(children)) {
    for (const script of readRecord(join(children, name))) {
      if (!/\/dist\/[^/]+\.js$/.test(script.url)) continue;
      const seen = byUrl.get(script.url);
      // Merged as they come, so that thousands of programs do not pile up in memory.
      byUrl.set(script.url, seen ? mergeScriptCovs([seen, script]) : script);
    }
  }
  return [...byUrl.values()];
}

/** @param {string} path @returns {ScriptCov[]} */
function readRecord(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).result;
  } catch {
    // A program killed while it wrote its counts; a lower bound stays one without them.
    return [];
  }
}

/**
 * The counts of one built file, told in places of src/.
 * @param {ScriptCov} script
 * @returns {Promise<FileCoverage[]>}
 */
async function backToSource(script) {
  const path = fileURLToPath(script.url);
  // Another program with such a folder, or one that a test built for itself.
  if (!existsSync(`${path}.map`)) return [];
  const code = readFileSync(path, 'utf8');
  const counts = await convert({
    code,
    ast: parseAstAsync(code),
    sourceMap: JSON.parse(readFileSync(`${path}.map`, 'utf8')),
    coverage: script,
    wrapperLength: 0,
  });
  // As vitest's report is read: "to the end of the line" is Infinity here and null in JSON.
  return Object.values(JSON.parse(JSON.stringify(counts)));
}

/** @param {Place} place */
function key({ start, end }) {
  return `${start.line}:${start.column}-${end.line}:${end.column}`;
}

/** @param {{ locations: Place[], loc: Place }} branch */
function branchKey(branch) {
  return [branch.loc, ...branch.locations].map(key).join(' ');
}

/**
 * Adds counts where both files have the same place.
 * @param {FileCoverage} into
 * @param {FileCoverage} from
 */
function raise(into, from) {
  const statements = new Map(
    Object.entries(from.statementMap).map(([id, place]) => [key(place), id]),
  );
  for (const [id, place] of Object.entries(into.statementMap)) {
    into.s[id] = (into.s[id] ?? 0) + (from.s[statements.get(key(place)) ?? ''] ?? 0);
  }
  const functions = new Map(Object.entries(from.fnMap).map(([id, { loc }]) => [key(loc), id]));
  for (const [id, { loc }] of Object.entries(into.fnMap)) {
    into.f[id] = (into.f[id] ?? 0) + (from.f[functions.get(key(loc)) ?? ''] ?? 0);
  }
  const branches = new Map(
    Object.entries(from.branchMap).map(([id, branch]) => [branchKey(branch), id]),
  );
  for (const [id, branch] of Object.entries(into.branchMap)) {
    const more = from.b[branches.get(branchKey(branch)) ?? ''] ?? [];
    into.b[id] = (into.b[id] ?? []).map((count, arm) => count + (more[arm] ?? 0));
  }
}

/** Whether vitest's own processes ran anything of it. @param {FileCoverage} file */
function wasLoaded({ s }) {
  return Object.values(s).some((count) => count > 0);
}

/** @param {string[]} args @returns {Promise<number>} exit code */
async function main(args) {
  const failed = runTests(args);
  const report = join(folder, 'vitest', 'coverage-final.json');
  if (!existsSync(report)) return failed || 1;
  /** @type {Record<string, FileCoverage>} */
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  for (const script of countsOfPrograms()) {
    for (const file of await backToSource(script)) {
      const known = counts[file.path];
      if (known === undefined) continue;
      if (wasLoaded(known)) raise(known, file);
      else counts[file.path] = file;
    }
  }
  const coverageMap = createCoverageMap(counts);
  const context = createContext({ dir: folder, coverageMap });
  for (const name of ['text', 'html', 'lcovonly']) {
    reports.create(name, { skipFull: true }).execute(context);
  }
  rmSync(children, { recursive: true });
  return Math.max(failed, judge(coverageMap.getCoverageSummary()));
}

/** @param {{ lines: { pct: number }, branches: { pct: number } }} summary */
function judge({ lines, branches }) {
  console.log(`coverage of src/: ${lines.pct} % of lines, ${branches.pct} % of branches`);
  if (lines.pct >= LEAST.lines && branches.pct >= LEAST.branches) return 0;
  console.error(`too little: at least ${LEAST.lines} % and ${LEAST.branches} % are wanted`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2));
