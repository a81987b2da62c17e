/** `orch why` of real runs: what is said of steps in every state that a run can leave them in. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeIsolated } from '../engine/isolated-stage.ts';
import { outcomeOf, runOrch } from '../rig/cli.ts';
import { asRunOutcome } from '../rig/runs.ts';

describe('in a work tree', () => {
  test('steps that failed, were let go, or are made of others', async () => {
    const stage = makeIsolated({ 'a.txt': 'a\n' });
    const workflow = `
fail_fast: false
concurrency: 2
steps:
  allowed: { continue_on_error: true, run: 'exit 3' }
  again: { retry: { max_attempts: 2, backoff: 10ms }, run: 'exit 4' }
  each: { matrix: { k: [1, 2, 3] }, run: 'test $ORCH_MATRIX_K -lt 3' }
  list: { run: 'echo "all=[]" >> "$ORCH_OUTPUT"' }
  none: { needs: [list], matrix: "\${{ fromJSON(steps.list.outputs.all) }}", run: 'true' }
  unwanted: { needs: [list], when: "\${{ steps.list.outputs.all == 'x' }}", run: 'true' }
  needy: { needs: [again], run: 'true' }
`;
    const { run } = await stage.run(workflow, '--workspace', 'in-place');
    const why = async (step: string) => (await stage.orch('why', run, step)).stdout;
    expect(await why('allowed')).toContain(
      'the run goes on all the same: continue_on_error is set',
    );
    expect(await why('again')).toContain('it failed: exit code 4 (attempt 2 of 2)');
    expect(await why('again')).toContain('attempt 1 failed: exit code 4');
    expect(await why('again')).toContain(`next: orch resume ${run} --retry-failed`);
    expect(await why('each')).toContain(
      'it is a matrix of 3 instances: 2 passed, 1 failed; together failed',
    );
    expect(await why('each(3)')).toContain('it failed: exit code 1');
    expect(await why('none')).toContain('its matrix is empty');
    const unwanted = await why('unwanted');
    expect(unwanted).toContain('it was skipped: its condition did not hold: ');
    expect(unwanted).toContain("because steps.list.outputs.all is '[]'");
    expect(await why('needy')).toContain('trigger_rule all_success does not hold, because');
  });

  test('what fail_fast has stopped or never started', async () => {
    const stage = makeIsolated({ 'a.txt': 'a\n' });
    const workflow = `
concurrency: 2
steps:
  bad: { run: 'sleep 0.3; exit 1' }
  long: { run: 'exec sleep 60' }
  later: { wave: 2, run: 'true' }
`;
    const { run } = await stage.run(workflow, '--workspace', 'in-place');
    const why = async (step: string) => (await stage.orch('why', run, step)).stdout;
    expect(await why('long')).toContain('it was stopped: ');
    const later = await why('later');
    expect(later).toContain('fail_fast stops what has not started');
    expect(later).toContain('what failed: bad');
  });

  test('a step that was running when orch was killed, and one that waits for its wave', async () => {
    const stage = makeIsolated({ 'a.txt': 'a\n' });
    const workflow = `
name: w
steps:
  first: { run: 'exec sleep 3' }
  second: { wave: 2, run: 'true' }
  third: { needs: [second], run: 'true' }
`;
    stage.repository.write('../w.yaml', workflow);
    const env = { ...stage.env, ORCH_CRASH: 'job start:after#1' };
    const options = { cwd: stage.repository.top, env };
    expect((await runOrch(['run', '../w.yaml'], options)).signal).toBe('SIGKILL');
    const why = async (step: string) => (await stage.orch('why', '@latest', step)).stdout;
    expect(await why('first')).toContain('it was running when orch stopped');
    expect(await why('second')).toContain('nobody works on the run: its process is gone');
    expect(await why('third')).toContain('it needs second (pending)');
    const { stdout } = await stage.orch('why', '@latest', 'third', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ step: 'third', status: 'pending' });
    expect((await stage.orch('resume')).code).toBe(0);
    expect(await why('third')).toContain('it ran and passed');
  });
});

describe('isolated', () => {
  const clashing = (settled: string, second = '') => `
concurrency: 2
${settled}
steps:
  first: { wave: 1, run: 'echo first > text.txt' }
  second:
    wave: 1
    ${second}
    run: |
      n=0; until git cat-file -e "refs/orch/merged/$ORCH_RUN:mark.txt" 2>/dev/null || test $n -gt 400; do n=$((n+1)); sleep 0.05; done
      echo second > text.txt
  mark: { wave: 1, needs: [first], run: 'echo mark > mark.txt' }
`;

  test('work that does not merge: where it is, and what it was up to', async () => {
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const { run } = await stage.run(clashing(''));
    const { stdout } = await stage.orch('why', run, 'second');
    expect(stdout).toContain('does not merge with what was done meanwhile: text.txt');
    expect(stdout).toContain(`what it left: orch diff ${run} --attempt second/1`);
    const diff = await stage.orch('diff', run, '--attempt', 'second/1');
    expect(diff.code).toBe(0);
    expect(diff.stdout).toContain('+second');
  });

  test('a conflict that a person settles', async () => {
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const waiting = await stage.run(clashing('conflicts: { policy: ask }'));
    const why = async () => (await stage.orch('why', waiting.run, 'second')).stdout;
    expect(await why()).toContain('it waits for a person');
    expect(await why()).toContain(`orch approve ${waiting.run} second`);
    const [{ message = '' } = {}] = waiting.of('resolve.started', 'second');
    const root = /settle it in (.*), then approve/.exec(message)?.[1] ?? '';
    writeFileSync(join(root, 'text.txt'), 'by hand\n');
    expect((await stage.orch('approve', waiting.run, 'second')).code).toBe(0);
    const run = stage.asRun(asRunOutcome(await stage.orch('resume', '--json')));
    expect(run.code).toBe(0);
    expect(await why()).toContain('it ran and passed');
  });

  test('a conflict that is being settled by a command, with orch and without it', async () => {
    const stage = makeIsolated({ 'text.txt': 'base\n' });
    const settled = `conflicts: { policy: agent, run: 'touch "$NOTES/settling"; n=0; until test -e "$NOTES/go" || test $n -gt 400; do n=$((n+1)); sleep 0.05; done; echo both > text.txt' }`;
    const child = stage.start(clashing(settled));
    const ended = outcomeOf(child);
    await expect.poll(() => stage.notes('settling'), { timeout: 30_000 }).toEqual(['']);
    const why = async () => (await stage.orch('why', '@latest', 'second')).stdout;
    expect(await why()).toContain('and is being settled: text.txt');
    child.kill('SIGKILL');
    await ended;
    const alone = await why();
    expect(alone).toContain('and is to be settled: text.txt');
    expect(alone).toContain('that goes on when the run is resumed');
    expect(alone).toMatch(/next: orch resume w-/);
    stage.repository.write('../go', '');
    expect((await stage.orch('resume')).code).toBe(0);
    expect(await why()).toContain('it ran and passed');
  });
});
