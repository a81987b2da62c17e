/**
 * A checkpoint against `git add -A && git commit -qm x`, on the same repository, in pairs.
 *
 *     npx esbuild bench/checkpoint.ts --bundle --platform=node --format=esm --target=node20 \
 *       --external:isomorphic-git --outfile=dist-bench/checkpoint.mjs && node dist-bench/checkpoint.mjs
 *
 * Each round changes 10 files, lets git commit them, changes 10 files again and lets orch make a
 * checkpoint: snapshot, run folder, commit, refs, proof. Arguments: files (50000), rounds (15).
 * What counts is the median of the ratios; times depend on the machine and on who else uses it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGit } from '../src/adapters/git/open-git.ts';
import type { GitPort } from '../src/ports/git.ts';

const FILES_PER_FOLDER = 100;
const CHANGED_FILES = 10;
const [fileCount = 50_000, rounds = 15] = process.argv.slice(2).map(Number);

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
const top = mkdtempSync(join(tmpdir(), 'orch-bench-'));

function git(...args: string[]): string {
  const result = spawnSync('git', args, { cwd: top });
  if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  return result.stdout.toString().trim();
}

const nameOf = (file: number) => {
  const folder = Math.floor(file / FILES_PER_FOLDER);
  return `d${folder % 25}/s${folder}/f${file % FILES_PER_FOLDER}.ts`;
};

function makeFiles(): void {
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('config', 'gc.auto', '0');
  for (let file = 0; file < fileCount; file += 1) {
    if (file % FILES_PER_FOLDER === 0)
      mkdirSync(join(top, nameOf(file), '..'), { recursive: true });
    writeFileSync(join(top, nameOf(file)), `file ${file}\n`.repeat(5));
  }
  git('add', '-A');
  git('commit', '-qm', 'base');
  git('repack', '-adq');
}

let writes = 0;
function changeFiles(): void {
  for (let i = 0; i < CHANGED_FILES; i += 1) {
    const file = Math.floor(((i + 0.5) * fileCount) / CHANGED_FILES);
    writes += 1;
    writeFileSync(join(top, nameOf(file)), `write ${writes}\n`.repeat(5));
  }
}

const timings = new Map<string, number[]>();
async function timed<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  const list = timings.get(name) ?? [];
  list.push(performance.now() - start);
  timings.set(name, list);
  return result;
}

const index = join(top, '.git', 'orch', 'runs', 'bench', 'index');
let tip = '';
async function checkpoint(port: GitPort, wave: number): Promise<void> {
  const { tree } = await timed('snapshot', () =>
    port.snapshot({ index, exclude: ['.orch/runs'], maxFileSizeBytes: 10_000_000 }),
  );
  const files = new Map([[`.orch/runs/bench/events/${wave}.jsonl`, Buffer.from(`${wave}\n`)]]);
  const full = await timed('treeWithFiles', () => port.treeWithFiles(tree, files));
  const commit = await timed('commit', () =>
    port.commit({ tree: full, parents: [tip], message: `orch: bench wave ${wave}\n` }),
  );
  const ref = 'refs/heads/orch/bench';
  await timed('updateRefs', () => port.updateRefs([{ ref, to: commit }]));
  const isComplete = await timed('isComplete', () => port.isComplete(commit, [tip]));
  if (!isComplete) throw new Error('an incomplete checkpoint');
  tip = commit;
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

try {
  makeFiles();
  const port = await openGit(top);
  tip = git('rev-parse', 'HEAD');
  await checkpoint(port, 0);
  timings.clear();
  for (let round = 1; round <= rounds; round += 1) {
    changeFiles();
    await timed('git add -A && git commit', () => {
      git('add', '-A');
      git('commit', '-qm', 'x');
    });
    changeFiles();
    await timed('checkpoint', () => checkpoint(port, round));
  }
  for (const [name, values] of timings)
    console.log(name.padEnd(26), median(values).toFixed(1), 'ms');
  const theirs = timings.get('git add -A && git commit') ?? [];
  const ours = timings.get('checkpoint') ?? [];
  const ratios = ours.map((ms, round) => ms / (theirs[round] ?? Number.NaN));
  const machine = `${cpus().length} cores, ${git('version')}, node ${process.version}`;
  console.log(
    `ratio ${median(ratios).toFixed(3)} (${fileCount} files, ${rounds} rounds, ${machine})`,
  );
} finally {
  rmSync(top, { recursive: true, force: true });
}
