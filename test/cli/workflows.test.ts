/**
 * What the keys of a workflow file mean, told by small workflows that are run from their file to their
 * last checkpoint. How a mistake in such a file is told is test/workflow.
 */
import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import type { RunOutcome } from '../rig/runs.ts';
import { endsOf, gatesOf, makeStage } from '../rig/workflow-stage.ts';

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

  test('a step whose process is lost every time is tried three times, and no more', async () => {
    const { run, notes } = makeStage();
    const outcome = await run(
      'steps:\n  a: { run: "echo x >> ../tries; kill -9 $PPID; sleep 60" }\n',
    );
    expect({ code: outcome.code, tries: notes('tries').length }).toEqual({ code: 1, tries: 3 });
    expect(endsOf(outcome, 'a').map(({ failure }) => failure?.kind)).toEqual(
      Array(3).fill('crash'),
    );
  });

  test.for([
    { what: 'once is tried again', dies: 1, code: 0, tries: 2 },
    { what: 'every time is tried three times', dies: 9, code: 1, tries: 3 },
  ])('a step lost together with orch $what', async ({ dies, code, tries }) => {
    const { repository, notes } = makeStage();
    const die = 'kill -9 $(ps -o ppid= -p $PPID) $PPID; sleep 60';
    repository.write(
      'w.yaml',
      `name: w\nsteps:\n  a: { run: 'echo x >> ../tries; [ $(wc -l < ../tries) -gt ${dies} ] || { ${die}; }' }\n`,
    );
    let outcome = await runOrch(['run', 'w.yaml'], { cwd: repository.top });
    for (let n = 1; n < 6 && outcome.signal === 'SIGKILL'; n++)
      outcome = await runOrch(['resume'], { cwd: repository.top });
    expect({ code: outcome.code, tries: notes('tries').length }).toEqual({ code, tries });
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

test('a NUL that only an expression makes fails the step or the gate, not the run of orch', async () => {
  const { run } = makeStage();
  const env = `env: { X: "\${{ fromJSON('\\"a\\\\u0000b\\"') }}" }`;
  const outcome = await run(`fail_fast: false
steps:
  a: { ${env}, run: "true" }
`);
  const failure = { kind: 'expression', message: 'the variable X holds a NUL character' };
  expect(outcome.code, outcome.stderr).toBe(1);
  expect(endsOf(outcome, 'a')).toMatchObject([{ status: 'failed', failure }]);
  const gated = await run(`steps:
  a: { run: "true" }
gates:
  - { name: g, level: light, ${env}, run: "true" }
`);
  expect(gated.code, gated.stderr).toBe(1);
  expect(gatesOf(gated)).toMatchObject([{ status: 'failed', failure }]);
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

test('a name for people may hold expressions, and is in plan, journal and show', async () => {
  const { run, repository } = makeStage();
  const name = 'Lint ${{ matrix.k }} for ${{ inputs.who }}';
  const outcome = await run(`inputs: { who: { default: us } }
steps:
  a: { name: "${name}", matrix: { k: [p, q] }, run: "true" }
  b: { name: "\${{ fromJSON('{') }}", run: "true", continue_on_error: true }
`);
  expect(outcome.code, outcome.stderr).toBe(0);
  const names = outcome.events.flatMap((event) =>
    'name' in event && event.name ? event.name : [],
  );
  expect(names.sort()).toEqual(['Lint p for us', 'Lint q for us']);
  expect(endsOf(outcome, 'b')).toMatchObject([{ failure: { kind: 'expression' } }]);
  const at = { cwd: repository.top };
  const shown = (await runOrchJson(['show'], at)).document as { steps: { name: string }[] };
  expect(shown.steps.map((step) => step.name).slice(0, 2)).toEqual([
    'Lint p for us',
    'Lint q for us',
  ]);
  expect((await runOrch(['show'], at)).stdout).toMatch(/^a\(q\) .* Lint q for us$/m);
  const plan = (await runOrchJson(['plan', 'w.yaml'], at)).document;
  expect(plan).toMatchObject({ steps: [{ id: 'a(p)', name }, { id: 'a(q)', name }, { id: 'b' }] });
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

describe('a folder where a file is meant', () => {
  const STEPS = "steps: { a: { run: 'true' } }\n";
  const makeFolders = () =>
    makeStage({
      '.orch/workflows/docs.yaml': `name: docs\n${STEPS}`,
      '.orch/workflows/d.yaml/inside': '',
      'docs/page.md': '',
      'other/page.md': '',
    }).repository.top;

  test('does not hide the workflow of its name', async () => {
    const cwd = makeFolders();
    expect((await runOrch(['plan', 'docs'], { cwd })).stdout).toContain('docs: 1 step in 1 wave');
  });

  test('is said to be one, in place of a workflow', async () => {
    const cwd = makeFolders();
    for (const given of ['.', 'other', '.orch/workflows/d.yaml']) {
      const { code, stderr } = await runOrch(['plan', given], { cwd });
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${given} (a folder)`)]);
    }
    const { code, stdout } = await runOrch(['list', '--workflows'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/d\.yaml .*is a folder, not a file(.|\n)*docs\.yaml/);
  });

  test('is said to be one, in place of the settings', async () => {
    const { repository } = makeStage({ '.orch/config.yaml/inside': '', 'w.yaml': STEPS });
    const { code, stderr } = await runOrch(['plan', 'w.yaml'], { cwd: repository.top });
    expect([code, stderr]).toEqual([2, expect.stringContaining('config.yaml is a folder')]);
  });
});

describe('what a failure left', () => {
  const failing = (onFailure: string) =>
    `on_failure: ${onFailure}\nsteps: { a: { run: echo half > left.txt; exit 3 } }\n`;

  test('is named by its rescue ref after on_failure: rollback', async () => {
    const stage = makeStage();
    const { run, summary, stderr } = await stage.run(failing('rollback'));
    const rescue = `refs/orch/rescue/${run}/1`;
    expect(summary).toMatchObject({ status: 'failed', rescue });
    expect(stderr).toBe(`run ${run}\n`);
    expect(stage.repository.git('show', `${rescue}:left.txt`)).toBe('half');
    expect(stage.exists('left.txt')).toBe(false);
    const again = await runOrch(['run', 'w.yaml'], { cwd: stage.repository.top });
    expect(again.stderr).toMatch(
      /^rolling back to wave 0; what was there before: refs\/orch\/rescue\/\S+$/m,
    );
    expect(again.stdout).toMatch(
      /^ {2}before the rollback: git diff HEAD refs\/orch\/rescue\/\S+$/m,
    );
  });

  test('is named by its sealed wave when it is kept', async () => {
    const stage = makeStage();
    const { run, summary } = await stage.run(failing('keep'));
    const ref = `refs/orch/sealed/${run}/1`;
    expect(summary).toMatchObject({ rescue: null, left_wave: { wave: 1, ref } });
    expect(stage.repository.git('show', `${ref}:left.txt`)).toBe('half');
    const again = await runOrch(['run', 'w.yaml'], { cwd: stage.repository.top });
    expect(again.stdout).toMatch(
      /^ {2}wave 1 as it was left: git diff HEAD refs\/orch\/sealed\/\S+$/m,
    );
  });

  test('is nothing when all went well', async () => {
    const { summary } = await makeStage().run("steps: { a: { run: 'true' } }\n");
    expect(summary).toMatchObject({ rescue: null, left_wave: null });
  });
});

test('what a failed gate keeps from starting says which gate, also without fail_fast', async () => {
  const stage = makeStage();
  const { events } = await stage.run(`fail_fast: false
steps:
  a: { run: 'true', wave: 1 }
  unit: { run: 'true', needs: [a], wave: 2 }
gates:
  - { name: tests, run: 'false', level: light }
  - { name: lint, run: 'true', level: light }
`);
  expect(events.filter(({ type }) => type === 'step.skipped')).toMatchObject([
    { step: 'unit', reason: 'gate', detail: 'gate tests of wave 1 failed' },
  ]);
  const { stdout } = await runOrch(['why', '@latest', 'unit'], { cwd: stage.repository.top });
  expect(stdout).toContain('unit: it was skipped: gate tests of wave 1 failed\n');
});
