/** What `cache` promises: a hit brings back what the step made, and is never stale. */
import { lstatSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runOrch, runOrchJson } from '../rig/cli.ts';
import { asRunOutcome, type RunOutcome } from '../rig/runs.ts';
import { endsOf, gatesOf, makeStage, type WorkflowStage } from '../rig/workflow-stage.ts';

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
      what: 'its env, though the inherited variable of that name is not looked at',
      workflow: step('env: { TERM: dumb },'),
      reason: 'variable TERM is new',
    },
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

  test.for([
    { variable: 'TERM', hit: true },
    { variable: 'npm_lifecycle_event', hit: true },
    { variable: 'npm_config_registry', hit: false },
    { variable: 'ORCH_INPUT_OF_ANOTHER_RUN', hit: true },
  ])('an inherited $variable that changes: hit $hit', async ({ variable, hit }) => {
    const { repository } = makeStage({ 'in.txt': 'one\n' });
    repository.write('w.yaml', `name: w\n${step()}`);
    const runWith = async (value: string) => {
      const options = { cwd: repository.top, env: { [variable]: value } };
      return asRunOutcome(await runOrch(['run', 'w.yaml', '--json'], options));
    };
    await runWith('one');
    expect(useOf(await runWith('two')).hit).toBe(hit);
  });

  test('two steps with one command have an entry each, instances of a matrix too', async () => {
    const { run, notes } = makeStage({ 'in.txt': 'one\n' });
    const shared = `cache: true, reads: [in.txt], run: 'echo ran >> ../ran; echo "me=$ORCH_STEP" >> "$ORCH_OUTPUT"'`;
    const workflow = `concurrency: 1
steps:
  a: { ${shared} }
  b: { ${shared} }
  m: { matrix: { k: [p, q] }, ${shared} }
`;
    const meOf = (outcome: RunOutcome) =>
      ['a', 'b', 'm(p)', 'm(q)'].map((id) => endsOf(outcome, id)[0]?.outputs['me']);
    expect(meOf(await run(workflow))).toEqual(['a', 'b', 'm(p)', 'm(q)']);
    const second = await run(workflow);
    expect(meOf(second)).toEqual(['a', 'b', 'm(p)', 'm(q)']);
    expect([second.summary.cache.hits, notes('ran').length]).toEqual([4, 4]);
  });

  test('reads that match no file: it runs every time, and says why', async () => {
    const { run, notes } = makeStage({ 'in.txt': 'one\n' });
    const workflow = `steps:
  a: { cache: true, reads: [no/such/**], run: 'echo ran >> ../ran' }
gates:
  - { name: g, level: light, cache: true, reads: [no/such/**], run: 'echo gate >> ../ran' }
`;
    await run(workflow);
    const second = await run(workflow);
    const none = { hit: false, reason: 'its reads match no file' };
    expect(useOf(second)).toEqual(none);
    expect(gatesOf(second)[0]?.cache).toMatchObject(none);
    expect(notes('ran').sort()).toEqual(['gate', 'gate', 'ran', 'ran']);
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

describe('symbolic links', () => {
  const linked = (stage: WorkflowStage, path: string, target: string) => {
    rmSync(stage.repository.path(path), { force: true });
    symlinkSync(target, stage.repository.path(path));
  };

  test('a link under reads that leads elsewhere, and a file behind it that changed', async () => {
    const stage = makeStage({ 'src/a.txt': 'a\n', 'src/b.txt': 'a\n', 'real/c.txt': 'c\n' });
    linked(stage, 'src/l', 'a.txt');
    linked(stage, 'src/c', '../real/c.txt');
    const workflow =
      "steps:\n  a: { cache: true, reads: ['src/**'], produces: [o.txt], run: 'readlink src/l > o.txt; cat src/c >> o.txt' }\n";
    await stage.run(workflow);
    expect((await stage.run(workflow)).summary.cache.hits).toBe(1);

    linked(stage, 'src/l', 'b.txt');
    const turned = await stage.run(workflow);
    expect(endsOf(turned, 'a')[0]?.cache?.reason).toBe('file src/l changed');
    stage.repository.write('real/c.txt', 'changed\n');
    const changed = await stage.run(workflow);
    expect(endsOf(changed, 'a')[0]?.cache?.reason).toBe('file src/c changed');
    expect(stage.read('o.txt')).toBe('b.txt\nchanged\n');
  });

  test('links that a step made count as produced, and come back on a hit', async () => {
    const stage = makeStage({ 'in.txt': 'one\n' });
    const workflow =
      "steps:\n  a: { cache: true, reads: [in.txt], produces: [plink, dist], run: 'ln -s in.txt plink; mkdir dist; echo o > dist/o; ln -s o dist/l; ln -s nowhere dist/n' }\n";
    const first = await stage.run(workflow);
    expect(first.code, first.stderr).toBe(0);

    for (const path of ['plink', 'dist']) stage.repository.remove(path);
    expect((await stage.run(workflow)).summary.cache.hits).toBe(1);
    const targets = ['plink', 'dist/l', 'dist/n'].map((path) =>
      readlinkSync(stage.repository.path(path)),
    );
    expect(targets).toEqual(['in.txt', 'o', 'nowhere']);
    expect(lstatSync(stage.repository.path('dist/o')).isFile()).toBe(true);
  });
});
