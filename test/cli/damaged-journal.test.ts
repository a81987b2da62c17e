/**
 * `orch resume` with a journal that was cut somewhere or in which a byte is wrong: it goes on from what
 * is whole, to the same end as if nothing had happened, or it refuses with one message and has changed
 * nothing. Every byte of every cut is for the reader of journals to prove (test/run); here a sample
 * goes the whole way.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/base/hash.ts';
import { runOrch } from '../rig/cli.ts';
import { assertNoProcess } from '../rig/processes.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { readOnlyRun } from '../rig/runs.ts';

const WORKFLOW = `name: torn
steps:
  one: { wave: 1, run: 'echo 1 > one.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  two: { wave: 2, needs: [one], env: { ID: "\${{ steps.one.outputs.id }}" }, run: 'echo "$ID" > two.txt' }
  three: { wave: 3, needs: [two], run: echo 3 > three.txt }
`;
const SEED = Number(process.env['ORCH_SEED'] ?? Math.floor(Math.random() * 1e9));
const SAMPLES = process.env['ORCH_LONG_TESTS'] ? 200 : 14;
const REFUSALS = ['ORCH_JOURNAL_DAMAGED', 'ORCH_REF_MOVED'];

/** Stopped at the places of a crash; each is a state from which a run is resumed. */
const STAGES = [
  { name: 'killed while a step of the second wave began', crash: 'job start:after#2' },
  { name: 'killed while the second checkpoint was made', crash: 'git update-ref:after#4' },
];

afterAll(() => console.log(`damaged journals: ORCH_SEED=${SEED}`));

describe.each(STAGES)('$name', ({ crash }) => {
  let repository: TestRepository;
  let expected: string;
  const saved = () => join(repository.folder, 'saved');

  beforeAll(async () => {
    repository = makeRepository();
    repository.write('.orch/workflows/torn.yaml', WORKFLOW);
    repository.commitAll('first');
    const at = { cwd: repository.top, env: { ORCH_CRASH: crash } };
    expect((await runOrch(['run', 'torn'], at)).signal).toBe('SIGKILL');
    cpSync(repository.top, saved(), { recursive: true, preserveTimestamps: true });
    expect((await runOrch(['resume'], { cwd: repository.top })).code).toBe(0);
    expected = trees(repository);
  });

  afterAll(() => repository[Symbol.dispose]());

  /** As the crash left it. */
  function restore(): void {
    rmSync(repository.top, { recursive: true });
    cpSync(saved(), repository.top, { recursive: true, preserveTimestamps: true });
  }

  /** Resumes what `harm` left of the journal. @returns whether it went on */
  async function resumeAfter(harm: (segments: readonly string[]) => void): Promise<boolean> {
    restore();
    const { run } = readOnlyRun(repository).state;
    const events = repository.path(`.git/orch/runs/${run}/events`);
    harm(segmentsIn(events));
    const before = everything(repository);
    const { code, stdout, stderr } = await runOrch(['resume'], { cwd: repository.top });
    const told = `${code}\n${stdout}${stderr}`;
    assertNoProcess({ ORCH_RUN: run });
    if (code === 0) {
      expect(trees(repository), told).toBe(expected);
      expect(readOnlyRun(repository).state.status).toBe('passed');
    } else {
      expect(code, told).toBe(4);
      expect(stderr).toMatch(/^orch: [^\n]+\n {2}fix: [^\n]+\[(\w+)\]\n$/);
      expect(REFUSALS, told).toContain(/\[(\w+)\]\n$/.exec(stderr)?.[1]);
      expect(everything(repository), told).toBe(before);
    }
    expectSound(repository);
    return code === 0;
  }

  test('cut anywhere, it goes on or refuses', { timeout: 240_000 }, async () => {
    restore();
    const { run } = readOnlyRun(repository).state;
    const sizes = segmentsIn(repository.path(`.git/orch/runs/${run}/events`)).map(
      (path) => readFileSync(path).length,
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const random = mulberry32(SEED);
    const last = sizes.at(-1) ?? 0;
    // Most of them where a cut is likely: in what was written last.
    const cuts = [
      0,
      1,
      total - 1,
      total - last,
      ...Array.from({ length: SAMPLES }, (_, n) =>
        Math.floor(n % 2 === 0 ? random() * total : total - random() * last),
      ),
    ];
    let wentOn = 0;
    for (const cut of cuts) {
      const goesOn = await resumeAfter((segments) => cutAt(segments, cut)).catch((cause) => {
        throw new Error(`cut at ${cut} of ${total}: ${cause.message}`, { cause });
      });
      if (goesOn) wentOn += 1;
    }
    expect(wentOn, 'a torn end is no reason to refuse').toBeGreaterThan(1);
  });

  test('with a wrong byte in the last two records, it refuses or goes on before it', {
    timeout: 240_000,
  }, async () => {
    const random = mulberry32(SEED + 1);
    for (let sample = 0; sample < SAMPLES; sample++) {
      await resumeAfter((segments) => flipInLastRecords(segments, random())).catch((cause) => {
        throw new Error(`sample ${sample}: ${cause.message}`, { cause });
      });
    }
  });
});

function segmentsIn(folder: string): string[] {
  return readdirSync(folder)
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map((name) => join(folder, name));
}

/** Keeps so many bytes of all segments together. */
function cutAt(segments: readonly string[], position: number): void {
  let left = position;
  for (const path of segments) {
    const bytes = readFileSync(path);
    if (left === 0) rmSync(path);
    else writeFileSync(path, bytes.subarray(0, left));
    left -= Math.min(left, bytes.length);
  }
}

function flipInLastRecords(segments: readonly string[], where: number): void {
  const path = segments.at(-1) ?? '';
  const bytes = readFileSync(path);
  const starts = [0];
  for (const [index, byte] of bytes.entries()) if (byte === 10) starts.push(index + 1);
  const start = starts.at(-3) ?? 0;
  const position = start + Math.floor(where * (bytes.length - start));
  bytes[position] = (bytes[position] ?? 0) ^ (1 << (Math.floor(where * 1e6) % 8));
  writeFileSync(path, bytes);
}

/**
 * The files of the last checkpoint and of the work tree, the run's own record left out. Checkpoints
 * before it may differ: where the cut took the record that a wave was sealed, it is sealed again, and
 * by then a step of the next wave may have left its file.
 */
function trees(repository: TestRepository): string {
  const { state } = readOnlyRun(repository);
  const env = { GIT_INDEX_FILE: join(repository.folder, 'index') };
  repository.gitWith(env, 'add', '-A');
  return [
    repository.git('ls-tree', '-r', `orch/${state.run}`),
    repository.gitWith(env, 'ls-files', '-s'),
  ]
    .join('\n\n')
    .replaceAll(/^.*\.orch\/runs\/.*\n?/gm, '');
}

/** Refs, the run's files, and the work tree, byte for byte. */
function everything(repository: TestRepository): string {
  const files = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => folder !== repository.top || !path.includes('/.git/'))
      .filter((path) => !/\/lock\.\d+$/.test(path)) // Of the process that was killed.
      .sort()
      .map((path) => `${path} ${sha256(readFileSync(path))}`);
  return [
    repository.git('for-each-ref'),
    ...files(repository.path('.git/orch/runs')),
    ...files(repository.top),
  ].join('\n');
}

function expectSound(repository: TestRepository): void {
  const { status, stderr } = spawnSync('git', ['fsck', '--strict', '--no-dangling'], {
    cwd: repository.top,
    encoding: 'utf8',
  });
  expect(`${status} ${stderr}`).toMatch(/^0 /);
}

/** A small seeded generator. @see "Mulberry32", Tommy Ettinger, 2017 */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
