/**
 * `orch gc` on real histories: whatever has happened, after gc, and after git has then pruned all that
 * nothing refers to, every tree is still there that a checkpoint, an attempt not older than its
 * retention, or a run that nobody accepted has had.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { createFiles } from '../../src/adapters/files/files.ts';
import { collectGarbage, type GcReport } from '../../src/engine/collect-garbage.ts';
import { listRuns, type ReadRun, readRun } from '../../src/engine/read-run.ts';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { listing, makeHistory, placesOf } from './history-stage.ts';

const DAY_MS = 86_400_000;

interface GcLater {
  readonly dryRun?: boolean;
  readonly olderThanMs?: number;
  /** What counts as now; for two that must say the same, down to the second. */
  readonly todayMs?: number;
}

/** gc as it would be so many days from now. */
async function gcLater(
  repository: TestRepository,
  days: number,
  { todayMs, ...request }: GcLater = {},
): Promise<GcReport> {
  const ports = createPorts();
  const now = () => (todayMs ?? Date.now()) + days * DAY_MS;
  const later = { ...ports, clock: { ...ports.clock, now } };
  const git = await ports.openGit(repository.top);
  return await collectGarbage(later, git, {
    dryRun: false,
    retentionMs: 7 * DAY_MS,
    ...request,
  });
}

const namesOf = (items: GcReport['removed']) => items.map(({ kind, name }) => `${kind} ${name}`);

describe('a run that was accepted', () => {
  test('is kept until its retention is over, then goes with its attempts', async () => {
    using history = await makeHistory({ dirty: false, fails: true });
    const { repository, run } = history;
    history.failing(false);
    await history.orch(['resume', '--retry-failed']);
    await history.json(['accept']);
    const attempt = `refs/orch/attempts/${run}/three/1`;
    const early = await gcLater(repository, 6);
    expect(namesOf(early.removed)).toEqual([]);
    expect(early.kept.find(({ name }) => name === run)?.why).toMatch(
      /accepted .* ago, kept for 7d/,
    );
    const refs = repository.git('for-each-ref');
    const todayMs = Date.now();
    const trial = await gcLater(repository, 8, { dryRun: true, todayMs });
    expect(repository.git('for-each-ref')).toBe(refs);
    const report = await gcLater(repository, 8, { todayMs });
    expect(report).toEqual(trial);
    // The index as it was is that of the commit before, and the work tree is the last checkpoint.
    expect(namesOf(report.removed)).toEqual([
      `ref ${attempt}`,
      `ref refs/orch/rescue/${run}/1`,
      `run ${run}`,
    ]);
    expect(existsSync(repository.path(`.git/orch/runs/${run}`))).toBe(false);
    expect(repository.git('for-each-ref', 'refs/orch')).toBe('');
    // The branch tells of it, and brings it back.
    expect((await history.json(['audit', run]))['ok']).toBe(true);
    await history.json(['rollback', run, '--to', '1']);
    expect((await history.json(['audit', run]))['ok']).toBe(true);
  });

  test('keeps a rescue that holds what nothing else holds, and a later one is not written over it', async () => {
    using history = await makeHistory({ dirty: false });
    const { repository, run } = history;
    repository.write('precious.txt', 'precious\n');
    const { rescue } = await history.json(['rollback', '--to', '0']);
    await history.json(['rollback', '--to', '3']);
    await history.json(['accept']);
    const report = await gcLater(repository, 100);
    expect(report.kept).toContainEqual({
      kind: 'ref',
      name: rescue,
      why: expect.stringContaining('nothing else holds'),
    });
    expect(existsSync(repository.path(`.git/orch/runs/${run}`))).toBe(false);
    const again = await gcLater(repository, 100);
    expect(namesOf(again.removed)).toEqual([]);
    await history.json(['rollback', run, '--to', '0']);
    expect(repository.git('show', `${rescue}:precious.txt`)).toBe('precious');
  });
});

describe('kept, and named', () => {
  test('what a run left that failed, however old; its record is on its branch', async () => {
    using history = await makeHistory({ fails: true });
    const { repository, run } = history;
    const left = [`refs/orch/attempts/${run}/three/1`, `refs/orch/sealed/${run}/3`];
    expect(namesOf((await gcLater(repository, 6)).removed)).toEqual([]);
    const report = await gcLater(repository, 1000);
    expect(namesOf(report.removed)).toEqual([`run ${run}`]);
    expect(report.kept.map(({ name }) => name)).toEqual(left);
    const shown = await history.json(['show', run]);
    expect(shown).toMatchObject({ status: 'failed', source: 'git' });
    expect((await gcLater(repository, 1000)).kept.map(({ name }) => name)).toEqual(left);
  });

  test('a run whose branch is gone: its files are the only copy', async () => {
    using history = await makeHistory();
    history.repository.git('branch', '-qD', `orch/${history.run}`);
    const report = await gcLater(history.repository, 1000);
    expect(namesOf(report.removed)).toEqual([]);
    expect(report.kept[0]?.why).toMatch(/branch is gone/);
  });

  test('a run whose journal is not as it was committed', async () => {
    using history = await makeHistory();
    const { repository, run } = history;
    const blob = repository.git('rev-parse', `orch/${run}:.orch/runs/${run}/events/0.jsonl`);
    repository.remove(`.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`);
    const report = await gcLater(repository, 1000);
    expect(namesOf(report.removed)).toEqual([]);
  });

  test('a run of which a process is alive', async () => {
    using history = await makeHistory();
    const { repository, run } = history;
    // In a group of its own, as every process of a step is.
    const env = { PATH: process.env['PATH'], ORCH_RUN: run };
    const child = spawn('sleep', ['600'], { env, detached: true });
    try {
      await once(child, 'spawn');
      const report = await gcLater(repository, 1000);
      expect(namesOf(report.removed)).toEqual([]);
      expect(report.kept[0]?.why).toBe(`process ${child.pid}, a step of it, is at work on it`);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    expect(namesOf((await gcLater(repository, 1000)).removed)).toEqual([`run ${run}`]);
  });

  test('a folder without run.json, which may be a run that begins just now', async () => {
    using history = await makeHistory();
    const { repository } = history;
    repository.write('.git/orch/runs/other-261121-aaaa/events/.keep', '');
    const report = await gcLater(repository, 0);
    expect(namesOf(report.removed)).toEqual([]);
    expect(report.kept.find(({ name }) => name === 'other-261121-aaaa')?.why).toMatch(
      /no run.json/,
    );
  });
});

test('stale locks, half-written files and old cache entries go', async () => {
  using history = await makeHistory({
    workflow: `
name: history
steps:
  one: { run: 'cat kept.txt > made.txt', reads: [kept.txt], produces: [made.txt], cache: true }
`,
  });
  const { repository, run } = history;
  const holder = { pid: 2 ** 22 + 1, start: '1', boot: 'another', what: 'run x' };
  repository.write(`.git/orch/runs/${run}/lock.7`, `${JSON.stringify(holder)}\n`);
  const temporary = `.git/orch/runs/${run}/.orch-${2 ** 22 + 1}-1.tmp`;
  repository.write(temporary, 'half');
  const { document } = await runOrchJson(['gc'], { cwd: repository.top });
  expect(namesOf((document as GcReport).removed)).toEqual([
    `lock ${repository.path(`.git/orch/runs/${run}/lock.7`)}`,
    `file ${repository.path(temporary)}`,
  ]);
  expect(readdirSync(repository.path(`.git/orch/runs/${run}`))).not.toContain('lock.7');
  expect(existsSync(repository.path(temporary))).toBe(false);
  expect(repository.git('for-each-ref', 'refs/orch/cache')).not.toBe('');
  const later = await gcLater(repository, 8);
  expect(namesOf(later.removed)).toContainEqual(expect.stringMatching(/^ref refs\/orch\/cache\//));
  expect(repository.git('for-each-ref', 'refs/orch/cache')).toBe('');
});

test('killed at any persisted effect, the next gc finishes it', { timeout: 600_000 }, async () => {
  using history = await makeHistory({ dirty: false, fails: true });
  const { repository, run } = history;
  history.failing(false);
  await history.orch(['resume', '--retry-failed']);
  await history.json(['accept']);
  history.save();
  const places = await placesOf(history, ['gc', '--older-than', '0s']);
  expect(places.length).toBeGreaterThan(5);
  for (const place of places) {
    history.restore();
    const crashed = await history.orch(['gc', '--older-than', '0s'], { ORCH_CRASH: place });
    expect(crashed.signal, place).toBe('SIGKILL');
    expect((await history.orch(['list'])).code, place).toBe(0);
    expect((await history.orch(['gc', '--older-than', '0s'])).code, place).toBe(0);
    expect(existsSync(repository.path(`.git/orch/runs/${run}`)), place).toBe(false);
    const left = repository.git('for-each-ref', '--format=%(refname)', 'refs/orch');
    expect(left, place).toBe('');
  }
});

test('a wrong age is refused', async () => {
  using repository = makeRepository();
  const { code, document } = await runOrchJson(['gc', '--older-than', 'long'], {
    cwd: repository.top,
  });
  expect(code).toBe(2);
  expect(document).toMatchObject({ error: { code: 'ORCH_USAGE' } });
});

/** What people do, in any order. Runs are named by how many there were when they began. */
type Action =
  | { readonly do: 'run'; readonly workflow: 'short' | 'long'; readonly fails: boolean }
  | { readonly do: 'rollback'; readonly to: number; readonly edit: boolean }
  | { readonly do: 'retry' }
  | { readonly do: 'accept'; readonly how: '--merge' | '--squash' }
  | { readonly do: 'commit' }
  | { readonly do: 'gc'; readonly days: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      workflow: fc.constantFrom('short' as const, 'long' as const),
      fails: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rollback' as const),
      to: fc.nat(2),
      edit: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'retry' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      how: fc.constantFrom('--merge' as const, '--squash' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'commit' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gc' as const), days: fc.nat(40) }) },
);

const WORKFLOW = (retention: string) => `
name: random
checkpoint: { retention: ${retention} }
waves: { max: 10, min_steps: 1 }
steps:
  one: { wave: 1, run: 'date +%N > "one-$ORCH_RUN"' }
  two: { wave: 2, needs: [one], retry: { max_attempts: 2, backoff: 1ms }, run: 'date +%N > two; test ! -e ../fail' }
`;

async function perform(repository: TestRepository, step: Action, count: number): Promise<void> {
  const orch = (...args: string[]) => runOrch(args, { cwd: repository.top });
  const fail = join(repository.folder, 'fail');
  switch (step.do) {
    case 'run':
      if (step.fails) writeFileSync(fail, '');
      await orch('run', step.workflow);
      return rmSync(fail, { force: true });
    case 'rollback':
      if (step.edit) repository.write(`edited-${count}`, `${count}\n`);
      return void (await orch('rollback', '--to', String(step.to)));
    case 'retry':
      return void (await orch('resume', '--retry-failed'));
    case 'accept':
      return void (await orch('accept', step.how, '--include-uncommitted'));
    case 'commit':
      repository.write('by-the-user', `${count}\n`);
      return void repository.commitAll(`commit ${count}`);
    case 'gc':
      return void (await gcLater(repository, step.days));
  }
}

/** Trees that must be there after a gc so many days from now. */
function preciousTrees(repository: TestRepository, days: number): Set<string> {
  const trees = new Set<string>();
  const add = (revision: string) => trees.add(repository.git('rev-parse', `${revision}^{tree}`));
  const branches = repository.git('for-each-ref', '--format=%(refname)', 'refs/heads/orch');
  for (const branch of branches.split('\n').filter(Boolean)) {
    const commits = repository.git('rev-list', branch).split('\n');
    for (const commit of commits) add(commit);
  }
  const refs = repository.git('for-each-ref', '--format=%(refname)', 'refs/orch').split('\n');
  for (const ref of refs.filter(Boolean)) {
    const [, , kind, run = ''] = ref.split('/');
    if (kind === 'cache') continue;
    const read = readIfThere(repository, run);
    const acceptedAt = read?.state.accepted?.at;
    const retentionMs = read?.state.workflow.checkpoint.retentionMs ?? Number.POSITIVE_INFINITY;
    const ageMs = Date.now() + days * DAY_MS - Date.parse(acceptedAt ?? '');
    const isOld = acceptedAt !== undefined && ageMs >= retentionMs;
    if (!isOld) add(ref);
  }
  return trees;
}

function readIfThere(repository: TestRepository, run: string): ReadRun | undefined {
  const files = createFiles();
  const commonDir = repository.path('.git');
  return listRuns(files, commonDir).includes(run) ? readRun(files, commonDir, run) : undefined;
}

/** Rescues hold what people did: each must stay, or be in a commit, whatever its age. */
function rescuedFiles(repository: TestRepository): string[] {
  const refs = repository.git('for-each-ref', '--format=%(refname)', 'refs/orch/rescue');
  return refs
    .split('\n')
    .filter(Boolean)
    .flatMap((ref) => listing(repository, ref).split('\n'))
    .filter((line) => line.includes('\tedited-'))
    .map((line) => line.split(/\s/)[2] ?? '');
}

test('random histories: nothing that counts is lost to gc and to git', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 4, maxLength: 9 }),
      fc.nat(40),
      async (actions, days) => {
        using repository = makeRepository();
        repository.write('.orch/workflows/short.yaml', WORKFLOW('7d'));
        repository.write('.orch/workflows/long.yaml', WORKFLOW('30d'));
        repository.commitAll('first');
        const head = () => repository.git('log', '--format=%T', 'HEAD').split('\n');
        for (const [count, step] of actions.entries()) await perform(repository, step, count);
        const precious = preciousTrees(repository, days);
        const rescued = rescuedFiles(repository);
        const history = head();
        const todayMs = Date.now();
        const trial = await gcLater(repository, days, { dryRun: true, todayMs });
        const report = await gcLater(repository, days, { todayMs });
        expect(report).toEqual(trial);
        expect((await gcLater(repository, days)).removed).toEqual([]);
        repository.git('reflog', 'expire', '--expire=now', '--all');
        repository.git('gc', '-q', '--prune=now');
        repository.git('fsck', '--strict', '--no-dangling');
        for (const object of [...precious, ...rescued]) repository.git('cat-file', '-e', object);
        expect(head()).toEqual(history);
        for (const run of listRuns(createFiles(), repository.path('.git'))) {
          const { code, document } = await runOrchJson(['audit', run], { cwd: repository.top });
          expect(code, JSON.stringify(document)).toBe(0);
        }
      },
    ),
    { numRuns: process.env['ORCH_LONG_TESTS'] ? 60 : 5, endOnFailure: true },
  );
});

test('the output of a detached run goes when the run is gone, and not while one may begin', async () => {
  using history = await makeHistory();
  const { repository, run } = history;
  repository.git('branch', '-qD', `orch/${run}`); // So that the run is kept.
  repository.write('.git/orch/detached/aaaaaa/run', run);
  repository.write('.git/orch/detached/bbbbbb/run', 'gone-261121-aaaa');
  repository.write('.git/orch/detached/cccccc/out', 'begins');
  const folder = repository.path('.git/orch/detached');
  expect(namesOf((await gcLater(repository, 6)).removed)).toEqual([]);
  const { removed } = await gcLater(repository, 8);
  expect(namesOf(removed)).toEqual([`file ${folder}/bbbbbb`, `file ${folder}/cccccc`]);
  expect(readdirSync(folder)).toEqual(['aaaaaa']);
});
