/** `orch run --from <run>@<wave>`: a run that goes on from a checkpoint of another one. */
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asRunOutcome } from '../rig/runs.ts';
import {
  type History,
  listing,
  makeHistory,
  sealedTree,
  userState,
  workTreeListing,
} from './history-stage.ts';

const NEXT = `
name: next
steps: { more: { run: 'cat one.txt >> more.txt; test ! -e three.txt' } }
`;

let history: History;
let wave2: string;

beforeAll(async () => {
  history = await makeHistory({
    dirty: false,
    args: ['--workspace', 'isolated'],
    prepare(repository) {
      repository.write('.orch/workflows/next.yaml', NEXT);
      repository.commitAll('second');
    },
  });
  const { repository, run } = history;
  wave2 = repository.git('log', '--format=%H', '--grep', '^Orch-Wave: 2$', `orch/${run}`);
  history.save();
});

afterAll(() => history[Symbol.dispose]());

const isolated = ['--workspace', 'isolated', '--json'];

test('isolated: on what the checkpoint holds, and the work tree is left alone', async () => {
  history.restore();
  const { repository, run } = history;
  repository.write('kept.txt', 'mine\n');
  const before = `${userState(repository)}${workTreeListing(repository)}`;
  const prefix = run.slice(0, -1);
  const { run: fork } = asRunOutcome(
    await history.orch(['run', 'next', '--from', `${prefix}@2`, ...isolated]),
  );
  expect(`${userState(repository)}${workTreeListing(repository)}`).toBe(before);
  const from = { run, wave: 2, commit: wave2 };
  const shown = await history.json(['show', fork]);
  expect(shown).toMatchObject({ status: 'passed', base: wave2, from, workspace: 'isolated' });
  expect((await history.orch(['show', fork])).stdout).toContain(
    `goes on from wave 2 of ${run} (${wave2.slice(0, 12)})`,
  );
  const first = repository.git('rev-list', '--reverse', `${wave2}..orch/${fork}`).split('\n')[0];
  expect(repository.git('log', '-1', '--format=%P', `${first}`)).toBe(wave2);
  expect(listing(repository, `${first}`)).toBe(sealedTree(history, 2));
  expect(repository.git('show', `orch/${fork}:more.txt`)).toBe('one');
  const frozen = repository.git('show', `orch/${fork}:.orch/runs/${fork}/run.json`);
  expect(JSON.parse(frozen)).toMatchObject({ base: wave2, from });
  expect((await history.orch(['audit', fork])).code).toBe(0);

  repository.git('checkout', '-q', '--', 'kept.txt');
  await history.json(['accept', fork, '--ff']);
  expect(repository.git('rev-parse', 'main')).toBe(repository.git('rev-parse', `orch/${fork}`));
  expect(repository.git('status', '--porcelain')).toBe('');
  expect(existsSync(repository.path('three.txt'))).toBe(false);
  expect(await history.json(['accept', run])).toMatchObject({ outcome: 'accepted' });
  expect(repository.git('show', 'HEAD:three.txt')).toBe('3');
});

test('in the work tree only where that is as the checkpoint has it', async () => {
  history.restore();
  const { repository, run } = history;
  const runs = repository.path('.git/orch/runs');
  const known = readdirSync(runs);
  const { error } = await history.json(['run', 'next', '--from', '@latest@2'], 4);
  expect(error).toMatchObject({ code: 'ORCH_OTHER_TREE' });
  expect(JSON.stringify(error)).toContain('one.txt');
  expect(JSON.stringify(error)).toContain('--workspace isolated');
  expect(readdirSync(runs)).toEqual(known);

  const { run: own } = asRunOutcome(await history.orch(['run', 'history', '--json']));
  const refusal = await history.json(['run', 'next', '--from', `${own}@2`], 4);
  expect(refusal['error']).toMatchObject({
    fix: expect.stringContaining(`orch rollback ${own} --to 2`) as string,
  });
  await history.json(['rollback', own, '--to', '2']);
  const { run: fork } = asRunOutcome(
    await history.orch(['run', 'next', '--from', `${own}@2`, '--json']),
  );
  expect(await history.json(['show', fork])).toMatchObject({
    status: 'passed',
    from: { run: own, wave: 2 },
  });
  expect((await history.orch(['audit', fork])).code).toBe(0);
  await history.json(['accept', fork]);
  expect(repository.git('status', '--porcelain')).toBe('');
  expect(run).not.toBe(own);
});

test('what was uncommitted when the first of the line began is asked for as ever', async () => {
  history.restore();
  const { repository } = history;
  repository.write('mine.txt', 'mine\n');
  const { run } = asRunOutcome(await history.orch(['run', 'history', ...isolated]));
  const { run: fork } = asRunOutcome(
    await history.orch(['run', 'next', '--from', `${run}@2`, ...isolated]),
  );
  const { error } = await history.json(['accept', fork], 4);
  expect(error).toMatchObject({ code: 'ORCH_UNCOMMITTED' });
  expect(JSON.stringify(error)).toContain('mine.txt');
  await history.json(['accept', fork, '--squash']);
  expect(repository.git('status', '--porcelain')).toBe('?? mine.txt');
  expect(repository.git('show', 'HEAD:more.txt')).toBe('one');
});

test.for([
  { name: 'no wave', from: '@latest', code: 'ORCH_USAGE' },
  { name: 'a wave that the run does not have', from: '@latest@7', code: 'ORCH_NO_SUCH_CHECKPOINT' },
  { name: 'a run that nobody knows', from: 'nobody@1', code: 'ORCH_NO_SUCH_RUN' },
])('refused: $name', async ({ from, code }) => {
  const { stdout } = await history.orch(['run', 'next', '--from', from, ...isolated]);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
});

test('refused: checkpoints on the current branch', async () => {
  const args = ['run', 'next', '--from', `${history.run}@2`, '--commit-to', 'current'];
  const { error } = await history.json(args, 2);
  expect(error).toMatchObject({ code: 'ORCH_USAGE' });
});
