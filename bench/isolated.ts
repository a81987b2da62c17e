/**
 * Eight isolated steps of two seconds side by side in a repository of 10,000 files, from the first
 * start to the last merge, against the same eight commands without anything around them. The pool of
 * worktrees is warm: a first run has made them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pairs, report, rowOf } from './harness.ts';

const FILES = 10_000;
const FILES_PER_FOLDER = 100;
const STEPS = 8;
const PAIRS = 7;
const BUDGET = 1.25;

Object.assign(process.env, { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'orch-bench-')));
const top = join(folder, 'repository');
const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };

function git(...args: string[]): void {
  const result = spawnSync('git', args, { cwd: top });
  if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
}

function makeRepository(): void {
  mkdirSync(join(top, '.orch/workflows'), { recursive: true });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Bench');
  git('config', 'user.email', 'bench@example.org');
  git('config', 'gc.auto', '0');
  for (let file = 0; file < FILES; file += 1) {
    const place = join(top, `d${Math.floor(file / FILES_PER_FOLDER)}`);
    if (file % FILES_PER_FOLDER === 0) mkdirSync(place);
    writeFileSync(join(place, `f${file % FILES_PER_FOLDER}.ts`), `file ${file}\n`.repeat(5));
  }
  const steps = Array.from({ length: STEPS }, (_, nth) => {
    return `  s${nth}: { run: 'date > d${nth}/f1.ts; date > d${nth}/new.ts; sleep 2', estimate: 2s }`;
  });
  const head = ['name: wide', 'workspace: isolated', `concurrency: ${STEPS}`, 'steps:'];
  writeFileSync(join(top, '.orch/workflows/wide.yaml'), [...head, ...steps, ''].join('\n'));
  git('add', '-A');
  git('commit', '-qm', 'base');
}

/** Milliseconds from the first start to the last merge. */
function runOrch(): number {
  const args = ['bin/orch.js', '-C', top, 'run', 'wide', '--json'];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`orch run ended with ${status}: ${stderr}`);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; at: string });
  const first = events.find(({ type }) => type === 'step.started');
  const last = events.findLast(({ type }) => type === 'merge.finished');
  return Date.parse(last?.at ?? '') - Date.parse(first?.at ?? '');
}

async function runBare(): Promise<void> {
  const children = Array.from({ length: STEPS }, () => spawn('sh', ['-c', 'date; sleep 2']));
  await Promise.all(children.map((child) => new Promise((resolve) => child.on('exit', resolve))));
}

try {
  makeRepository();
  const aMs: number[] = [];
  const { bMs } = await pairs(PAIRS, () => void aMs.push(runOrch()), runBare);
  // The first one made the worktrees.
  const times = { aMs: aMs.slice(1), bMs };
  report([rowOf(`${STEPS} isolated steps of 2 s at once / bare, 10,000 files`, times, BUDGET)]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
