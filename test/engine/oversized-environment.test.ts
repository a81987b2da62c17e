/** Values too large for any program's environment are found before the step or gate starts. */
import { expect, onTestFinished, test } from 'vitest';
import { findOversized } from '../../src/engine/job-environment.ts';
import { makeRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';

const KIB = 1024;

test('a string of 128 KiB with its name and end is taken, one byte more is not', () => {
  const fits = 'x'.repeat(128 * KIB - 'BIG=\0'.length);
  expect(findOversized({ BIG: fits }, {})).toBeUndefined();
  expect(findOversized({ BIG: `${fits}x` }, {})).toContain('variable BIG has 131073 bytes');
  const wide = 'ä'.repeat(65 * KIB);
  expect(findOversized({ BIG: wide }, {}), 'bytes, not characters').toContain('variable BIG');
});

test('many that fit alone may be too much together, what is inherited included', () => {
  const some = (prefix: string, count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`${prefix}${index}`, 'x'.repeat(100 * KIB)]),
    );
  expect(findOversized(some('A', 10), some('B', 9))).toBeUndefined();
  expect(findOversized(some('A', 10), some('B', 11))).toMatch(/^the environment has \d+ bytes/);
});

test('the step fails without a process, with the name and the size, and is not tried again', async () => {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write(
    'w.yaml',
    `name: w
steps:
  make: { run: 'printf "text=%s\\n" "$(head -c 900000 /dev/zero | tr "\\0" x)" >> "$ORCH_OUTPUT"' }
  use: { needs: [make], retry: { max_attempts: 3, backoff: 1ms }, run: 'true', env: { TEXT: "\${{ steps.make.outputs.text }}" } }
`,
  );
  repository.commitAll('first');
  const { code, events, stderr } = await runToEnd(repository, 'run', 'w.yaml');
  expect(code, stderr).toBe(1);
  const ends = events.filter((event) => event.type === 'step.finished' && event.step === 'use');
  expect(ends).toMatchObject([
    {
      exit_code: null,
      failure: {
        kind: 'environment',
        message: expect.stringContaining('the variable TEXT has 900006 bytes'),
      },
    },
  ]);
});
