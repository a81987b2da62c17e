/** A cache that cannot be used is a miss with a reason, and never the end of a run. */
import { existsSync, rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { type RunOutcome, runToEnd } from '../rig/runs.ts';

function makeProject(script: string, produces: string): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  const step = { run: script, reads: ['in.txt'], produces: [produces], cache: true };
  repository.write('w.yaml', JSON.stringify({ name: 'w', steps: { a: step } }));
  repository.write('in.txt', 'in\n');
  repository.commitAll('first');
  return repository;
}

const cacheOf = ({ events }: RunOutcome) =>
  events.find((event) => event.type === 'step.finished')?.cache;

test('a product whose name is not UTF-8 cannot be kept', async () => {
  const script = `mkdir -p out; echo x > "out/$(printf 'caf\\351')"`;
  const repository = makeProject(script, 'out/**');
  for (const _ of ['first', 'second']) {
    const outcome = await runToEnd(repository, 'run', 'w.yaml');
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(cacheOf(outcome)).toMatchObject({
      hit: false,
      reason: expect.stringContaining('not kept: '),
    });
  }
});

test('an entry that a full folder is in the way of is made anew', async () => {
  const repository = makeProject('rm -rf out; echo made > out', 'out');
  expect((await runToEnd(repository, 'run', 'w.yaml')).code).toBe(0);
  rmSync(repository.path('out'));
  repository.write('out/mine.txt', 'mine\n');
  const outcome = await runToEnd(repository, 'run', 'w.yaml');
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(cacheOf(outcome)).toMatchObject({
    hit: false,
    reason: expect.stringContaining('its entry cannot be used: '),
  });
  expect(existsSync(repository.path('out/mine.txt'))).toBe(false); // By the step, not by the cache.
});
