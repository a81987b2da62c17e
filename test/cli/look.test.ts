/** The commands that look, on real runs: one that failed and waits to be looked at, and its clone. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanEnvironment, runOrch, runOrchJson } from '../rig/cli.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';

const WORKFLOW = `name: look
description: Everything there is to see
fail_fast: false
concurrency: 2
steps:
  build:
    run: printf '\\033[32mgreen\\033[0m \\033[2Jcleared\\n10%%\\r100%%\\n'; echo made > made.txt
  cached: { needs: [build], run: "true", cache: true, reads: [README.md] }
  each: { needs: [build], matrix: { x: [one, two] }, run: "echo $ORCH_STEP" }
  never: { needs: [build], when: "steps.build.status == 'failed'", run: "true" }
  broken:
    needs: [build]
    run: "echo last words >&2; echo left > left.txt; exit 3"
    retry: { max_attempts: 2, backoff: 1ms }
  after: { needs: [broken], run: "true" }
`;

let repository: TestRepository;
let run: string;

beforeAll(async () => {
  repository = makeRepository();
  repository.write('README.md', 'hello\n');
  repository.write('.orch/workflows/look.yaml', WORKFLOW);
  repository.write('.orch/workflows/bad.yaml', 'name: bad\nsteps:\n  a: { rum: "true" }\n  b: 3\n');
  repository.commitAll('first');
  const { code, stdout } = await runOrch(['run', 'look', '--json'], { cwd: repository.top });
  expect(code).toBe(1);
  run = (JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { run: string }).run;
});
afterAll(() => repository[Symbol.dispose]());

const at = () => ({ cwd: repository.top });

describe('orch status', () => {
  test('has the shape that scripts rely on, and the newest run that is over', async () => {
    const { code, document } = await runOrchJson(['status'], at());
    expect(document).toMatchObject({
      branch: 'main',
      runs: [],
      last_run: { run, status: 'failed', next: `orch resume ${run} --retry-failed` },
      tasks: { total: 0, ready: 0, in_progress: 0, done: 0 },
      agents: [],
    });
    expect(code).toBe(0);
  });

  test('outside a repository it says what to do', async () => {
    const { code, document } = await runOrchJson(['status'], { cwd: '/' });
    expect(document).toHaveProperty('error.code', 'ORCH_NOT_A_REPOSITORY');
    expect(code).toBe(3);
  });
});

describe('orch list', () => {
  test('tells runs with status, time and steps', async () => {
    const { document } = await runOrchJson(['list'], at());
    expect(document).toMatchObject({
      total: 1,
      runs: [
        {
          run,
          workflow: 'look',
          status: 'failed',
          source: 'here',
          steps: { passed: 4, failed: 1, skipped: 2, cancelled: 0 },
          progress: { done: 7, total: 7, percent: 100, seconds_left: null },
        },
      ],
    });
    const { stdout } = await runOrch(['list'], at());
    expect(stdout).toMatch(/^run +workflow +status +started +duration +steps\n/);
    expect(stdout).toMatch(/look +failed .* 7\/7 \(1 failed, 2 skipped\)/);
  });

  test('a file with mistakes is listed with the first of them, and hides no other', async () => {
    const { code, document } = await runOrchJson(['list', '--workflows'], at());
    const { workflows } = document as { workflows: Record<string, unknown>[] };
    expect(workflows.map(({ file }) => file)).toEqual([
      '.orch/workflows/bad.yaml',
      '.orch/workflows/look.yaml',
    ]);
    expect(workflows[0]).toMatchObject({ name: null, error: { line: 3, mistakes: 2 } });
    expect(workflows[1]).toMatchObject({
      name: 'look',
      description: 'Everything there is to see',
      error: null,
    });
    expect(code).toBe(0);
  });

  test('a mistake in config.yaml is told of that file, not of every workflow', async () => {
    repository.write('.orch/config.yaml', 'concurency: 2\n');
    const { code, stdout, stderr } = await runOrch(['list', '--workflows'], at());
    const planned = await runOrch(['plan', 'look'], at());
    repository.remove('.orch/config.yaml');
    expect(stderr).toMatch(/^\.orch\/config\.yaml:1:1: unknown key "concurency"/);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: planned.stderr });
  });

  test('a damaged run hides no other', async () => {
    const folder = repository.path('.git/orch/runs/damaged-991231-aaaa');
    spawnSync('sh', ['-c', `mkdir -p "$0" && echo '{' > "$0/run.json"`, folder]);
    const listed = await runOrchJson(['list'], at());
    const status = await runOrchJson(['status'], at());
    spawnSync('rm', ['-r', folder]);
    const { runs } = listed.document as { runs: { run: string; code?: string }[] };
    expect(runs.map(({ run: id, code }) => [id, code])).toEqual([
      ['damaged-991231-aaaa', 'ORCH_RUN_DAMAGED'],
      [run, undefined],
    ]);
    expect(status.document).toMatchObject({
      last_run: { run },
      unreadable: [{ run: 'damaged-991231-aaaa' }],
    });
  });
});

describe('orch show', () => {
  test('is the folded state: attempts with their refs, waves, checkpoints, cache use', async () => {
    const { document } = await runOrchJson(['show', run.slice(0, 8)], at());
    expect(document).toMatchObject({
      run,
      status: 'failed',
      branch: `orch/${run}`,
      counts: { passed: 4, failed: 1, skipped: 2, cancelled: 0 },
      progress: { done: 7, total: 7, percent: 100 },
    });
    const { steps } = document as { steps: { id: string; attempts: Record<string, unknown>[] }[] };
    const attemptsOf = (id: string) => steps.find((step) => step.id === id)?.attempts;
    expect(attemptsOf('cached')).toMatchObject([
      { n: 1, cache: { hit: false, reason: 'it has never been cached' } },
    ]);
    expect(attemptsOf('broken')).toMatchObject([
      { n: 1, exit_code: 3, ref: `refs/orch/attempts/${run}/broken/1` },
      { n: 2, exit_code: 3, ref: `refs/orch/attempts/${run}/broken/2` },
    ]);
  });

  test.for([
    { meant: 'nothing', fix: 'orch list' },
    { meant: '@latets', fix: 'did you mean "@latest"?' },
  ])('an unknown run, $meant, ends with 2 and what to type', async ({ meant, fix }) => {
    const { code, document } = await runOrchJson(['show', meant], at());
    expect(document).toMatchObject({ error: { code: 'ORCH_NO_SUCH_RUN', fix } });
    expect(code).toBe(2);
  });

  test('a clone, which has only git, tells the same of steps and attempts', async () => {
    const clone = join(repository.folder, 'clone');
    const env = cleanEnvironment() as NodeJS.ProcessEnv;
    spawnSync('git', ['clone', '-q', repository.top, clone], { env });
    const here = (await runOrchJson(['show', run], at())).document as Record<string, unknown>;
    const { document, code } = await runOrchJson(['show', run], { cwd: clone });
    const there = document as Record<string, unknown>;
    expect(there).toMatchObject({ source: 'git', branch: `origin/orch/${run}`, held_by: null });
    const { checkpoints } = there as { checkpoints: { wave: number }[] };
    expect(checkpoints.map(({ wave }) => wave)).toContain(0);
    expect(code).toBe(0);
    const idsOf = ({ steps }: Record<string, unknown>) =>
      (steps as { id: string }[]).map(({ id }) => id);
    expect(idsOf(there)).toEqual(idsOf(here));
    const listed = await runOrchJson(['list'], { cwd: clone });
    expect(listed.document).toMatchObject({
      runs: [{ run, source: 'git', workflow: 'look', branch: `origin/orch/${run}` }],
    });
  });
});

describe('orch logs', () => {
  test('one step is printed as it is, without what could drive a terminal', async () => {
    const { stdout } = await runOrch(['logs', run, 'build'], at());
    expect(stdout).toBe('green cleared\n100%\n');
  });

  test('colours stay where they are wanted, and end with their line', async () => {
    const { stdout } = await runOrch(['logs', run, 'build'], {
      ...at(),
      env: { FORCE_COLOR: '1' },
    });
    expect(stdout).toBe('\x1b[32mgreen\x1b[0m cleared\x1b[0m\n100%\n');
  });

  test('lines of several origins bear their names', async () => {
    const { stdout } = await runOrch(['logs', run, 'each'], at());
    expect(stdout.split('\n').sort()).toEqual([
      '',
      'each(one) | each(one)',
      'each(two) | each(two)',
    ]);
    const broken = await runOrch(['logs', run, 'broken'], at());
    expect(broken.stdout).toBe('broken | last words\nbroken#2 | last words\n');
  });

  test('--json is one document', async () => {
    const { document } = await runOrchJson(['logs', run, 'broken', '--attempt', '2'], at());
    const wave = expect.any(Number) as number;
    expect(document).toEqual({
      run,
      logs: [{ step: 'broken', wave, attempt: 2, stream: 'err', text: 'last words' }],
    });
  });

  test('-f of a run that is over ends at once, and --json is then one event a line', async () => {
    const { code, stdout } = await runOrch(['logs', run, 'broken', '-f', '--json'], at());
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { attempt: number }).attempt)).toEqual([1, 2]);
    expect(code).toBe(0);
  });

  test.for([
    {
      args: ['broken', '--attempt', '3'],
      words: 'there is no attempt 3: broken has had 2 attempts',
    },
    { args: ['build', '--attempt', '2'], words: 'there is no attempt 2: build has had 1 attempt' },
    { args: ['broken', '--attempt', '3', '-f'], words: 'broken has had 2 attempts' },
    { args: ['--attempt', '3'], words: 'nothing has had more than 2 attempts' },
    { args: ['never'], words: /never was skipped; see: orch why look-\S+ never\n/ },
  ])('$args: what there is not is told apart', async ({ args, words }) => {
    const { stdout, stderr } = await runOrch(['logs', ...args], at());
    expect(stderr).toMatch(words);
    expect(stdout).toBe('');
  });

  test('a near miss is suggested', async () => {
    const { code, stderr } = await runOrch(['logs', run, 'brokem'], at());
    expect(stderr).toContain('fix: did you mean "broken"? [ORCH_NO_SUCH_STEP]');
    expect(code).toBe(2);
  });
});

describe('orch why', () => {
  test.for([
    { step: 'build', words: /it ran and passed.*\n.*it needs no other step/ },
    { step: 'cached', words: /it had to run, not from the cache: it has never been cached/ },
    {
      step: 'never',
      words:
        /^never: it was skipped: its condition did not hold: .* because steps\.build\.status is 'passed'\n(?!.*condition)/,
    },
    { step: 'broken', words: /it failed: exit code 3 \(attempt 2 of 2\).*last words/s },
    { step: 'after', words: /trigger_rule all_success does not hold, because broken failed/ },
    { step: 'each', words: /a matrix of 2 instances: 2 passed; together passed/ },
  ])('of "$step" it gives the reason', async ({ step, words }) => {
    const { code, stdout } = await runOrch(['why', '@latest', step], at());
    expect(stdout).toMatch(words);
    expect(code).toBe(0);
  });

  test('scripts get needs, dependents, attempts and last lines', async () => {
    const { document } = await runOrchJson(['why', run, 'broken'], at());
    expect(document).toMatchObject({
      step: 'broken',
      status: 'failed',
      needs: [{ step: 'build', status: 'passed' }],
      needed_by: [{ step: 'after', status: 'skipped' }],
      waits_for: [],
      last_lines: { out: [], err: ['last words'] },
      next: `orch resume ${run} --retry-failed`,
    });
  });
});

describe.for(['logs', 'why'])('orch %s with one argument', (command) => {
  test('that is no run means that step of the newest run', async () => {
    const timeless = (text: string) => text.replace(/ended .* ago|ended just now/, 'ended');
    const named = await runOrch([command, run, 'broken'], at());
    const { code, stdout } = await runOrch([command, 'broken'], at());
    expect(timeless(stdout)).toBe(timeless(named.stdout));
    expect(code).toBe(0);
  });

  test('that is neither: both possibilities are named', async () => {
    const { code, document } = await runOrchJson([command, 'brokem'], at());
    expect(document).toMatchObject({
      error: {
        code: 'ORCH_NO_SUCH_RUN',
        message: `no run begins with "brokem", and the newest run, ${run}, has no step of this name`,
        fix: 'did you mean "broken"?',
      },
    });
    expect(code).toBe(2);
  });

  test('@latets is no step', async () => {
    const { document } = await runOrchJson([command, '@latets'], at());
    expect(document).toHaveProperty('error.fix', 'did you mean "@latest"?');
  });
});

test.for([
  { args: [], message: 'orch why needs a step' },
  { args: ['look'], message: 'orch why needs a step, and "look" is the run ' },
])('orch why $args lacks a step, and says so', async ({ args, message }) => {
  const { code, document } = await runOrchJson(['why', ...args], at());
  expect(document).toMatchObject({
    error: {
      code: 'ORCH_USAGE',
      message: expect.stringContaining(message) as string,
      fix: `orch why ${run} build`,
    },
  });
  expect(code).toBe(2);
});

describe('orch diff', () => {
  test('of the whole run shows files, and none of the records', async () => {
    const { document } = await runOrchJson(['diff', run], at());
    const { files, diff } = document as { files: { path: string }[]; diff: string };
    const paths = files.map(({ path }) => path);
    expect(paths).toContain('made.txt');
    expect(`${paths.join()}${diff}`).not.toContain('.orch/runs');
    expect(diff).toContain('+made');
  });

  test('of a failed attempt shows what it left', async () => {
    const { stdout, code } = await runOrch(['diff', run, '--attempt', 'broken/1', '--stat'], at());
    expect(stdout).toContain('left.txt');
    expect(stdout).not.toContain('.orch/runs');
    expect(code).toBe(0);
  });

  test.for([
    { args: ['--wave', '0'], message: 'nothing before it' },
    { args: ['--wave', '99'], message: 'no checkpoint of wave 99' },
    { args: ['--attempt', 'build/1'], message: 'only failed ones are kept' },
    { args: ['--attempt', 'broken'], message: 'takes step/n' },
    { args: ['--attempt', 'x/1'], message: 'has no step "x"' },
  ])('$args is refused with a reason', async ({ args, message }) => {
    const { code, document } = await runOrchJson(['diff', run, ...args], at());
    expect(document).toHaveProperty('error.message', expect.stringContaining(message));
    expect(code).toBe(2);
  });
});
