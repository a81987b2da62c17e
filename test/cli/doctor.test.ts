/** `orch doctor`: tells what is wrong, changes nothing unless asked to, and then only what is safe. */
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Finding } from '../../src/view/finding.ts';
import { outcomeOf, runOrch, runOrchJson, startOrch } from '../rig/cli.ts';
import { killMarked } from '../rig/processes.ts';
import { makeRepository, openTestRepository, type TestRepository } from '../rig/repository.ts';
import { readOnlyRun, runToEnd } from '../rig/runs.ts';
import { openSteering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

function makeSample(): TestRepository {
  const repository = makeRepository();
  onTestFinished(() => repository[Symbol.dispose]());
  repository.write('fails.yaml', 'name: fails\nsteps:\n  a: { run: echo x > left; exit 3 }\n');
  repository.write('waits.yaml', 'name: waits\nsteps:\n  ship: { approval: { message: Ok? } }\n');
  return repository;
}

async function examine(folder: string, ...more: string[]) {
  const { code, document } = await runOrchJson(['doctor', ...more], { cwd: folder });
  const { healthy, findings } = document as { healthy: boolean; findings: Finding[] };
  const problems = findings.filter(({ level }) => level === 'problem');
  expect({ code, healthy }).toEqual(
    problems.every(({ fixed }) => fixed) ? { code: 0, healthy: true } : { code: 1, healthy: false },
  );
  return { findings, problems, checks: problems.map(({ check }) => check) };
}

describe('where nothing is wrong', () => {
  test('it says so, and which processes a stop could miss', async () => {
    const repository = makeSample();
    await runToEnd(repository, 'run', 'waits.yaml');
    const { findings, problems } = await examine(repository.top);
    expect(problems).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual(['containment', 'run']);
    const told = await runOrch(['doctor'], { cwd: repository.top });
    expect(told.stdout).toMatch(/why: .*ORCH_RUN(.|\n)*\nall is well\n$/);
  });

  test('a run at work is nothing to be mended', async () => {
    const { repository, slow, child } = await makeLongRun();
    const outcome = outcomeOf(child);
    const { problems } = await examine(repository.top, '--fix');
    expect(problems).toEqual([]);
    await slow.exit(0);
    expect((await outcome).code).toBe(0);
  });
});

/** A run in the middle of a step that does what the test says. */
async function makeLongRun() {
  const steering = await openSteering(makeTemporaryFolder());
  const repository = makeSample();
  onTestFinished(() => killMarked({ ORCH_RUN: readOnlyRun(repository).state.run }));
  repository.write(
    'long.yaml',
    `name: long\nsteps:\n  slow: { run: "${steering.command('slow')}" }\n`,
  );
  const child = startOrch(['run', 'long.yaml'], { cwd: repository.top });
  return { repository, child, slow: await steering.started('slow'), steering };
}

describe('what a killed orch leaves', () => {
  test('is named, stays until it is mended, and the run stays even then', async () => {
    const { repository, child, slow } = await makeLongRun();
    child.kill('SIGKILL');
    await once(child, 'close');
    const { files, state } = readOnlyRun(repository);
    const found = await examine(repository.top);
    expect(found.checks.sort()).toEqual(['lock', 'lock', 'orphan', 'run']);
    const orphan = found.problems.find(({ check }) => check === 'orphan');
    expect(orphan?.what).toContain(`${slow.pid} (`);
    expect(await slow.environment('ORCH_RUN')).toBe(state.run); // It lives.
    expect(readdirSync(files.folder)).toContain('lock.1');

    const mended = await examine(repository.top, '--fix');
    await slow.ended;
    expect(readdirSync(files.folder)).not.toContain('lock.1');
    const left = mended.problems.filter(({ fixed }) => !fixed);
    expect(left.map(({ check }) => check)).toEqual(['run']);
    expect(left[0]?.fix).toBe(`orch resume ${state.run}, or orch cancel ${state.run}`);
    await runOrch(['cancel'], { cwd: repository.top });
    expect((await examine(repository.top)).problems).toEqual([]);
  });

  test('ended by --fix, it did not fail: a resume runs it again', async () => {
    const { repository, child, slow, steering } = await makeLongRun();
    child.kill('SIGKILL');
    await once(child, 'close');
    await examine(repository.top, '--fix');
    await slow.ended;
    const resumed = runToEnd(repository, 'resume');
    await (await steering.started('slow')).exit(0);
    expect(await resumed).toMatchObject({ code: 0, summary: { status: 'passed' } });
    expect(readOnlyRun(repository).state.steps[0]).toMatchObject({ counted: 1 });
  });

  test('temporary files go, but not those of a living process', async () => {
    const repository = makeSample();
    await runToEnd(repository, 'run', 'waits.yaml');
    const { folder } = readOnlyRun(repository).files;
    const gone = join(folder, '.orch-4194305-1.tmp'); // Above the largest pid there can be.
    const used = join(folder, `.orch-${process.pid}-1.tmp`);
    for (const path of [gone, used]) writeFileSync(path, 'half');
    expect((await examine(repository.top)).checks).toEqual(['temporary']);
    expect((await examine(repository.top, '--fix')).problems[0]).toMatchObject({ fixed: true });
    expect([gone, used].map((path) => existsSync(path))).toEqual([false, true]);
    expect((await examine(repository.top)).problems).toEqual([]);
  });
});

describe('the branch of a run', () => {
  test.for(['is gone', 'is gone, and its objects too'])('%s', async (harm) => {
    const repository = makeSample();
    repository.write('ok.yaml', 'name: ok\nsteps:\n  a: { run: echo x > made }\n');
    const { run } = await runToEnd(repository, 'run', 'ok.yaml');
    const ref = `refs/heads/orch/${run}`;
    const tip = repository.git('rev-parse', ref);
    repository.git('update-ref', '-d', ref);
    if (harm !== 'is gone') repository.git('gc', '-q', '--prune=now');
    const { problems } = await examine(repository.top);
    const isThere = harm === 'is gone';
    expect(problems).toMatchObject([{ check: 'checkpoint', fixable: isThere, fixed: false }]);
    expect((await examine(repository.top, '--fix')).problems).toMatchObject([{ fixed: isThere }]);
    if (!isThere) return;
    expect(repository.git('rev-parse', ref)).toBe(tip);
    expect((await runOrch(['audit', run], { cwd: repository.top })).code).toBe(0);
    expect((await examine(repository.top)).problems).toEqual([]);
  });

  test('is not missed once the run was accepted, nor where checkpoints go elsewhere', async () => {
    const repository = makeSample();
    repository.write('ok.yaml', 'name: ok\nsteps:\n  a: { run: echo x > made }\n');
    repository.commitAll('first');
    const { run } = await runToEnd(repository, 'run', 'ok.yaml');
    expect((await runOrch(['accept', run], { cwd: repository.top })).code).toBe(0);
    repository.git('branch', '-q', '-D', `orch/${run}`);
    await runToEnd(repository, 'run', 'ok.yaml', '--commit-to', 'current');
    expect((await examine(repository.top)).problems).toEqual([]);
  });
});

describe('pinned attempts', () => {
  async function makeFailedRun() {
    const repository = makeSample();
    const { events } = await runToEnd(repository, 'run', 'fails.yaml');
    const end = events.find(({ type }) => type === 'step.finished');
    if (end?.type !== 'step.finished' || !end.ref || !end.commit) throw new Error('not pinned');
    repository.git('update-ref', '-d', end.ref);
    return { repository, ref: end.ref, commit: end.commit };
  }

  test('whose ref is missing get it back', async () => {
    const { repository, ref, commit } = await makeFailedRun();
    const { problems } = await examine(repository.top);
    expect(problems).toMatchObject([{ check: 'attempt', fixable: true }]);
    await examine(repository.top, '--fix');
    expect(repository.git('rev-parse', ref)).toBe(commit);
  });

  test('whose objects are gone are lost, and said to be', async () => {
    const { repository, commit } = await makeFailedRun();
    repository.remove(`.git/objects/${commit.slice(0, 2)}/${commit.slice(2)}`);
    const { problems } = await examine(repository.top, '--fix');
    expect(problems).toMatchObject([{ check: 'attempt', fixable: false, fixed: false }]);
  });
});

describe('records', () => {
  test('a damaged journal is told with its remedy, and nothing is changed', async () => {
    const repository = makeSample();
    await runToEnd(repository, 'run', 'waits.yaml');
    const path = join(readOnlyRun(repository).files.events, '0.jsonl');
    const damaged = readFileSync(path, 'utf8').replace('run.started', 'run.startled');
    writeFileSync(path, damaged);
    const { problems } = await examine(repository.top, '--fix');
    expect(problems).toMatchObject([{ check: 'journal', fixed: false }]);
    expect(readFileSync(path, 'utf8')).toBe(damaged);
  });

  test('a torn end is only noted', async () => {
    const repository = makeSample();
    await runToEnd(repository, 'run', 'waits.yaml');
    const { events } = readOnlyRun(repository).files;
    const newest = readdirSync(events).sort().at(-1) ?? '';
    appendFileSync(join(events, newest), '{"v":1,"se');
    const { findings, problems } = await examine(repository.top);
    expect(problems).toEqual([]);
    expect(findings.map(({ check }) => check)).toContain('journal');
  });

  test('refs of a run that is nowhere are named, and never deleted', async () => {
    const repository = makeSample();
    repository.commitAll('first');
    const ref = 'refs/orch/sealed/lost-261121-aaaa/1';
    repository.git('update-ref', ref, 'HEAD');
    repository.git('update-ref', 'refs/orch/rescue/lost-261121-aaaa/1', 'HEAD');
    const { problems } = await examine(repository.top, '--fix');
    expect(problems).toMatchObject([{ check: 'sealed', fixed: false }]);
    expect(problems[0]?.what).toMatch(/^1 ref of run lost-261121-aaaa/);
    expect(repository.git('rev-parse', ref)).toBe(repository.git('rev-parse', 'HEAD'));
  });
});

describe('the place', () => {
  test('outside of a repository', async () => {
    const { problems } = await examine(makeTemporaryFolder());
    expect(problems).toMatchObject([{ check: 'repository', fix: 'git init' }]);
  });

  test('a bare repository', async () => {
    const folder = makeTemporaryFolder();
    openTestRepository(folder, folder).git('init', '-q', '--bare');
    const { problems } = await examine(folder);
    expect(problems).toMatchObject([{ check: 'repository' }]);
    expect(problems[0]?.what).toContain('bare repository');
  });

  test('a branch that blocks the branches of runs', async () => {
    const repository = makeSample();
    repository.commitAll('first');
    repository.git('branch', 'orch');
    const { problems } = await examine(repository.top);
    expect(problems).toMatchObject([{ fix: 'git branch -m orch <another name>' }]);
  });

  test('no git program: the embedded one is named, and the repository is still looked at', async () => {
    const repository = makeSample();
    const { code, document } = await runOrchJson(['doctor'], {
      cwd: repository.top,
      env: { PATH: makeTemporaryFolder() },
    });
    expect(code).toBe(0);
    const { findings } = document as { findings: Finding[] };
    expect(findings.map(({ check }) => check)).toEqual(['git', 'containment']);
  });

  test('shapes of a repository in which something is otherwise', async () => {
    const repository = makeSample();
    repository.commitAll('first');
    repository.git('commit', '-q', '--allow-empty', '-m', 'second');
    const clone = join(repository.folder, 'clone');
    repository.git('clone', '-q', '--depth', '1', `file://${repository.top}`, clone);
    const shallow = openTestRepository(clone, repository.folder);
    shallow.git('config', 'core.fsmonitor', 'true');
    shallow.git('config', 'core.sparseCheckout', 'true');
    shallow.git('-c', 'core.fsmonitor=false', 'update-index', '--split-index');
    shallow.write('.gitmodules', '');
    const linked = join(repository.folder, 'linked');
    shallow.git('-c', 'core.fsmonitor=false', 'worktree', 'add', '-q', linked);
    const shapes = (findings: readonly Finding[]) =>
      findings.filter(({ check }) => check === 'repository').map(({ what }) => what);
    expect(shapes((await examine(clone)).findings)).toEqual([
      'the repository is shallow',
      'the checkout is sparse',
      'there are submodules',
      'the index is split',
      'a file system monitor is on',
    ]);
    expect(shapes((await examine(linked)).findings)).toContain('this is a linked worktree');
  });
});
