/** What the last lines of a run and its refusals say to type leads somewhere. */
import { spawnSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { cleanEnvironment, runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';

function makeSample(workflow: string): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', `name: w\n${workflow}`);
  repository.commitAll('first');
  return repository;
}

test('a run whose checkpoints are on the current branch is not to be accepted', async () => {
  const { top: cwd } = makeSample("steps: { a: { run: 'true' } }\n");
  const { stdout } = await runOrch(['run', 'w.yaml', '--commit-to', 'current'], { cwd });
  expect(stdout).toMatch(/^ {2}next: orch rollback w-\S+ --to 0$/m);
  const { document } = await runOrchJson(['show'], { cwd });
  expect(document).toMatchObject({ status: 'passed', next: null });
  const onItsOwn = await runOrch(['run', 'w.yaml'], { cwd });
  expect(onItsOwn.stdout).toMatch(/^ {2}next: orch accept (\S+), or: orch rollback \1 --to 0$/m);
});

test('a failed step is to be looked at where there is something to see', async () => {
  const { top: cwd } = makeSample(
    'fail_fast: false\nsteps: { bad: { run: exit 3 }, ship: { approval: { message: go? } } }\n',
  );
  await runOrch(['run', 'w.yaml'], { cwd });
  await runOrch(['reject', '@latest', 'ship'], { cwd });
  const { stdout } = await runOrch(['resume'], { cwd });
  expect(stdout).toMatch(/^ {2}failed: bad: .*; see: orch logs w-\S+ bad$/m);
  const [, run = ''] = /^ {2}failed: ship: .*; see: orch why (\S+) ship$/m.exec(stdout) ?? [];
  expect((await runOrch(['why', run, 'ship'], { cwd })).stdout).toContain('ship: it failed');
});

test('steps are counted as of each line, not as of the last', async () => {
  const { top: cwd } = makeSample(`steps:
  a: { run: 'true' }
  ship: { run: 'false', needs: [a] }
  b: { run: 'true', needs: [ship] }
`);
  const { stderr } = await runOrch(['run', 'w.yaml'], { cwd });
  expect(stderr).toMatch(/ done {3}a, .* {2}\[1\/3\]\n/);
  // The checkpoint of wave 0 is made beside the steps, and may be told in between.
  expect(stderr).toMatch(/ FAIL {3}ship: .* {2}\[2\/3\]\n(?: {2}saved .*\n)? {2}skip {3}b: /);
});

const PAUSED = "steps: { a: { run: 'true' }, ok: { needs: [a], approval: { message: go? } } }\n";

/** What a refused resume says to type, but for the resume itself at its end. */
async function fixOfResume({ top: cwd }: TestRepository): Promise<string> {
  const { code, document } = await runOrchJson(['resume'], { cwd });
  const { error } = document as { error: { code: string; fix: string } };
  expect([code, error.code]).toEqual([4, 'ORCH_REF_MOVED']);
  expect(error.fix).toMatch(/ && orch resume w-\S+; or give it up: orch cancel w-/);
  return error.fix.replace(/ && orch resume .*$/, '');
}

function typeIn({ top: cwd }: TestRepository, command: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', command], { cwd, env: cleanEnvironment() });
  expect(status, stderr.toString()).toBe(0);
}

test('a commit on the branch of the run is kept under a name when the branch is moved back', async () => {
  const repository = makeSample(PAUSED);
  const { top: cwd } = repository;
  await runOrch(['run', 'w.yaml', '--commit-to', 'current'], { cwd });
  await runOrch(['approve', '@latest', 'ok'], { cwd });
  repository.write('mine.txt', 'mine');
  repository.commitAll('mine');
  typeIn(repository, await fixOfResume(repository));
  const resumed = await runOrch(['resume'], { cwd });
  expect(resumed.code).toBe(0);
  const [, run = ''] = /^passed: (\S+?),/m.exec(resumed.stdout) ?? [];
  expect(repository.git('log', '-1', '--format=%s', `saved-${run}`)).toBe('mine');
  expect(repository.git('show', 'HEAD:mine.txt')).toBe('mine');
  expect((await runOrch(['audit', run], { cwd })).code).toBe(0);
});

test('on another branch than that of the run, the way is back to it', async () => {
  const repository = makeSample(PAUSED);
  const { top: cwd } = repository;
  await runOrch(['run', 'w.yaml', '--commit-to', 'current'], { cwd });
  await runOrch(['approve', '@latest', 'ok'], { cwd });
  repository.git('switch', '-q', '-c', 'other', 'HEAD~1');
  const fix = await fixOfResume(repository);
  expect(fix).toBe('git switch main');
  typeIn(repository, fix);
  expect((await runOrch(['resume'], { cwd })).code).toBe(0);
});
