/**
 * A checkpoint against `git add -A && git commit -qm x`: in turns, on the same repository of 50,000
 * files, of which each turn changes 10 first.
 *
 * A checkpoint is all of it: snapshot, the look for secrets in what changed, the run's folder, commit,
 * ref, and the proof that every object is there. How long each part took goes to stderr, and what the
 * first look cost, which loads the rules.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openGit } from '../src/adapters/git/open-git.ts';
import { createSecretScanner } from '../src/adapters/secrets.ts';
import { findSecrets } from '../src/engine/scan-secrets.ts';
import type { GitPort } from '../src/ports/git.ts';
import { median, pairs, report, rowOf } from './harness.ts';

const FILES = 50_000;
const FILES_PER_FOLDER = 100;
const CHANGED_FILES = 10;
const PAIRS = 25;

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
const top = mkdtempSync(join(tmpdir(), 'orch-bench-'));
const index = join(top, '.git', 'orch', 'runs', 'bench', 'index');

function git(...args: string[]): string {
  const result = spawnSync('git', args, { cwd: top });
  if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.toString().trim();
}

function pathOf(file: number): string {
  const folder = Math.floor(file / FILES_PER_FOLDER);
  return join(top, `d${folder % 25}`, `s${folder}`, `f${file % FILES_PER_FOLDER}.ts`);
}

function makeRepository(): void {
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('config', 'gc.auto', '0');
  for (let file = 0; file < FILES; file += 1) {
    if (file % FILES_PER_FOLDER === 0) mkdirSync(dirname(pathOf(file)), { recursive: true });
    writeFileSync(pathOf(file), `file ${file}\n`.repeat(5));
  }
  git('add', '-A');
  git('commit', '-qm', 'base');
  git('repack', '-adq');
}

let writes = 0;
function changeFiles(): void {
  for (let i = 0; i < CHANGED_FILES; i += 1) {
    writes += 1;
    const file = Math.floor(((i + 0.5) * FILES) / CHANGED_FILES);
    writeFileSync(pathOf(file), `write ${writes}\n`.repeat(5));
  }
}

const partsMs = new Map<string, number[]>();
async function part<T>(name: string, work: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work;
  partsMs.set(name, [...(partsMs.get(name) ?? []), performance.now() - start]);
  return result;
}

const scanner = createSecretScanner();
let tip = '';
let tipTree = '';
let wave = 0;
async function checkpoint(port: GitPort, { scan = true } = {}): Promise<void> {
  changeFiles();
  wave += 1;
  const request = { index, exclude: ['.orch/runs/bench'], maxFileSizeBytes: 10_000_000 };
  const { tree } = await part('snapshot', port.snapshot(request));
  const message = `orch: bench wave ${wave}\n`;
  if (scan) {
    const found = await part('secrets', findSecrets(scanner, port, tipTree, tree));
    if (found.length > 0) throw new Error('a secret in a benchmark');
  }
  const files = new Map([[`.orch/runs/bench/events/${wave}.jsonl`, Buffer.from(`${wave}\n`)]]);
  const full = await part('treeWithFiles', port.treeWithFiles(tree, files));
  const commit = await part('commit', port.commit({ tree: full, parents: [tip], message }));
  await part('updateRefs', port.updateRefs([{ ref: 'refs/heads/orch/bench', to: commit }]));
  const isComplete = await part('isComplete', port.isComplete(commit, [tip]));
  if (!isComplete) throw new Error('an incomplete checkpoint');
  tip = commit;
  tipTree = tree;
}

function addAndCommit(): void {
  changeFiles();
  git('add', '-A');
  git('commit', '-qm', 'x');
}

try {
  makeRepository();
  tip = git('rev-parse', 'HEAD');
  tipTree = git('rev-parse', 'HEAD^{tree}');
  const port = await openGit(top);
  const start = performance.now();
  await scanner.scan([{ path: 'a.txt', bytes: Buffer.from('nothing\n') }]);
  console.error(`the first scan ${(performance.now() - start).toFixed(1)} ms`);
  const times = await pairs(PAIRS, () => checkpoint(port), addAndCommit);
  for (const [name, ms] of partsMs) console.error(`${name.padEnd(14)} ${median(ms).toFixed(1)} ms`);
  const scans = await pairs(
    PAIRS,
    () => checkpoint(port),
    () => checkpoint(port, { scan: false }),
  );
  report([
    rowOf('a checkpoint / git add -A && git commit, 10 of 50,000 files', times, 1.15),
    rowOf('a checkpoint / one without the look for secrets, 10 of 50,000 files', scans),
  ]);
} finally {
  rmSync(top, { recursive: true, force: true });
}
