/** How a run ended is on its branch, also when its last wave failed: a clone knows it without its files. */
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository } from '../rig/repository.ts';
import { runToEnd } from '../rig/runs.ts';

const FAILS = `
name: w
steps:
  a: { wave: 1, run: echo a > a.txt }
  b: { wave: 2, needs: [a], run: 'echo b > b.txt; exit 3' }
`;
const WAITS = `
name: w
steps:
  a: { wave: 1, run: echo a > a.txt }
  ok: { wave: 2, needs: [a], approval: { message: go? } }
`;

async function makeProject(workflow: string) {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', workflow);
  repository.commitAll('first');
  const outcome = await runToEnd(repository, 'run', 'w.yaml');
  const clone = () => {
    const top = join(repository.folder, 'clone');
    repository.git('clone', '-q', repository.top, top);
    return { cwd: top };
  };
  return { repository, outcome, clone, at: { cwd: repository.top } };
}

describe('a run that failed', () => {
  test('is failed in a clone, with its failure, its report and an audit that agrees', async () => {
    const { repository, outcome, clone, at } = await makeProject(FAILS);
    const { run, summary } = outcome;
    const branch = `orch/${run}`;
    const tip = repository.git('rev-parse', branch);
    expect(summary.checkpoints).toMatchObject([{ wave: 0 }, { wave: 1, commit: tip }]);
    expect(repository.git('log', '-1', '--format=%s', branch)).toBe(
      'orch: w wave 1/2, then failed',
    );
    expect(repository.git('show', `${branch}:.orch/runs/${run}/report.md`)).toContain(
      '| b | failed |',
    );
    // The tree is that of the last good wave; what the failed one left is pinned elsewhere.
    expect(repository.git('ls-tree', '--name-only', branch).split('\n')).not.toContain('b.txt');
    expect((await runOrch(['audit'], at)).code).toBe(0);

    const there = clone();
    const { document } = await runOrchJson(['list'], there);
    expect(document).toMatchObject({ runs: [{ run, status: 'failed', workflow: 'w' }] });
    const shown = await runOrchJson(['show', run], there);
    expect(shown.document).toMatchObject({
      status: 'failed',
      steps: [
        { id: 'a', status: 'passed' },
        { id: 'b', status: 'failed', attempts: [{ exit_code: 3 }] },
      ],
    });
    expect((await runOrch(['audit', run], there)).code).toBe(0);
  });

  test('that is mended later is passed there, and the chain goes on', async () => {
    const { repository, outcome, at } = await makeProject(FAILS);
    repository.write('w.yaml', FAILS.replace('exit 3', 'true'));
    const again = await runToEnd(repository, 'resume', '--retry-failed', '--accept-changes');
    expect(again).toMatchObject({ code: 0, summary: { status: 'passed' } });
    const subjects = repository.git('log', '--format=%s', `orch/${outcome.run}`).split('\n');
    expect(subjects).toEqual([
      'orch: w wave 2/2',
      'orch: w wave 1/2, then failed',
      'orch: w wave 1/2',
      'orch: w wave 0/2',
      'first',
    ]);
    expect((await runOrch(['audit'], at)).code).toBe(0);
    expect((await runOrch(['accept', '--include-uncommitted'], at)).code).toBe(0);
  });

  test('in its first wave, twice, is on the branch with each end', async () => {
    const { repository, outcome, at } = await makeProject(
      FAILS.replace('echo a > a.txt', 'exit 4'),
    );
    await runOrch(['resume', '--retry-failed'], at);
    const subjects = repository.git('log', '--format=%s', `orch/${outcome.run}`).split('\n');
    expect(subjects).toEqual([
      'orch: w wave 0/2, then failed',
      'orch: w wave 0/2, then failed',
      'orch: w wave 0/2',
      'first',
    ]);
    expect(await runOrch(['audit'], at)).toMatchObject({ code: 0 });
  });

  test('goes back to each wave by the newest checkpoint of it', async () => {
    const { repository, at } = await makeProject(FAILS);
    expect((await runOrch(['rollback', '--to', '0'], at)).code).toBe(0);
    expect(repository.git('status', '--porcelain')).toBe('');
    expect((await runOrch(['rollback', '--to', '1'], at)).code).toBe(0);
    expect(repository.git('status', '--porcelain')).toBe('?? a.txt');
  });
});

test('a run that was cancelled while it waited is cancelled in a clone', async () => {
  const { outcome, clone, at } = await makeProject(WAITS);
  expect((await runOrch(['cancel'], at)).code).toBe(0);
  const { document } = await runOrchJson(['show', outcome.run], clone());
  expect(document).toMatchObject({ status: 'cancelled', counts: { passed: 1, cancelled: 1 } });
});

test('with --commit-to current the branch says it too, and the files stay', async () => {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('w.yaml', FAILS);
  repository.commitAll('first');
  const { run } = await runToEnd(repository, 'run', 'w.yaml', '--commit-to', 'current');
  expect(repository.git('log', '-1', '--format=%(trailers:key=Orch-Status)')).toBe(
    'Orch-Status: failed\n',
  );
  expect(repository.git('status', '--porcelain')).toBe('?? b.txt');
  expect((await runOrch(['audit', run], { cwd: repository.top })).code).toBe(0);
});
