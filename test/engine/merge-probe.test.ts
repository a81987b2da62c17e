/** The early warning that two steps which are still at work will not merge. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { startOrch } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';

test('two steps that edit the same lines are told of before either has finished', {
  timeout: 120_000,
}, async () => {
  using repository = makeRepository();
  const go = join(repository.folder, 'go');
  const work = (word: string) => `echo ${word} > same.txt; until [ -e "$GO" ]; do sleep 0.1; done`;
  repository.write(
    'w.yaml',
    `name: w
workspace: isolated
concurrency: 3
conflicts: { policy: ours }
steps:
  a: { run: '${work('a')}' }
  b: { run: '${work('b')}' }
  c: { run: 'echo c > other.txt; until [ -e "$GO" ]; do sleep 0.1; done' }
`,
  );
  repository.commitAll('first');
  const orch = startOrch(['run', 'w.yaml', '--json'], { cwd: repository.top, env: { GO: go } });
  const probes: unknown[] = [];
  for await (const line of createInterface({ input: orch.stdout })) {
    const event = JSON.parse(line) as { type: string; status?: string };
    if (event.type === 'merge.probe') {
      probes.push(event);
      writeFileSync(go, '');
    }
    if (event.type === 'run.summary') expect(event.status).toBe('passed');
  }
  if (orch.exitCode === null) await once(orch, 'exit');
  expect(probes).toEqual([
    expect.objectContaining({
      type: 'merge.probe',
      other: expect.any(String),
      files: ['same.txt'],
    }),
  ]);
  expect(
    new Set(
      probes.flatMap((probe) => [
        (probe as { step: string }).step,
        (probe as { other: string }).other,
      ]),
    ),
  ).toEqual(new Set(['a', 'b']));
});
