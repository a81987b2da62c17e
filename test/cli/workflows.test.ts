/**
 * What the keys of a workflow file mean, told by small workflows that are run from their file to their
 * last checkpoint. How a mistake in such a file is told is test/workflow.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { GateFinished, RunEvent, StepFinished } from '../../src/run/events.ts';
import { runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { type RunOutcome, runToEnd } from '../rig/runs.ts';

interface Stage {
  readonly repository: TestRepository;
  /** Writes the workflow and runs it. */
  run(steps: string, ...options: readonly string[]): Promise<RunOutcome>;
  read(path: string): string;
  exists(path: string): boolean;
  /** Lines of a file beside the work tree, where a step tells what no checkpoint shall see. */
  notes(name: string): string[];
}

function makeStage(files: Readonly<Record<string, string>> = {}): Stage {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  for (const [path, content] of Object.entries(files)) repository.write(path, content);
  repository.commitAll('first');
  return {
    repository,
    run(steps, ...options) {
      repository.write('w.yaml', `name: w\n${steps}`);
      return runToEnd(repository, 'run', 'w.yaml', ...options);
    },
    read: (path) => readFileSync(repository.path(path), 'utf8'),
    exists: (path) => existsSync(repository.path(path)),
    notes(name) {
      const path = join(repository.folder, name);
      return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
    },
  };
}

type Ended<Body> = Body & { readonly at: string };

function endsOf({ events }: RunOutcome, step: string): Ended<StepFinished>[] {
  return events.filter(
    (event): event is RunEvent & StepFinished =>
      event.type === 'step.finished' && event.step === step,
  );
}

function gatesOf({ events }: RunOutcome): Ended<GateFinished>[] {
  return events.filter((event): event is RunEvent & GateFinished => event.type === 'gate.finished');
}

/** Step id -> how it ended, skipped ones with the reason. */
function statuses({ events }: RunOutcome): Record<string, string> {
  const found: Record<string, string> = {};
  for (const event of events) {
    if (event.type === 'step.finished') found[event.step] = event.status;
    if (event.type === 'step.skipped') found[event.step] = `skipped: ${event.reason}`;
  }
  return found;
}

describe('retry', () => {
  const failing = 'echo x >> ../tries; [ $(wc -l < ../tries) -ge 3 ]';

  test('a step is tried again after a pause, and passes', async () => {
    const { run, notes, repository } = makeStage();
    const outcome = await run(
      `steps:\n  a: { retry: { max_attempts: 3, backoff: 100ms }, run: '${failing}' }\n`,
    );
    expect({ code: outcome.code, tries: notes('tries').length }).toEqual({ code: 0, tries: 3 });
    const ends = endsOf(outcome, 'a');
    expect(ends.map(({ status }) => status)).toEqual(['failed', 'failed', 'passed']);
    const starts = outcome.events.filter(({ type }) => type === 'step.started');
    for (const [n, end] of ends.slice(0, 2).entries()) {
      const dueMs = Date.parse(end.retry_at ?? '');
      const ceilingMs = 100 * 2 ** n;
      expect(dueMs - Date.parse(end.at), 'full jitter below the ceiling').toBeLessThan(
        ceilingMs + 50,
      );
      expect(Date.parse(starts[n + 1]?.at ?? ''), 'not before its time').toBeGreaterThanOrEqual(
        dueMs,
      );
      expect(repository.git('cat-file', '-t', end.ref ?? ''), 'what it left is kept').toBe(
        'commit',
      );
    }
  });

  test('attempts run out: the run has failed, and the last failure is told', async () => {
    const { run, notes } = makeStage();
    const outcome = await run(
      'steps:\n  a: { retry: { max_attempts: 2, backoff: 1ms }, run: "echo x >> ../tries; exit 7" }\n',
    );
    expect({ code: outcome.code, tries: notes('tries').length }).toEqual({ code: 1, tries: 2 });
    expect(endsOf(outcome, 'a').at(-1)).toMatchObject({ exit_code: 7, failure: { kind: 'exit' } });
  });
});

describe('what a step leaves', () => {
  test('a file that it should have produced and did not', async () => {
    const { run } = makeStage();
    const outcome = await run(
      'steps:\n  a: { produces: [made.txt, "out/*.js"], run: echo > made.txt }\n',
    );
    expect(outcome.code).toBe(1);
    expect(endsOf(outcome, 'a')).toMatchObject([
      { failure: { kind: 'missing_output', message: 'it did not produce out/*.js' } },
    ]);
  });

  test('outputs reach env, when and a matrix of later steps', async () => {
    const { run, read } = makeStage();
    const outcome = await run(`steps:
  a: { run: 'printf "id=7\\nlist=[\\"x\\",\\"y\\"]\\ntext<<END\\none\\ntwo\\nEND\\n" >> "$ORCH_OUTPUT"' }
  b: { needs: [a], env: { ID: "\${{ steps.a.outputs.id }}", TEXT: "\${{ steps.a.outputs.text }}" }, run: 'echo "$ID $TEXT" > b.txt' }
  c: { needs: [a], when: steps.a.outputs.id == '8', run: echo > c.txt }
  d: { needs: [a], matrix: "\${{ fromJSON(steps.a.outputs.list) }}", run: 'env | grep ^ORCH_MATRIX_ >> d.txt' }
`);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(read('b.txt')).toBe('7 one\ntwo\n');
    expect(statuses(outcome)).toMatchObject({ c: 'skipped: when', 'd(x)': 'passed' });
    expect(read('d.txt').trim().split('\n').sort()).toHaveLength(2);
  });

  test('output that nobody can read fails the step, not the run of orch', async () => {
    const { run } = makeStage();
    const outcome = await run('steps:\n  a: { run: \'echo nonsense >> "$ORCH_OUTPUT"\' }\n');
    expect(outcome.code).toBe(1);
    expect(endsOf(outcome, 'a')).toMatchObject([{ failure: { kind: 'bad_output' } }]);
  });

  test('an output cannot become shell code', async () => {
    const { run, read, exists } = makeStage();
    const outcome = await run(`steps:
  a: { run: 'echo "evil=\\$(touch pwned); touch pwned" >> "$ORCH_OUTPUT"' }
  b: { needs: [a], env: { V: "\${{ steps.a.outputs.evil }}" }, run: 'echo "$V" > b.txt' }
`);
    expect(outcome.code).toBe(0);
    expect(read('b.txt')).toBe('$(touch pwned); touch pwned\n');
    expect(exists('pwned')).toBe(false);
  });

  test('a log above max_log keeps its end', async () => {
    const { run, repository } = makeStage({ '.orch/config.yaml': 'max_log: 10KB\n' });
    const outcome = await run(
      "steps:\n  a: { run: 'seq 1 100000; echo the end; exit 1' }\n  b: { run: 'echo short' }\n",
    );
    const out = repository.path(`.git/orch/runs/${outcome.run}/steps/a/1/out`);
    expect(statSync(out).size).toBeLessThan(20_000);
    const log = readFileSync(out, 'utf8');
    expect(log).toMatch(/^\[orch: \d+ bytes were dropped here, max_log is 10240\]\n/);
    expect(log).toMatch(/\n100000\nthe end\n$/);
  });
});

describe('matrix', () => {
  test('a step that needs one finds every element, failed ones too, in order', async () => {
    const { run, read } = makeStage();
    const outcome = await run(`fail_fast: false
steps:
  m:
    matrix: { k: [c, a, b] }
    run: 'echo "v=$ORCH_MATRIX_K" >> "$ORCH_OUTPUT"; [ "$ORCH_MATRIX_K" != a ]'
  after:
    needs: [m]
    trigger_rule: all_done
    env: { ALL: "\${{ toJSON(steps.m.matrix) }}", STATUS: "\${{ join(steps.m.matrix.*.status, ',') }}" }
    run: 'echo "$ALL" > all.json; echo "$STATUS" > status'
`);
    expect(outcome.code).toBe(1);
    expect(read('status')).toBe('passed,failed,passed\n');
    expect(JSON.parse(read('all.json'))).toMatchObject([
      { values: { k: 'c' }, status: 'passed', outputs: { v: 'c' } },
      { values: { k: 'a' }, status: 'failed' },
      { values: { k: 'b' }, status: 'passed', outputs: { v: 'b' } },
    ]);
  });

  test('an empty one is skipped and says so', async () => {
    const { run } = makeStage();
    const outcome = await run(`steps:
  a: { run: 'echo "list=[]" >> "$ORCH_OUTPUT"' }
  m: { needs: [a], matrix: "\${{ fromJSON(steps.a.outputs.list) }}", run: "true" }
`);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(statuses(outcome)).toMatchObject({ m: 'skipped: empty_matrix' });
  });
});

describe('what decides whether a step runs', () => {
  test('every trigger rule, over needs that passed, failed and were skipped', async () => {
    const { run } = makeStage();
    const rules = ['all_success', 'none_failed', 'all_done', 'one_success'];
    const needs = { p: '[good]', pf: '[good, bad]', ps: '[good, none]', fs: '[bad, none]' };
    const steps = rules.flatMap((rule) =>
      Object.entries(needs).map(
        ([name, ids]) =>
          `  ${name}-${rule.replace('_', '-')}: { needs: ${ids}, trigger_rule: ${rule}, run: "true" }`,
      ),
    );
    const outcome = await run(
      `fail_fast: false\nsteps:\n  good: { run: "true" }\n  bad: { run: "false" }\n  none: { when: "false", run: "true" }\n${steps.join('\n')}\n`,
    );
    const ran = Object.entries(statuses(outcome)).flatMap(([id, status]) =>
      status === 'passed' && id !== 'good' ? [id] : [],
    );
    expect(ran.sort()).toEqual(
      [
        'p-all-success',
        ...['p', 'ps'].map((name) => `${name}-none-failed`),
        ...['p', 'pf', 'ps', 'fs'].map((name) => `${name}-all-done`),
        ...['p', 'pf', 'ps'].map((name) => `${name}-one-success`),
      ].sort(),
    );
    expect(outcome.code).toBe(1);
  });

  test('fail_fast ends what runs beside a failure, and starts nothing more', async () => {
    const { run, notes } = makeStage();
    const outcome = await run(`concurrency: 2
steps:
  slow: { run: 'touch ../slow; sleep 600' }
  bad: { run: 'until [ -e ../slow ]; do sleep 0.01; done; exit 1' }
  later: { run: 'echo later >> ../ran' }
  clean-up: { needs: [bad], trigger_rule: all_done, run: 'echo clean >> ../ran' }
`);
    expect(outcome.code).toBe(1);
    expect(statuses(outcome)).toEqual({
      slow: 'cancelled',
      bad: 'failed',
      later: 'skipped: fail_fast',
      'clean-up': 'passed',
    });
    expect(notes('ran')).toEqual(['clean']);
  });

  test('continue_on_error: the failure is told, and nothing else changes', async () => {
    const { run } = makeStage();
    const outcome = await run(
      'steps:\n  a: { continue_on_error: true, run: exit 1 }\n  b: { needs: [a], run: "true" }\n',
    );
    expect(outcome).toMatchObject({
      code: 0,
      summary: { status: 'passed', steps: { passed: 1, failed: 1 } },
    });
  });

  test('inputs arrive as variables and in conditions', async () => {
    const { run, read } = makeStage();
    const workflow = `inputs:
  target: { default: src }
  deep: { type: boolean, default: false }
steps:
  a: { run: 'echo "$ORCH_INPUT_TARGET" > target.txt' }
  b: { when: inputs.deep, run: echo > deep.txt }
`;
    const outcome = await run(workflow, '--input', 'target=a b', '-i', 'deep=true');
    expect(read('target.txt')).toBe('a b\n');
    expect(statuses(outcome)).toEqual({ a: 'passed', b: 'passed' });
    expect(statuses(await run(workflow))).toEqual({ a: 'passed', b: 'skipped: when' });
  });
});

test('a nested workflow is run with its inputs, and hands its outputs on', async () => {
  const { run, read } = makeStage({
    'inner.yaml': `name: inner
inputs: { word: { required: true } }
outputs: { loud: "\${{ steps.shout.outputs.loud }}" }
steps:
  shout: { run: 'echo "loud=$(echo "$ORCH_INPUT_WORD" | tr a-z A-Z)" >> "$ORCH_OUTPUT"' }
`,
  });
  const outcome = await run(`steps:
  first: { run: 'echo "w=hello" >> "$ORCH_OUTPUT"' }
  outer: { needs: [first], workflow: ./inner.yaml, with: { word: "\${{ steps.first.outputs.w }}" } }
  last: { needs: [outer], env: { L: "\${{ steps.outer.outputs.loud }}" }, run: 'echo "$L" > last.txt' }
`);
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(statuses(outcome)).toEqual({ first: 'passed', 'outer/shout': 'passed', last: 'passed' });
  expect(read('last.txt')).toBe('HELLO\n');
});

test('a pool is never exceeded, and what needs none of it does not wait for it', async () => {
  const { run } = makeStage();
  const users = [1, 2, 1, 1, 2].map(
    (units, n) => `  s${n}: { uses: { gpu: ${units} }, run: sleep 0.05 }`,
  );
  const outcome = await run(
    `pools: { gpu: 2 }\nconcurrency: 4\nsteps:\n${users.join('\n')}\n  free: { run: sleep 0.05 }\n`,
  );
  expect(outcome.code).toBe(0);
  const unitsOf = (step: string) => (step === 'free' ? 0 : ([1, 2, 1, 1, 2][Number(step[1])] ?? 0));
  let inUse = 0;
  let most = 0;
  for (const event of outcome.events) {
    if (event.type === 'step.started') inUse += unitsOf(event.step);
    if (event.type === 'step.finished') inUse -= unitsOf(event.step);
    most = Math.max(most, inUse);
  }
  expect(most).toBe(2);
});

describe('gates', () => {
  test('one that fails ends the run; the wave is kept and the next one does not begin', async () => {
    const { run, repository, exists } = makeStage();
    const outcome = await run(`steps:
  a: { wave: 1, run: echo a > a.txt }
  b: { wave: 2, needs: [a], run: echo b > b.txt }
gates:
  - { name: good, level: light, run: test -f a.txt }
  - { name: bad, level: light, run: exit 4 }
`);
    expect(outcome.code).toBe(1);
    expect(
      gatesOf(outcome)
        .map(({ gate, status }) => `${gate} ${status}`)
        .sort(),
    ).toEqual(['bad failed', 'good passed']);
    expect(exists('b.txt')).toBe(false);
    expect(repository.git('show', `refs/orch/sealed/${outcome.run}/1:a.txt`)).toBe('a');
    expect(outcome.summary.checkpoints.map(({ wave }) => wave)).toEqual([0]);
  });

  test('they look at the last wave only, again after a failure, and above the validation not at all', async () => {
    const { run, notes } = makeStage();
    const outcome = await run(`strategy: systematic
steps:
  a: { wave: 1, run: echo a > a.txt }
  b: { wave: 2, needs: [a], run: echo b > b.txt }
gates:
  - { name: end, on: end, run: 'echo end >> ../ran; test -f b.txt' }
  - { name: flaky, level: light, on: end, retry: { max_attempts: 2, backoff: 1ms }, run: 'echo flaky >> ../ran; [ "$(grep -c flaky ../ran)" = 2 ]' }
  - { name: strict, level: strict, run: 'echo strict >> ../ran' }
`);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(notes('ran').sort()).toEqual(['end', 'flaky', 'flaky']);
    expect(outcome.summary.gates_left_out).toEqual(['strict']);
  });
});

describe('cache', () => {
  const step = (more = '', script = 'cat in.txt > out.txt') =>
    `steps:\n  a: { cache: true, reads: [in.txt, "lib/**"], produces: [out.txt], ${more} run: 'echo ran >> ../ran; echo v=1 >> "$ORCH_OUTPUT"; ${script}' }\n  b: { needs: [a], env: { V: "\${{ steps.a.outputs.v }}" }, run: 'echo "$V" > v.txt' }\n`;

  async function makeCached() {
    const stage = makeStage({ 'in.txt': 'one\n', 'lib/x': 'x\n', 'other.txt': 'o\n' });
    const first = await stage.run(step());
    expect(first.code, first.stderr).toBe(0);
    return stage;
  }

  function useOf(outcome: RunOutcome): { hit?: boolean; reason?: string } {
    const { hit, reason } = endsOf(outcome, 'a')[0]?.cache ?? {};
    return { ...(hit !== undefined && { hit }), ...(reason !== undefined && { reason }) };
  }

  test('a hit runs nothing, and brings back what was produced and handed on', async () => {
    const { run, read, notes, repository } = await makeCached();
    repository.remove('out.txt');
    repository.remove('v.txt');
    repository.write('other.txt', 'changed, and not read by the step\n');
    const outcome = await run(step());
    expect(useOf(outcome)).toMatchObject({ hit: true });
    expect(outcome.summary.cache.hits).toBe(1);
    expect([read('out.txt'), read('v.txt'), notes('ran')]).toEqual(['one\n', '1\n', ['ran']]);
    expect(repository.git('show', `${outcome.summary.branch}:out.txt`)).toBe('one');
  });

  test.for([
    { what: 'a file it reads', change: { 'in.txt': 'two\n' }, reason: 'file in.txt changed' },
    { what: 'a new file that it would read', change: { 'lib/y': '' }, reason: 'file lib/y is new' },
    { what: 'its command', workflow: step('', 'cp in.txt out.txt'), reason: 'its command changed' },
    { what: 'its env', workflow: step('env: { MODE: fast },'), reason: 'variable MODE is new' },
    {
      what: 'what it produces',
      workflow: step('', 'cat in.txt > out.txt').replace('[out.txt]', '[out.txt, in.txt]'),
      reason: 'what it produces changed',
    },
    { what: '--no-cache', options: ['--no-cache'], reason: 'the cache is off (--no-cache)' },
    {
      what: '--refresh',
      options: ['--refresh', 'a'],
      reason: 'asked to be made anew (--refresh)',
    },
  ])('never stale: $what', async ({ change = {}, workflow = step(), options = [], reason }) => {
    const { run, notes, repository } = await makeCached();
    for (const [path, content] of Object.entries(change)) repository.write(path, content);
    const outcome = await run(workflow, ...options);
    expect(useOf(outcome)).toEqual({ hit: false, reason });
    expect(notes('ran')).toHaveLength(2);
  });

  test('--refresh of what is not there starts nothing', async () => {
    const { repository, notes } = await makeCached();
    const { code, document } = await runOrchJson(['run', 'w.yaml', '--refresh', 'aa'], {
      cwd: repository.top,
    });
    expect(document).toMatchObject({
      error: { code: 'ORCH_NO_SUCH_STEP', fix: 'did you mean "a"?' },
    });
    expect({ code, ran: notes('ran') }).toEqual({ code: 2, ran: ['ran'] });
    expect(repository.git('branch', '--list', 'orch/*').split('\n')).toHaveLength(1);
  });

  test('never stale: a variable that orch itself inherited', async () => {
    const { run, notes } = await makeCached();
    process.env['PATH'] = `${process.env['PATH']}:/nonexistent`;
    onTestFinished(() => {
      process.env['PATH'] = process.env['PATH']?.replace(/:\/nonexistent$/, '');
    });
    expect(useOf(await run(step()))).toEqual({ hit: false, reason: 'variable PATH changed' });
    expect(notes('ran')).toHaveLength(2);
  });

  test('an entry lives as long as its ttl', async () => {
    const { run, notes } = makeStage({ 'in.txt': 'one\n' });
    const short = step().replace('cache: true', 'cache: { ttl: 1ms }');
    const long = step().replace('cache: true', 'cache: { ttl: 1h }');
    await run(short);
    expect(useOf(await run(short)).reason).toBe('the entry is older than its ttl');
    expect(useOf(await run(long))).toMatchObject({ hit: true });
    expect(notes('ran')).toHaveLength(2);
  });

  test('what changed while the step ran is not kept, and a failure neither', async () => {
    const { run, repository, notes } = makeStage({ 'in.txt': 'one\n' });
    const changing = step('', 'cat in.txt > out.txt; echo more >> in.txt');
    await run(changing);
    repository.write('in.txt', 'one\n');
    expect(useOf(await run(changing))).toMatchObject({ hit: false });
    const failing = step('', 'cat in.txt > out.txt; false');
    await run(failing);
    expect((await run(failing)).code).toBe(1);
    expect(notes('ran')).toHaveLength(4);
  });

  test('a gate is asked again only when what it looks at has changed', async () => {
    const { run, repository, notes } = makeStage({ 'in.txt': 'one\n', 'other.txt': 'o\n' });
    const workflow = `steps:
  a: { run: "true" }
gates:
  - { name: all, level: light, cache: true, run: 'echo all >> ../ran' }
  - { name: some, level: light, cache: true, reads: [in.txt], run: 'echo some >> ../ran' }
`;
    await run(workflow);
    const second = await run(workflow);
    expect(gatesOf(second).map(({ gate, cache }) => [gate, cache?.hit])).toEqual([
      ['all', true],
      ['some', true],
    ]);
    repository.write('other.txt', 'changed\n');
    const third = await run(workflow);
    expect(
      gatesOf(third)
        .map(({ gate, cache }) => [gate, cache?.hit])
        .sort(),
    ).toEqual([
      ['all', false],
      ['some', true],
    ]);
    expect(notes('ran').sort()).toEqual(['all', 'all', 'some']);
  });
});
