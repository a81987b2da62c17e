/**
 * Isolated runs that chance made: whatever their steps do, nothing that any ref ever held becomes
 * unreachable, and where their changes do not overlap, the result is what they give one after the other.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeRepository, openTestRepository, type TestRepository } from '../rig/repository.ts';
import { type Chance, chanceOf } from '../run/random.ts';
import { listing } from './history-stage.ts';
import { makePorts, startInProcess } from './run-in-process.ts';

const SEED = Number(process.env['ORCH_SEED'] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = process.env['ORCH_LONG_TESTS'] ? 40 : 2;

interface Step {
  readonly id: string;
  readonly needs: readonly string[];
  readonly script: string;
  /** Its first attempt leaves a mess and fails. */
  readonly stumbles: boolean;
}

/** Lines of the shared file, far apart so that neighbours never touch. */
const LINES = Array.from({ length: 60 }, (_, index) => `line ${index}`);

/** What a step does in a part of the repository that is its own. */
function ownWork(chance: Chance, index: number): string {
  const folder = `part-${index}`;
  const actions = [
    `mkdir -p ${folder}/new/deep; echo ${index} > ${folder}/new/deep/file.txt`,
    `echo edited >> ${folder}/edit.txt`,
    `git mv ${folder}/move.txt ${folder}/moved.txt`,
    `rm ${folder}/delete.txt`,
    `sed -i "s/^line ${index * 6 + 2}$/changed by ${index}/" shared.txt`,
    `chmod +x ${folder}/edit.txt`,
    `git add -A; git commit -qm "own ${index}" --allow-empty`,
    `rm -r ${folder}/tree; echo file > ${folder}/tree`,
  ];
  return actions.filter(() => chance.once(2)).join('; ') || 'true';
}

/** What clashes with what other steps do. */
function sharedWork(chance: Chance, index: number): string {
  const actions = [
    `echo ${index} > same.txt`,
    `sed -i "s/^line 3$/changed by ${index}/" shared.txt`,
    'rm -f part-0/edit.txt',
    `mv part-0/edit.txt part-0/by-${index}.txt || true`,
    `echo ${index} >> part-0/edit.txt`,
  ];
  return actions.filter(() => chance.once(2)).join('; ') || 'true';
}

function makeSteps(chance: Chance, overlap: boolean): Step[] {
  const count = chance.between(3, 6);
  return Array.from({ length: count }, (_, index) => {
    const own = ownWork(chance, index);
    return {
      id: `s${index}`,
      needs: Array.from({ length: index }, (_, n) => `s${n}`).filter(() => chance.once(4)),
      script: overlap ? `${own}; ${sharedWork(chance, index)}` : own,
      stumbles: chance.once(4),
    };
  });
}

function workflowOf(chance: Chance, steps: readonly Step[], overlap: boolean): string {
  const policy = overlap ? chance.pick(['fail', 'ours', 'theirs']) : 'fail';
  const gate = chance.once(3);
  return JSON.stringify({
    name: 'w',
    workspace: 'isolated',
    concurrency: 3,
    conflicts: { policy },
    waves: { max: 10, min_steps: 1 },
    steps: Object.fromEntries(
      steps.map(({ id, needs, script, stumbles }) => [
        id,
        {
          needs,
          retry: { max_attempts: 2, backoff: '1ms' },
          run: stumbles
            ? `if [ "$ORCH_ATTEMPT" = 1 ]; then echo mess > mess.txt; rm -f shared.txt; exit 1; fi; ${script}`
            : script,
        },
      ]),
    ),
    // Fails once: what was built on its wave is taken back, and done again.
    ...(gate && {
      gates: [
        {
          name: 'once',
          level: 'light',
          retry: { max_attempts: 2, backoff: '1ms' },
          run: 'once="$(git rev-parse --git-common-dir)/once"; test -e "$once" || { touch "$once"; exit 1; }',
        },
      ],
    }),
  });
}

function setUp(chance: Chance, overlap: boolean) {
  const steps = makeSteps(chance, overlap);
  const repository = makeRepository();
  repository.write('shared.txt', `${LINES.join('\n')}\n`);
  for (const index of steps.keys()) {
    for (const name of ['edit', 'move', 'delete', 'tree/inside'])
      repository.write(`part-${index}/${name}.txt`, `${name} of ${index}\n`);
  }
  repository.write('.orch/workflows/w.yaml', workflowOf(chance, steps, overlap));
  const base = repository.commitAll('first');
  return { repository, steps, base };
}

/** Every object that a ref ever held while the run went on, and how it ended. */
async function runWatched(repository: TestRepository) {
  const held = new Map<string, string>();
  const note = () => {
    const lines = repository.git('for-each-ref', '--format=%(objectname) %(refname)').split('\n');
    for (const line of lines) held.set(line.slice(0, line.indexOf(' ')), line);
  };
  const state = await startInProcess(repository, 'w', makePorts(), { observe: note });
  note();
  return { held, state };
}

function expectReachable(repository: TestRepository, held: ReadonlyMap<string, string>): void {
  repository.git('reflog', 'expire', '--expire=now', '--all');
  const reachable = new Set(repository.git('rev-list', '--all').split('\n'));
  const lost = [...held].filter(([oid]) => !reachable.has(oid)).map(([, line]) => line);
  expect(lost).toEqual([]);
}

/** The tree that the steps give one after the other, in the order of the file, as plain git has it. */
function oneByOne(repository: TestRepository, base: string, steps: readonly Step[]): string {
  const top = join(repository.folder, 'oracle');
  repository.git('worktree', 'add', '-q', '--detach', top, base);
  for (const { script } of steps) {
    const { status, stderr } = spawnSync('sh', ['-c', script], { cwd: top, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${script}: ${stderr}`);
  }
  const oracle = openTestRepository(top, repository.folder);
  oracle.git('add', '-A');
  const tree = listing(oracle, oracle.git('write-tree'));
  repository.git('worktree', 'remove', '--force', top);
  rmSync(top, { recursive: true, force: true });
  return tree;
}

async function overRounds(work: (chance: Chance) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const seed = SEED + round;
    try {
      await work(chanceOf(seed));
    } catch (cause) {
      throw new Error(`ORCH_SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
  }
}

test('changes that do not overlap give what the steps give one after the other', {
  timeout: 600_000,
}, async () => {
  await overRounds(async (chance) => {
    const { repository, steps, base } = setUp(chance, false);
    using _ = repository;
    const { held, state } = await runWatched(repository);
    expect(state.status).toBe('passed');
    expectReachable(repository, held);
    expect(listing(repository, `orch/${state.run}`)).toBe(oneByOne(repository, base, steps));
    repository.git('fsck', '--strict', '--no-dangling');
  });
});

test('whatever clashes, fails or is taken back, nothing that a ref held is lost', {
  timeout: 600_000,
}, async () => {
  await overRounds(async (chance) => {
    const { repository } = setUp(chance, true);
    using _ = repository;
    const { held, state } = await runWatched(repository);
    expect(['passed', 'failed']).toContain(state.status);
    expectReachable(repository, held);
    repository.git('fsck', '--strict', '--no-dangling');
  });
});
