/**
 * A workflow file that changes while its run is not over: a resume goes on with the frozen one and says
 * so; with `--accept-changes` what has not started yet is taken from the new one, on the record.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { readPlaces } from '../rig/crash-places.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { type RunOutcome, readOnlyRun, runToEnd } from '../rig/runs.ts';

const BEFORE = `
name: w
steps:
  early: { run: 'echo early >> "$COUNTS"; echo early > early.txt' }
  ok: { needs: [early], approval: { message: go? } }
  late: { needs: [ok], run: 'echo late >> "$COUNTS"; echo old > late.txt' }
  gone: { needs: [ok], run: echo gone > gone.txt }
gates:
  - { name: there, level: light, run: test -e early.txt }
`;
const AFTER = BEFORE.replace('echo early > early.txt', 'echo other > early.txt')
  .replace('echo old > late.txt', 'echo new > late.txt')
  .replace(/ {2}gone: .*/, '  added: { needs: [late], run: cat late.txt > added.txt }')
  .replace('test -e early.txt', 'test -e added.txt');

interface Paused {
  readonly repository: TestRepository;
  readonly counts: string;
  readonly orch: (...args: readonly string[]) => ReturnType<typeof runOrch>;
}

/** A run that waits at `ok`, its approval given, its file changed. */
async function makePaused(after = AFTER, before = BEFORE): Promise<Paused> {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  const counts = join(repository.folder, 'counts');
  const orch: Paused['orch'] = (...args) =>
    runOrch(args, { cwd: repository.top, env: { COUNTS: counts } });
  repository.write('w.yaml', before);
  expect((await orch('run', 'w.yaml')).code).toBe(75);
  expect((await orch('approve', '@latest', 'ok')).code).toBe(0);
  repository.write('w.yaml', after);
  return { repository, counts, orch };
}

const eventsOfType = (outcome: RunOutcome, type: string) =>
  outcome.events.filter((event) => event.type === type);

describe('orch resume, when the workflow file has changed', () => {
  test('goes on with the workflow as it was frozen, and says what differs', async () => {
    const { repository, orch } = await makePaused();
    const resumed = await orch('resume');
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain('w.yaml has changed; going on with the workflow as it was');
    const differences = resumed.stderr.split('\n').filter((line) => /^ {2}[-+~] /.test(line));
    expect(differences).toEqual([
      '  + added',
      '  - gone',
      '  ~ early: run',
      '  ~ late: run',
      '  ~ the workflow itself: gates',
    ]);
    expect(readFileSync(repository.path('late.txt'), 'utf8')).toBe('old\n');
    expect(existsSync(repository.path('gone.txt'))).toBe(true);
  });

  test('goes on when the file is gone or not valid any more', async () => {
    const { repository, orch } = await makePaused('steps: [');
    const resumed = await orch('resume');
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain('w.yaml cannot be read any more');
    expect(readFileSync(repository.path('late.txt'), 'utf8')).toBe('old\n');
  });

  test('says nothing of the file once the run is over', async () => {
    const { repository, orch } = await makePaused(BEFORE);
    await orch('resume');
    repository.write('w.yaml', AFTER);
    const again = await orch('resume');
    expect(again.stderr).toContain('had ended: nothing to resume');
    expect(again.stderr).not.toContain('has changed');
  });
});

describe('orch resume --accept-changes', () => {
  test('takes the new file for what has not started, and writes that down', async () => {
    const { repository } = await makePaused();
    const resumed = await runToEnd(repository, 'resume', '--accept-changes');
    expect(resumed).toMatchObject({ code: 0, summary: { status: 'passed' } });
    expect(eventsOfType(resumed, 'plan.changed')).toMatchObject([
      { added: ['added'], removed: ['gone'], changed: ['late'], kept: ['early'] },
    ]);
    expect(readFileSync(repository.path('early.txt'), 'utf8')).toBe('early\n');
    expect(readFileSync(repository.path('added.txt'), 'utf8')).toBe('new\n');
    expect(existsSync(repository.path('gone.txt'))).toBe(false);
    const { document } = await runOrchJson(['show'], { cwd: repository.top });
    expect((document as { steps: { id: string }[] }).steps.map(({ id }) => id).sort()).toEqual([
      'added',
      'early',
      'late',
      'ok',
    ]);
  });

  test('says what it takes and what it does not', async () => {
    const { orch } = await makePaused(`concurrency: 3\n${AFTER}`);
    const taken = (text: string) => text.split('\n').filter((line) => /^ {2}[-+~=] /.test(line));
    expect(taken((await orch('resume', '--accept-changes')).stderr)).toEqual([
      '  + added',
      '  - gone',
      '  ~ late: run',
      '  ~ the workflow itself: gates',
      '  = early: run (has ended, keeps its old definition)',
      '  = the workflow itself: concurrency (as the run began)',
    ]);
  });

  test('keeps what has ended although the file has it no more, and then has nothing to write', async () => {
    const { repository } = await makePaused(
      BEFORE.replace(/ {2}early:.*\n/, '').replace('needs: [early], ', ''),
    );
    const resumed = await runToEnd(repository, 'resume', '--accept-changes');
    expect(resumed.stderr).toContain('  = early: not in the file any more (has ended, keeps its');
    expect(eventsOfType(resumed, 'plan.changed')).toEqual([]);
    expect(resumed).toMatchObject({ code: 0, summary: { steps: { passed: 4 } } });
  });

  const withInputs = (inputs: string) =>
    AFTER.replace('steps:', `inputs: ${inputs}\nsteps:`)
      .replace('echo new > late.txt', 'echo "$A$B" > late.txt')
      .replace('late: {', 'late: { env: { A: "${{ inputs.a }}", B: "${{ inputs.b }}" },');

  test('gives new inputs their defaults, and keeps the values that the run began with', async () => {
    const before = BEFORE.replace('steps:', 'inputs: { a: { default: AA } }\nsteps:');
    const after = withInputs('{ a: { default: XX }, b: { default: BB } }');
    const { repository, orch } = await makePaused(after, before);
    expect((await orch('resume', '--accept-changes')).code).toBe(0);
    expect(readFileSync(repository.path('late.txt'), 'utf8')).toBe('AABB\n');
    const inputs = async () =>
      ((await runOrchJson(['show'], { cwd: repository.top })).document as { inputs: unknown })
        .inputs;
    expect(await inputs()).toEqual({ a: 'AA', b: 'BB' });
    const { run } = readOnlyRun(repository).state;
    rmSync(repository.path('.git/orch'), { recursive: true });
    const { document } = await runOrchJson(['show', run], { cwd: repository.top });
    expect(document).toMatchObject({ inputs: { a: 'AA', b: 'BB' } });
  });

  test.for([
    {
      name: 'a new input that is required',
      inputs: '{ a: {}, b: { required: true } }',
      said: '"b" is new',
    },
    {
      name: 'an old input of another type',
      inputs: '{ a: { type: number }, b: {} }',
      said: '"a" must be a number now, and the run began with "AA"',
    },
  ])('refuses $name, and the run can still go on as it was', async ({ inputs, said }) => {
    const before = BEFORE.replace('steps:', 'inputs: { a: { default: AA } }\nsteps:');
    const { repository, orch } = await makePaused(withInputs(inputs), before);
    const { code, document } = await runOrchJson(['resume', '--accept-changes'], {
      cwd: repository.top,
    });
    expect([code, JSON.stringify(document)]).toEqual([
      4,
      expect.stringContaining('ORCH_CHANGES_REFUSED'),
    ]);
    expect((document as { error: { message: string } }).error.message).toContain(said);
    expect((await orch('resume')).code).toBe(0);
    expect(readFileSync(repository.path('late.txt'), 'utf8')).toBe('old\n');
  });

  test('is on the record of the branch: a clone without the run files reads it', async () => {
    const { repository, orch } = await makePaused();
    await orch('resume', '--accept-changes');
    const { run } = readOnlyRun(repository).state;
    expect((await runOrchJson(['audit', run], { cwd: repository.top })).code).toBe(0);
    rmSync(repository.path('.git/orch'), { recursive: true });
    expect((await runOrchJson(['audit', run], { cwd: repository.top })).code).toBe(0);
    expect((await orch('rollback', run, '--to', '0')).code).toBe(0);
    expect(existsSync(repository.path('added.txt'))).toBe(false);
    expect((await orch('rollback', run, '--to', '1')).code).toBe(0);
    expect(readFileSync(repository.path('added.txt'), 'utf8')).toBe('new\n');
  });

  test('with --retry-failed mends the step and the gate that failed', async () => {
    const repository = makeRepository();
    onTestFinished(() => repository[Symbol.dispose]());
    const workflow = (b: string, gate: string) => `
name: w
steps:
  a: { run: echo a >> counts.txt }
  b: { needs: [a], run: '${b}' }
  c: { needs: [b], run: echo c >> counts.txt }
gates:
  - { name: g, run: '${gate}', level: light }
`;
    repository.write('w.yaml', workflow('exit 3', 'exit 4'));
    expect((await runToEnd(repository, 'run', 'w.yaml')).code).toBe(1);
    const mended = async (b: string, gate: string) => {
      repository.write('w.yaml', workflow(b, gate));
      return await runToEnd(repository, 'resume', '--retry-failed', '--accept-changes');
    };
    const halfMended = await mended('echo b >> counts.txt', 'exit 5');
    expect(halfMended).toMatchObject({ code: 1, summary: { steps: { passed: 3, failed: 0 } } });
    expect(eventsOfType(halfMended, 'gate.finished')).toMatchObject([{ exit_code: 5 }]);
    const whole = await mended('echo never', 'true');
    expect(whole).toMatchObject({ code: 0, summary: { status: 'passed' } });
    expect(readFileSync(repository.path('counts.txt'), 'utf8')).toBe('a\nb\nc\n');
    expect((await runOrch(['audit'], { cwd: repository.top })).code).toBe(0);
  });

  test('with --retry-failed leaves out a failed step that was removed', async () => {
    const repository = makeRepository();
    onTestFinished(() => repository[Symbol.dispose]());
    repository.write('w.yaml', "name: w\nsteps: { a: { run: 'true' }, b: { run: exit 3 } }\n");
    expect((await runToEnd(repository, 'run', 'w.yaml')).code).toBe(1);
    repository.write('w.yaml', "name: w\nsteps: { a: { run: 'true' } }\n");
    const whole = await runToEnd(repository, 'resume', '--retry-failed', '--accept-changes');
    expect(whole).toMatchObject({ code: 0, summary: { steps: { passed: 1, failed: 0 } } });
  });

  test('refuses a file that is not valid, and the run can still go on as it was', async () => {
    const { repository, orch } = await makePaused(AFTER.replace('needs: [late]', 'needs: [lat]'));
    const refused = await runOrchJson(['resume', '--accept-changes'], { cwd: repository.top });
    const error = { code: 'ORCH_UNKNOWN_STEP', file: 'w.yaml' };
    expect(refused).toMatchObject({ code: 2, document: { error } });
    expect((await orch('resume')).code).toBe(0);
    expect(readFileSync(repository.path('late.txt'), 'utf8')).toBe('old\n');
  });

  test('refuses a run whose matrix came from outputs, and changes nothing', async () => {
    const before = `
name: w
steps:
  list:
    run: |
      echo 'all={"n":[1,2]}' >> "$ORCH_OUTPUT"
  each: { needs: [list], matrix: "\${{ fromJSON(steps.list.outputs.all) }}", run: 'true' }
  ok: { needs: [each], approval: { message: go? } }
`;
    const { repository, orch } = await makePaused(`${before}  more: { run: 'true' }\n`, before);
    const refused = await runOrchJson(['resume', '--accept-changes'], { cwd: repository.top });
    const error = { code: 'ORCH_CHANGES_REFUSED' };
    expect(refused).toMatchObject({ code: 4, document: { error } });
    expect((await orch('resume')).code).toBe(0);
    expect(readOnlyRun(repository).state.status).toBe('passed');
  });

  test('killed at every persisted effect it ends as if nothing had happened', {
    timeout: 300_000,
  }, async () => {
    const whole = await makePaused();
    const record = join(whole.repository.folder, 'places');
    const env = { COUNTS: whole.counts, ORCH_CRASH_RECORD: record };
    const args = ['resume', '--accept-changes'];
    expect((await runOrch(args, { cwd: whole.repository.top, env })).code).toBe(0);
    const places = readPlaces(record).filter((place) => place.endsWith('#1'));
    expect(places.length).toBeGreaterThan(10);
    for (const place of places) {
      const { repository, counts } = await makePaused();
      const at = { cwd: repository.top, env: { COUNTS: counts } };
      const killed = await runOrch(args, { ...at, env: { ...at.env, ORCH_CRASH: place } });
      expect(killed.signal, place).toBe('SIGKILL');
      expect((await runOrch(args, at)).code, place).toBe(0);
      expect(readFileSync(repository.path('added.txt'), 'utf8'), place).toBe('new\n');
      expect(readFileSync(counts, 'utf8'), place).toBe('early\nlate\n');
      expect((await runOrch(['audit'], at)).code, place).toBe(0);
      const folder = repository.path(`.git/orch/runs/${readOnlyRun(repository).state.run}`);
      const left = readdirSync(folder).filter((name) => /^(lock|\.orch-)/.test(name));
      expect(left, place).toEqual([]);
    }
  });
});
