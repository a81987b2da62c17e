/** A run whose repository is taken away under it: told as what it is, and nothing is left running. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { runOrch } from '../rig/cli.ts';
import { assertNoProcess, killMarked } from '../rig/processes.ts';
import { makeRepository } from '../rig/repository.ts';

describe.each([
  { what: '.git', removed: '.git' },
  { what: 'the objects', removed: '.git/objects' },
])('a step that removes $what', ({ removed }) => {
  // A step that fails is pinned at once; after one that passes, the wave is sealed.
  test.each(['exit 0', 'exit 1'])('and ends with %s', async (end) => {
    const repository = makeRepository();
    onTestFinished(() => repository[Symbol.dispose]());
    repository.write(
      'w.yaml',
      `name: w
steps:
  a: { wave: 1, run: 'while [ ! -e ../slow ]; do sleep 0.02; done; rm -rf ${removed}; ${end}' }
  b: { wave: 1, run: 'touch ../slow; ${end === 'exit 1' ? 'sleep 300' : ':'}' }
`,
    );
    repository.commitAll('first');
    const { code, stdout, stderr } = await runOrch(['run', 'w.yaml', '--json'], {
      cwd: repository.top,
    });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const run: string = lines[0].run;
    onTestFinished(() => killMarked({ ORCH_RUN: run }));
    expect({ code, error: lines.at(-1).error }).toMatchObject({
      code: 3,
      error: {
        code: 'ORCH_REPOSITORY_DAMAGED',
        message: expect.stringMatching(/^the repository is gone or damaged: /),
      },
    });
    expect(stderr).not.toMatch(/^ {4}at |stopped here/m);
    assertNoProcess({ ORCH_RUN: run });
  });
});
