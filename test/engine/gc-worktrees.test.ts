/** `orch gc`, `orch doctor` and running orch on the pool of worktrees: what goes, and what is pinned first. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { collectGarbage, type GcItem, type GcReport } from '../../src/engine/collect-garbage.ts';
import type { Finding } from '../../src/view/finding.ts';
import { placesOf } from './history-stage.ts';
import { type IsolatedHistory, makeIsolated } from './salvage-stage.ts';

const DAY_MS = 86_400_000;

const PASSES = `
name: w
workspace: isolated
concurrency: 2
steps:
  a: { run: 'echo a > a.txt' }
  b: { run: 'echo b > b.txt' }
`;

/** gc as it would be so many days from now. */
async function gcLater(
  history: IsolatedHistory,
  days: number,
  { dryRun = false, diskBytes = 1 << 30, todayMs = Date.now() } = {},
): Promise<GcReport> {
  const ports = createPorts();
  const clock = { ...ports.clock, now: () => todayMs + days * DAY_MS };
  const root = join(history.cache, 'orch');
  return await collectGarbage({ ...ports, clock }, await ports.openGit(history.repository.top), {
    dryRun,
    retentionMs: 7 * DAY_MS,
    pool: {
      settings: () => ({ root, include: [], ports: 0 }),
      diskBytes,
      maxFileSizeBytes: 1024,
    },
  });
}

const ofPool = (items: readonly GcItem[]) =>
  items.filter(({ kind }) => kind === 'worktree' || kind === 'claim');

function rootsOf({ cache }: IsolatedHistory): string[] {
  return readdirSync(join(cache, 'orch'))
    .flatMap((name) =>
      readdirSync(join(cache, 'orch', name)).map((number) => join(cache, 'orch', name, number)),
    )
    .sort();
}

/** As a process leaves it that was killed when its run was all but over. */
function claimFirst(history: IsolatedHistory, run = history.run): string {
  const [root = ''] = rootsOf(history);
  const number = root.slice(root.lastIndexOf('/') + 1);
  const claim = { v: 1, run, root, claimedAtMs: Date.now() };
  const path = history.repository.path(`.git/orch/pool/${number}.claim`);
  writeFileSync(path, `${JSON.stringify(claim)}\n`);
  return root;
}

describe('gc', () => {
  test('removes free worktrees that nobody has used for long', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const roots = rootsOf(history);
    expect(roots.length).toBeGreaterThan(0);
    expect(ofPool((await gcLater(history, 6)).removed)).toEqual([]);
    const todayMs = Date.now();
    const trial = await gcLater(history, 8, { dryRun: true, todayMs });
    expect(rootsOf(history)).toEqual(roots);
    const report = await gcLater(history, 8, { todayMs });
    expect(report).toEqual(trial);
    expect(ofPool(report.removed).map(({ name }) => name)).toEqual(roots);
    expect(rootsOf(history)).toEqual([]);
    expect(history.repository.git('worktree', 'list').split('\n')).toHaveLength(1);
  });

  test('removes those used longest ago beyond the limit, whatever their age', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const { removed } = await gcLater(history, 0, { diskBytes: 1 });
    expect(ofPool(removed)[0]?.why).toMatch(/are taken, the limit is 1B/);
    expect(rootsOf(history)).toEqual([]);
  });

  test('pins what a run that is over has left in a worktree before it goes', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const { repository, run } = history;
    const root = claimFirst(history);
    writeFileSync(join(root, 'precious.txt'), 'precious\n');
    writeFileSync(join(root, 'large.bin'), 'x'.repeat(3000));
    const trial = await gcLater(history, 8, { dryRun: true });
    expect(existsSync(join(root, 'large.bin'))).toBe(true);
    const { removed } = await gcLater(history, 8);
    expect(ofPool(removed).map(({ kind }) => kind)).toEqual(
      ofPool(trial.removed).map(({ kind }) => kind),
    );
    const claim = removed.find(({ kind }) => kind === 'claim');
    expect(claim?.why).toContain(`pinned as refs/orch/rescue/${run}/1`);
    expect(rootsOf(history)).toEqual([]);
    expect(repository.git('show', `refs/orch/rescue/${run}/1:precious.txt`)).toBe('precious');
    const { items } = await history.json(['salvage', run]);
    expect(JSON.stringify(items)).toContain('precious.txt');
    expect(JSON.stringify(items)).toContain('large.bin');
  });

  test('pins it as the attempt that it was when the journal tells', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const { repository, run } = history;
    const root = claimFirst(history);
    const step = existsSync(join(root, 'a.txt')) ? 'a' : 'b';
    const ref = `refs/orch/attempts/${run}/${step}/1`;
    repository.git('update-ref', '-d', ref);
    await gcLater(history, 0);
    expect(repository.git('show', `${ref}:${step}.txt`)).toBe(step);
    expect(existsSync(root)).toBe(true);
  });

  test('pins what it finds when the run is gone without a trace', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const root = claimFirst(history, 'gone-261121-aaaa');
    writeFileSync(join(root, 'precious.txt'), 'precious\n');
    await gcLater(history, 8);
    const shown = history.repository.git(
      'show',
      'refs/orch/rescue/gone-261121-aaaa/1:precious.txt',
    );
    expect(shown).toBe('precious');
  });

  test('never touches a worktree of a run that can be resumed', async () => {
    using history = await makeIsolated({
      workflow: `
name: w
workspace: isolated
steps:
  a: { run: 'echo a > a.txt' }
  wait: { needs: [a], approval: { message: Go on? } }
  b: { needs: [wait], run: 'true' }
`,
    });
    const root = claimFirst(history);
    const report = await gcLater(history, 100, { diskBytes: 1 });
    expect(ofPool(report.removed).filter(({ name }) => name.startsWith(root))).toEqual([]);
    const kept = report.kept.find(({ name }) => name === root);
    expect(kept?.why).toMatch(/has not finished \(waiting\)/);
  });

  test('keeps a worktree that git does not know any more, because nobody can say what is in it', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const root = claimFirst(history);
    history.repository.remove('.git/worktrees');
    const report = await gcLater(history, 100, { diskBytes: 1 });
    expect(report.kept.find(({ name }) => name === root)?.why).toMatch(/does not know it/);
    expect(existsSync(root)).toBe(true);
  });

  test('killed at any persisted effect, the next one finishes it, and nothing is lost', {
    timeout: 600_000,
  }, async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const { repository, run } = history;
    const root = claimFirst(history);
    writeFileSync(join(root, 'precious.txt'), 'precious\n');
    history.save();
    const places = await placesOf(history, ['gc', '--older-than', '0s']);
    expect(places.length).toBeGreaterThan(5);
    for (const place of places) {
      history.restore();
      const crashed = await history.orch(['gc', '--older-than', '0s'], { ORCH_CRASH: place });
      expect(crashed.signal, place).toBe('SIGKILL');
      await gcLater(history, 1000);
      expect(rootsOf(history), place).toEqual([]);
      const refs = repository.git('for-each-ref', '--format=%(refname)', 'refs/orch/rescue');
      const found = refs.split('\n').map((ref) => repository.git('show', `${ref}:precious.txt`));
      expect(found, `${place} of ${run}`).toContain('precious');
    }
  });
});

test('a run removes free worktrees while the pool is over its limit', async () => {
  using history = await makeIsolated({
    workflow: PASSES,
    twoAtOnce: true,
    config: 'limits: { disk: 1KB }\n',
  });
  expect((await history.json(['show', history.run]))['status']).toBe('passed');
  expect(rootsOf(history).length).toBeLessThan(2);
});

describe('doctor', () => {
  async function findings(history: IsolatedHistory, ...args: string[]): Promise<Finding[]> {
    const { stdout } = await history.orch(['doctor', '--json', ...args]);
    const all = (JSON.parse(stdout) as { findings: Finding[] }).findings;
    return all.filter(({ check }) => check === 'worktree' || check === 'disk');
  }

  test('finds claims and changes that a run has left over, and mends both', async () => {
    using history = await makeIsolated({ workflow: PASSES });
    const root = claimFirst(history);
    writeFileSync(join(root, 'precious.txt'), 'precious\n');
    const found = await findings(history);
    expect(found.map(({ what }) => what)).toEqual([
      expect.stringContaining('still claims the worktree'),
      expect.stringContaining('never pinned'),
    ]);
    const fixed = await findings(history, '--fix');
    expect(fixed.map((finding) => finding.fixed)).toEqual([true, true]);
    expect(await findings(history)).toEqual([]);
    expect(readFileSync(join(root, 'precious.txt'), 'utf8')).toBe('precious\n');
  });

  test('finds a worktree whose folder is gone, and a pool over its limit', async () => {
    using history = await makeIsolated({
      workflow: PASSES,
      twoAtOnce: true,
    });
    const [first = ''] = rootsOf(history);
    history.repository.write('.orch/config.yaml', 'limits: { disk: 1KB }\n');
    rmSync(first, { recursive: true });
    const found = await findings(history);
    expect(found.map(({ check }) => check)).toEqual(['worktree', 'disk']);
    const fixed = await findings(history, '--fix');
    expect(fixed.map((finding) => finding.fixed)).toEqual([true, true]);
    expect(rootsOf(history)).toEqual([]);
    expect(history.repository.git('worktree', 'list').split('\n')).toHaveLength(1);
  });
});
