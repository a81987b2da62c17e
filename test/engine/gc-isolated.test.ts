/**
 * `orch gc` over random histories of isolated runs: steps that add, edit, rename, delete, clash, fail and
 * are killed, and what people do between. After gc at any age, and after git has pruned all that nothing
 * refers to, no work is gone that was in no result, and every checkpoint is whole.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createPorts } from '../../src/adapters/create-ports.ts';
import { createFiles } from '../../src/adapters/files/files.ts';
import { collectGarbage, type GcReport } from '../../src/engine/collect-garbage.ts';
import { listRuns } from '../../src/engine/read-run.ts';
import { listSalvage } from '../../src/engine/salvage.ts';
import { runOrch } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { type Chance, chanceOf } from '../run/random.ts';

const SEED = Number(process.env['ORCH_SEED'] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = process.env['ORCH_LONG_TESTS'] ? 30 : 2;
const DAY_MS = 86_400_000;

/** What a step may do; the third ends with an error, the last kills orch itself. */
const ACTIONS = [
  'date +%N > "new-$ORCH_STEP"',
  'date +%N >> same.txt',
  'date +%N > "new-$ORCH_STEP"; exit 1',
  'git mv old.txt "moved-$ORCH_STEP"',
  'rm -f gone.txt; head -c 3000 /dev/urandom > large.bin',
  'date +%N > own; git add -A; git commit -qm own; echo more > "new-$ORCH_STEP"',
  'date +%N > "new-$ORCH_STEP"; sh "$KILL"; sleep 0.3',
] as const;

function workflowOf(chance: Chance): string {
  const script = () => {
    const action = chance.pick(ACTIONS);
    return chance.once(3)
      ? `test -e "$TRIED/$ORCH_STEP" || { touch "$TRIED/$ORCH_STEP"; ${action}; exit 1; }; ${action}`
      : action;
  };
  const step = (needs: readonly string[]) => ({
    needs,
    retry: { max_attempts: 2, backoff: '1ms' },
    run: script(),
  });
  return JSON.stringify({
    name: 'w',
    workspace: 'isolated',
    concurrency: 2,
    checkpoint: { retention: '7d', max_file_size: '1KB' },
    conflicts: { policy: chance.pick(['fail', 'ours', 'theirs']) },
    waves: { max: 10, min_steps: 1 },
    steps: { one: step([]), two: step([]), three: step(['one']) },
  });
}

/** For a step: ends the orch that works on its run, by the lock that names it. */
const KILL_ORCH = `
lock=$(ls -d "$(git rev-parse --git-common-dir)/orch/runs/$ORCH_RUN"/lock.* | tail -n 1)
kill -9 "$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/' "$lock")"
`;

class World implements Disposable {
  readonly repository = makeRepository();
  readonly cache = join(this.repository.folder, 'cache');
  readonly #tried = join(this.repository.folder, 'tried');
  readonly #kill = join(this.repository.folder, 'kill.sh');

  constructor() {
    const { repository } = this;
    repository.write('old.txt', 'old\n');
    repository.write('gone.txt', 'gone\n');
    repository.write('same.txt', 'same\n');
    repository.commitAll('first');
    spawnSync('mkdir', [this.#tried]);
    writeFileSync(this.#kill, KILL_ORCH);
  }

  async orch(...args: string[]): Promise<void> {
    const env = { XDG_CACHE_HOME: this.cache, TRIED: this.#tried, KILL: this.#kill };
    await runOrch(args, { cwd: this.repository.top, env });
  }

  async gc(days: number, dryRun = false, todayMs = Date.now()): Promise<GcReport> {
    const ports = createPorts();
    const clock = { ...ports.clock, now: () => todayMs + days * DAY_MS };
    const root = join(this.cache, 'orch');
    return await collectGarbage({ ...ports, clock }, await ports.openGit(this.repository.top), {
      dryRun,
      retentionMs: 7 * DAY_MS,
      pool: {
        settings: () => ({ root, include: [], ports: 0 }),
        diskBytes: 1 << 30,
        maxFileSizeBytes: 1024,
      },
    });
  }

  [Symbol.dispose](): void {
    this.repository[Symbol.dispose]();
  }
}

async function perform(world: World, chance: Chance): Promise<void> {
  const { repository } = world;
  const what = chance.pick(['run', 'run', 'resume', 'resume', 'retry', 'rollback', 'accept', 'gc']);
  if (what === 'run') {
    repository.write('.orch/workflows/w.yaml', workflowOf(chance));
    await world.orch('run', 'w');
  }
  if (what === 'resume') await world.orch('resume');
  if (what === 'retry') await world.orch('resume', '--retry-failed');
  if (what === 'rollback') await world.orch('rollback', '--to', String(chance.between(0, 2)));
  if (what === 'accept') await world.orch('accept', '--include-uncommitted');
  if (what === 'gc') await world.gc(chance.between(0, 30));
}

/** Commits and files that hold work which is in no result: none may go, whatever its age. */
async function leftWork({ repository }: World) {
  const ports = createPorts();
  const { items } = await listSalvage(ports, await ports.openGit(repository.top), undefined);
  return {
    commits: items.flatMap(({ pin }) => pin?.commit ?? []),
    files: items.flatMap(({ leftOut }) =>
      (leftOut?.paths ?? []).map((path) => join(leftOut?.folder ?? '', path)),
    ),
  };
}

/** What lies in claimed worktrees: blobs of files that stand there, as `git hash-object` names them. */
function filesInWorktrees({ cache, repository }: World): string[] {
  const root = join(cache, 'orch');
  if (!existsSync(root)) return [];
  return readdirSync(root).flatMap((name) =>
    readdirSync(join(root, name)).flatMap((number) => {
      const top = join(root, name, number);
      if (!existsSync(repository.path(`.git/orch/pool/${number}.claim`))) return [];
      return readdirSync(top)
        .filter((file) => file.startsWith('new-'))
        .map((file) => repository.git('hash-object', join(top, file)));
    }),
  );
}

function checkpointTrees(repository: TestRepository): string[] {
  const branches = repository.git('for-each-ref', '--format=%(refname)', 'refs/heads/orch');
  return branches
    .split('\n')
    .filter(Boolean)
    .flatMap((branch) => repository.git('log', '--format=%T', branch).split('\n'));
}

test('random isolated histories: no work is lost to gc and to git', {
  timeout: 900_000,
}, async () => {
  for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
    using world = new World();
    const { repository } = world;
    const chance = chanceOf(seed);
    repository.write('.orch/workflows/w.yaml', workflowOf(chance));
    await world.orch('run', 'w');
    for (let left = chance.between(2, 5); left > 0; left--) await perform(world, chance);
    try {
      const { commits, files } = await leftWork(world);
      const standing = filesInWorktrees(world);
      const trees = checkpointTrees(repository);
      const days = chance.between(0, 40);
      await world.gc(days);
      expect((await world.gc(days)).removed).toEqual([]);
      repository.git('reflog', 'expire', '--expire=now', '--all');
      repository.git('gc', '-q', '--prune=now');
      repository.git('fsck', '--strict', '--no-dangling');
      for (const oid of [...commits, ...trees]) repository.git('cat-file', '-e', oid);
      const stillThere = new Set(filesInWorktrees(world));
      for (const oid of standing) if (!stillThere.has(oid)) repository.git('cat-file', '-e', oid);
      const accepted = acceptedRuns(repository);
      for (const path of files) {
        const isOfAccepted = accepted.some((run) => path.includes(`/runs/${run}/`));
        if (!isOfAccepted) expect(existsSync(path), path).toBe(true);
      }
      for (const run of listRuns(createFiles(), repository.path('.git')))
        await expectSound(world, run);
    } catch (cause) {
      throw new Error(`ORCH_SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
  }
});

function acceptedRuns(repository: TestRepository): string[] {
  const { stdout } = spawnSync('git', ['ls-tree', '-d', '--name-only', 'HEAD', '.orch/runs/'], {
    cwd: repository.top,
    encoding: 'utf8',
  });
  return stdout.split('\n').map((path) => path.slice('.orch/runs/'.length));
}

async function expectSound({ repository, cache }: World, run: string): Promise<void> {
  const outcome = await runOrch(['show', run], {
    cwd: repository.top,
    env: { XDG_CACHE_HOME: cache },
  });
  expect(outcome.code, `${run}: ${outcome.stderr}`).toBe(0);
}
