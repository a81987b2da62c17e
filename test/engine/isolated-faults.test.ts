/**
 * As faulty-files.test.ts, for a small isolated run. By default every few changes fail, begun at an
 * offset by seed (ORCH_SEED repeats it); with ORCH_LONG_TESTS every one of them.
 */
import { afterAll, expect, test } from 'vitest';
import type { Fault } from '../rig/faulty-files.ts';
import { everyFew, type FaultyRun, observe, surviveAll, type Undisturbed } from './faulty-runs.ts';

const SCENARIO: FaultyRun = {
  workflow: `
name: faults
workspace: isolated
concurrency: 2
checkpoint: { max_file_size: 1KB }
steps:
  one: { wave: 1, run: 'echo one >> "$(git rev-parse --git-common-dir)/begun"; echo 1 > one.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  two: { wave: 1, run: 'echo two >> "$(git rev-parse --git-common-dir)/begun"; rm old.txt; head -c 2000 /dev/zero > big.bin' }
  three: { wave: 2, needs: [one, two], env: { ID: "\${{ steps.one.outputs.id }}" }, run: 'echo three >> "$(git rev-parse --git-common-dir)/begun"; echo "$ID" > three.txt' }
gates:
  - { name: there, level: light, run: 'test -f one.txt' }
`,
  begun: '.git/begun',
  steps: ['one', 'three', 'two'],
};

const SEED = Number(process.env['ORCH_SEED'] ?? Math.floor(Math.random() * 1e9));
const IS_LONG = process.env['ORCH_LONG_TESTS'] !== undefined;

const FAULTS: readonly (Omit<Fault, 'call'> & { readonly name: string; readonly every: number })[] =
  [
    { name: 'refused once, for want of space', errno: 'ENOSPC', every: 12 },
    { name: 'refused, and every later one too', errno: 'ENOSPC', lasting: true, every: 24 },
    { name: 'done, but not sure to be on disk', errno: 'EIO', moment: 'after', every: 24 },
    { name: 'refused once, for want of file descriptors', errno: 'EMFILE', every: 24 },
  ];

let undisturbed: Promise<Undisturbed> | undefined;

test.for(FAULTS)(
  'a change of a file $name: a clear error, and a resume to the same end',
  { timeout: 3_600_000 },
  async ({ name: _, every, ...fault }) => {
    undisturbed ??= observe(SCENARIO);
    const { calls } = await undisturbed;
    expect(calls.length).toBeGreaterThan(60);
    const numbers = everyFew(calls.length, IS_LONG ? 1 : every, SEED);
    if (!IS_LONG)
      console.log(`left out: ${calls.length - numbers.length} of ${calls.length} changes`);
    expect(await surviveAll(SCENARIO, fault, numbers, await undisturbed)).toEqual([]);
  },
);

afterAll(() => console.log(`faults of isolated runs: ORCH_SEED=${SEED}`));
