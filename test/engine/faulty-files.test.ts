/**
 * Every change that orch makes to its own files fails once, each in a run of its own: the run ends
 * with one clear error, does nothing that is not on disk, and goes on when the disk is well again,
 * to the same end as a run that nothing disturbed.
 */
import { describe, expect, test } from 'vitest';
import type { Fault } from '../rig/faulty-files.ts';
import { everyFew, type FaultyRun, observe, surviveAll, type Undisturbed } from './faulty-runs.ts';

const WORKFLOW = `
name: faults
concurrency: 2
steps:
  one: { wave: 1, run: 'echo one >> ../begun; echo 1 > one.txt; echo id=7 >> "$ORCH_OUTPUT"' }
  two: { wave: 1, run: 'echo two >> ../begun; rm old.txt' }
  three: { wave: 2, needs: [one, two], cache: true, reads: [one.txt], produces: [three.txt], env: { ID: "\${{ steps.one.outputs.id }}" }, run: 'echo three >> ../begun; echo "$ID" > three.txt' }
gates:
  - { name: there, level: light, run: 'test -f one.txt' }
`;

const SCENARIO: FaultyRun = {
  workflow: WORKFLOW,
  begun: '../begun',
  steps: ['one', 'three', 'two'],
};

let undisturbed: Promise<Undisturbed> | undefined;

/** A full disk at every change; other faults and moments at every fifth, each at changes of its own. */
const FAULTS: readonly (Omit<Fault, 'call'> & { readonly name: string; readonly every: number })[] =
  [
    { name: 'refused once, for want of space', errno: 'ENOSPC', every: 1 },
    { name: 'refused, and every later one too', errno: 'ENOSPC', lasting: true, every: 5 },
    { name: 'done by half', errno: 'ENOSPC', moment: 'short', every: 5 },
    { name: 'done, but not sure to be on disk', errno: 'EIO', moment: 'after', every: 5 },
    { name: 'refused once, for want of file descriptors', errno: 'EMFILE', every: 5 },
  ];

describe.concurrent('any change of a file, each in a run of its own', () => {
  test.for(FAULTS.map((fault, offset) => ({ ...fault, offset })))(
    '$name: a clear error, and a resume to the same end',
    { timeout: 400_000 },
    async (fault) => {
      undisturbed ??= observe(SCENARIO);
      const { calls } = await undisturbed;
      expect(calls.length).toBeGreaterThan(20);
      const numbers = everyFew(calls.length, fault.every, fault.offset);
      expect(await surviveAll(SCENARIO, fault, numbers, await undisturbed)).toEqual([]);
    },
  );
});
