/**
 * Runs and the signals, deaths and rivals they meet: what is asked to stop stops with all its
 * processes, what was merely left alone goes on, and nothing is done twice.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createProcesses } from '../../src/adapters/processes/processes.ts';
import { workTreeLockFolder } from '../../src/engine/work-tree-lock.ts';
import { cleanEnvironment, type Outcome, outcomeOf, runOrch, startOrch } from '../rig/cli.ts';
import { assertNoProcess, killMarked } from '../rig/processes.ts';
import { orchProgram } from '../rig/program.ts';
import { makeRepository, type TestRepository } from '../rig/repository.ts';
import { asRunOutcome, readOnlyRun, runToEnd, untilRun } from '../rig/runs.ts';
import { openSteering, type Steering } from '../rig/steered-command.ts';
import { makeTemporaryFolder } from '../rig/temporary-folder.ts';

interface Scene {
  readonly repository: TestRepository;
  readonly steering: Steering;
  /** Starts `orch run w.yaml --json`; a process group of its own, as a shell would give it. */
  start(steps: string): Started;
  /** The journal's word on a step. */
  attemptsOf(step: string): readonly { readonly status: string; readonly failure?: unknown }[];
}

interface Started {
  readonly orch: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Outcome>;
}

async function makeScene(): Promise<Scene> {
  const steering = await openSteering(makeTemporaryFolder());
  const repository = makeRepository();
  repository.commitAll('first');
  onTestFinished(async () => {
    for (const run of runsOf(repository)) await killMarked({ ORCH_RUN: run });
    repository[Symbol.dispose]();
  });
  return {
    repository,
    steering,
    start(steps) {
      repository.write('w.yaml', `name: w\n${steps}`);
      const orch = spawn(process.execPath, [orchProgram(), 'run', 'w.yaml', '--json'], {
        cwd: repository.top,
        env: cleanEnvironment(),
        detached: true,
      });
      onTestFinished(() => void orch.kill('SIGKILL'));
      return { orch, ended: outcomeOf(orch) };
    },
    attemptsOf(step) {
      const { state } = readOnlyRun(repository);
      return state.steps[state.indexOf.get(step) ?? -1]?.attempts ?? [];
    },
  };
}

function runsOf(repository: TestRepository): string[] {
  try {
    return readdirSync(repository.path('.git/orch/runs'));
  } catch {
    return []; // No run was started.
  }
}

function quoted(script: string): string {
  return JSON.stringify(script);
}

describe('asked to stop', () => {
  test.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s leaves a run that can be resumed, and no process', async ([signal, code]) => {
    const { repository, steering, start, attemptsOf } = await makeScene();
    const { orch, ended } = start(
      `steps:\n  quick: { run: echo x >> quick.txt }\n  slow: { needs: [quick], run: ${quoted(steering.command('slow'))} }\n`,
    );
    const slow = await steering.started('slow');
    orch.kill(signal);
    await slow.ended;
    const outcome = asRunOutcome(await ended);
    expect(outcome).toMatchObject({ code, summary: { status: 'interrupted' } });
    assertNoProcess({ ORCH_RUN: outcome.run });

    const resumed = runToEnd(repository, 'resume');
    await (await steering.started('slow')).exit(0);
    expect(await resumed).toMatchObject({ code: 0, summary: { status: 'passed' } });
    expect(readFileSync(repository.path('quick.txt'), 'utf8')).toBe('x\n');
    expect(attemptsOf('slow').map(({ status }) => status)).toEqual(['cancelled', 'passed']);
  });

  test('one that ignores SIGTERM, and its child in another session with init as parent, are gone too', async () => {
    const { steering, start } = await makeScene();
    const { orch, ended } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    const slow = await steering.started('slow');
    await slow.ignore('SIGTERM', 'SIGINT', 'SIGHUP');
    const escaped = await slow.start('escaped', { session: true, orphan: true });
    await escaped.ignore('SIGTERM');
    orch.kill('SIGINT');
    const outcome = asRunOutcome(await ended);
    expect(outcome.code).toBe(130);
    assertNoProcess({ ORCH_RUN: outcome.run });
    await Promise.all([slow.ended, escaped.ended]);
  });

  test('the second signal does not wait for the grace of the first', async () => {
    const { repository, steering, start } = await makeScene();
    const { orch, ended } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    const slow = await steering.started('slow');
    await slow.ignore('SIGTERM');
    const askedAt = performance.now();
    orch.kill('SIGINT');
    orch.kill('SIGTERM'); // Two of one kind would be one to the kernel.
    const outcome = asRunOutcome(await ended);
    expect(performance.now() - askedAt, 'the grace is 5 s').toBeLessThan(5_000);
    expect(outcome.summary.status).toBe('interrupted');
    expect([130, 143]).toContain(outcome.code);
    assertNoProcess({ ORCH_RUN: outcome.run });
    const resumed = runToEnd(repository, 'resume');
    await (await steering.started('slow')).exit(0);
    expect((await resumed).code).toBe(0);
  });

  test('Ctrl-C reaches the whole process group, also while git writes a checkpoint', async () => {
    const { repository, start } = await makeScene();
    // A filter that git starts: at this moment a checkpoint is being made.
    repository.write('.gitattributes', '*.made filter=ctrl-c\n');
    repository.write(
      '../ctrl-c.sh',
      'group=$(cat ../group 2>/dev/null) && rm ../group && kill -INT "-$group"\nsleep 0.2\ncat\n',
    );
    repository.git('config', 'filter.ctrl-c.clean', 'sh ../ctrl-c.sh');
    repository.git('config', 'filter.ctrl-c.required', 'true');
    const { orch, ended } = start(
      'steps:\n  a: { wave: 1, run: echo a > a.made }\n  b: { wave: 2, run: echo b > b.txt }\n',
    );
    repository.write('../group', String(orch.pid));
    const outcome = asRunOutcome(await ended);
    expect(outcome, outcome.stderr).toMatchObject({
      code: 130,
      summary: { status: 'interrupted' },
    });
    expect((await runToEnd(repository, 'resume')).code).toBe(0);
  });
});

/**
 * A `git` that is killed by SIGINT once for each of its commands, as one is that Ctrl-C meets before it
 * has left the group. @returns the environment that puts it first on PATH
 */
function killedOnce(repository: TestRepository, moment: 'before' | 'after') {
  const marks = join(repository.folder, 'killed');
  const path = process.env['PATH'] ?? '';
  mkdirSync(marks);
  const script = [
    '#!/bin/sh',
    'PATH=$REAL_PATH',
    'for word; do case $word in -c | *=*) ;; *) break ;; esac; done',
    'if mkdir "$MARKS/$word" 2>/dev/null; then',
    moment === 'after' ? '  git "$@"' : '',
    '  if [ "$word" = commit-tree ]; then kill -INT "$(cat "$MARKS/../group")"; fi',
    '  kill -INT $$',
    'fi',
    'exec git "$@"',
  ];
  repository.write('../bin/git', `${script.join('\n')}\n`, 0o755);
  const first = `${join(repository.folder, 'bin')}:${path}`;
  return { marks, env: { PATH: first, REAL_PATH: path, MARKS: marks } };
}

describe('a git that a signal to the group has killed', () => {
  test.for(['before', 'after'] as const)('%s its work is called again', async (moment) => {
    const { repository } = await makeScene();
    repository.write(
      'w.yaml',
      'name: w\nsteps:\n  a: { wave: 1, run: echo a > a.txt }\n  b: { wave: 2, run: echo b > b.txt }\n',
    );
    const { env, marks } = killedOnce(repository, moment);
    const orch = spawn(process.execPath, [orchProgram(), 'run', 'w.yaml', '--json'], {
      cwd: repository.top,
      env: cleanEnvironment(env),
      detached: true,
    });
    onTestFinished(() => void orch.kill('SIGKILL'));
    repository.write('../group', String(orch.pid));
    const outcome = asRunOutcome(await outcomeOf(orch));
    expect(outcome, outcome.stderr).toMatchObject({
      code: 130,
      summary: { status: 'interrupted' },
    });
    expect(readdirSync(marks)).toEqual(expect.arrayContaining(['commit-tree', 'update-ref']));
    expect((await runToEnd(repository, 'resume')).summary.status).toBe('passed');
  });
});

describe('left alone', () => {
  test.for([
    ['SIGHUP', 129, null],
    ['SIGKILL', null, 'SIGKILL'],
  ] as const)(
    '%s ends orch; its steps go on, keep others out, and are adopted',
    async ([signal, code, killedBy]) => {
      const { repository, steering, start, attemptsOf } = await makeScene();
      const { orch, ended } = start(
        `steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`,
      );
      const slow = await steering.started('slow');
      orch.kill(signal);
      expect(await ended).toMatchObject({ code, signal: killedBy });

      const other = await runOrch(['run', 'w.yaml'], { cwd: repository.top });
      expect(other.code).toBe(4);
      expect(other.stderr).toMatch(
        /steps of the interrupted run w-\S+ still run in this work tree/,
      );
      expect(other.stderr, 'the pids are named').toMatch(new RegExp(`\\D${slow.pid}\\D`));
      expect(other.stderr).toContain('orch resume w-');
      expect(runsOf(repository)).toHaveLength(1);

      const resumed = runToEnd(repository, 'resume');
      await untilRun(repository, ({ state }) => state.epoch === 2);
      await slow.exit(0);
      expect(await resumed).toMatchObject({ code: 0, summary: { status: 'passed' } });
      expect(attemptsOf('slow').map(({ status }) => status)).toEqual(['passed']);
    },
  );

  test('a keeper that a hard stop left frozen is woken when its step is adopted', async () => {
    const { repository, steering, start } = await makeScene();
    const { orch, ended } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    const slow = await steering.started('slow');
    orch.kill('SIGKILL');
    await ended;
    const [keeper] = readOnlyRun(repository).state.keepers.values();
    process.kill(-(keeper?.pid ?? 0), 'SIGSTOP');
    const resumed = runToEnd(repository, 'resume');
    await slow.exit(0);
    expect(await resumed).toMatchObject({ code: 0, summary: { status: 'passed' } });
  });

  test('orch that was stopped for a while harms nothing that went on meanwhile', async () => {
    const { repository, start } = await makeScene();
    const { orch, ended } = start(
      "steps:\n  busy: { timeout: { idle: 2s }, run: 'touch ../began; for i in $(seq 40); do echo $i; sleep 0.1; done' }\n",
    );
    await untilRun(repository, ({ state }) => state.running.size === 1);
    orch.kill('SIGSTOP');
    await sleep(2_500);
    orch.kill('SIGCONT');
    const outcome = asRunOutcome(await ended);
    expect(outcome).toMatchObject({ code: 0, summary: { status: 'passed' } });
  });
});

describe('time', () => {
  test('a step that takes too long, and one that does nothing, are stopped; one that prints is not', async () => {
    const { start } = await makeScene();
    const { ended } = start(`fail_fast: false
concurrency: 3
steps:
  long: { timeout: 500ms, run: 'while :; do echo x; sleep 0.05; done' }
  idle: { timeout: { idle: 1s }, run: sleep 600 }
  slow: { timeout: { idle: 2s, total: 1h }, run: 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done' }
`);
    const outcome = asRunOutcome(await ended);
    const failures = outcome.events.flatMap((event) =>
      event.type === 'step.finished' ? [[event.step, event.failure?.kind]] : [],
    );
    expect(Object.fromEntries(failures)).toEqual({
      long: 'timeout',
      idle: 'stall',
      slow: undefined,
    });
    expect(outcome.code).toBe(1);
    assertNoProcess({ ORCH_RUN: outcome.run });
  });

  test('what a step leaves in the background lives as long as the run', async () => {
    const { start } = await makeScene();
    const { ended } = start(`steps:
  server: { wave: 1, run: 'sleep 600 & echo $! > ../pid' }
  client: { wave: 2, needs: [server], run: 'kill -0 $(cat ../pid)' }
`);
    const outcome = asRunOutcome(await ended);
    expect(outcome.code, outcome.stderr).toBe(0);
    assertNoProcess({ ORCH_RUN: outcome.run });
  });
});

describe('two at once', () => {
  test('a second run and a second resume are refused, with who is at work', async () => {
    const { repository, steering, start } = await makeScene();
    const { orch, ended } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    const slow = await steering.started('slow');
    const at = { cwd: repository.top };
    const [run, resume] = await Promise.all([
      runOrch(['run', 'w.yaml'], at),
      runOrch(['resume', '--json'], at),
    ]);
    expect(run.code).toBe(4);
    expect(run.stderr).toContain(`process ${orch.pid} (run w)`);
    expect(resume.code).toBe(4);
    expect(JSON.parse(resume.stdout)).toMatchObject({
      error: { code: 'ORCH_LOCKED', message: expect.stringContaining(`process ${orch.pid}`) },
    });
    await slow.exit(0);
    expect((await ended).code).toBe(0);
    expect(runsOf(repository)).toHaveLength(1);
  });

  test('of two that resume at once, exactly one does', async () => {
    const { repository, steering, start } = await makeScene();
    const { orch, ended } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    const slow = await steering.started('slow');
    orch.kill('SIGKILL');
    await ended;
    const both = [0, 1, 2].map(() =>
      outcomeOf(startOrch(['resume', '--json'], { cwd: repository.top })),
    );
    // The losers end while the step goes on.
    const losers = new Set<Outcome>();
    await new Promise<void>((resolve) => {
      for (const one of both) {
        void one.then((outcome) => {
          losers.add(outcome);
          if (losers.size === 2) resolve();
        });
      }
    });
    for (const { code, stdout } of losers) {
      expect([code, JSON.parse(stdout).error.code]).toEqual([4, 'ORCH_LOCKED']);
    }
    await slow.exit(0);
    const codes = (await Promise.all(both)).map(({ code }) => code);
    expect(codes.sort()).toEqual([0, 4, 4]);
    const resumed = readOnlyRun(repository).journal.events.filter(
      ({ type }) => type === 'run.resumed',
    );
    expect(resumed).toHaveLength(1);
  });

  test('an orch in a container of the same machine is left at work, and its lock can be broken', async ({
    skip,
  }) => {
    const box = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const tried = spawnSync(box[0] ?? '', [...box.slice(1), 'true'], { encoding: 'utf8' });
    skip(tried.status !== 0, `no pid namespace here: ${tried.error ?? tried.stderr}`);
    const { repository, steering } = await makeScene();
    repository.write(
      'w.yaml',
      `name: w\nsteps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`,
    );
    const command = [...box, process.execPath, orchProgram(), 'run', 'w.yaml'];
    const orch = spawn(command[0] ?? '', command.slice(1), {
      cwd: repository.top,
      env: cleanEnvironment(),
    });
    onTestFinished(() => void orch.kill('SIGKILL'));
    await steering.started('slow');
    for (const where of ['the work tree', 'the run']) {
      const refused = await runOrch(['resume'], { cwd: repository.top });
      expect(refused.code, refused.stderr).toBe(4);
      expect(refused.stderr).toContain('of another container or machine');
      const named =
        / rm '(.*)', and then/.exec(refused.stderr)?.[1]?.replaceAll("'\\''", "'") ?? '';
      if (where === 'the work tree') {
        orch.kill('SIGKILL');
        await once(orch, 'close');
      }
      rmSync(named);
    }
    const resumed = runToEnd(repository, 'resume');
    await (await steering.started('slow')).exit(0);
    expect((await resumed).summary.status).toBe('passed');
  });

  test.for([
    { what: 'a dead process', holder: () => ({ pid: deadPid() }) },
    { what: 'another boot', holder: () => ({ boot: 'before-the-power-cut' }) },
    { what: 'a process whose pid was given away', holder: () => ({ start: '1' }) },
  ])('the lock of $what is taken over', async ({ holder }) => {
    const { repository, start } = await makeScene();
    const folder = workTreeLockFolder({
      worktree: repository.top,
      gitDir: repository.path('.git'),
      commonDir: repository.path('.git'),
    });
    const processes = createProcesses();
    const self = { ...processes.self(), boot: processes.bootId(), what: 'run old' };
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'lock.7'), JSON.stringify({ ...self, ...holder() }));
    const { ended } = start('steps:\n  a: { run: "true" }\n');
    expect((await ended).code).toBe(0);
    expect(readdirSync(folder)).toEqual(['last-run']);
  });

  test('the lock of a living process is not', async () => {
    const { repository, start } = await makeScene();
    const { start: since, pid } = createProcesses().self();
    const folder = workTreeLockFolder({
      worktree: repository.top,
      gitDir: repository.path('.git'),
      commonDir: repository.path('.git'),
    });
    mkdirSync(folder, { recursive: true });
    const holder = { pid, start: since, boot: createProcesses().bootId(), what: 'run old' };
    writeFileSync(join(folder, 'lock.7'), JSON.stringify(holder));
    const { ended } = start('steps:\n  a: { run: "true" }\n');
    const { code, stdout } = await ended;
    expect([code, JSON.parse(stdout).error.code]).toEqual([4, 'ORCH_LOCKED']);
    expect(readdirSync(folder)).toEqual(['lock.7']);
  });
});

describe('a reader that goes away', () => {
  test.for([['--json'], ['--no-color']] as const)('does not end the run (%s)', async ([option]) => {
    const { repository, steering } = await makeScene();
    repository.write(
      'w.yaml',
      `name: w\nsteps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n  bad: { needs: [slow], run: exit 1 }\n`,
    );
    const orch = startOrch(['run', 'w.yaml', option], { cwd: repository.top });
    onTestFinished(() => void orch.kill('SIGKILL'));
    const slow = await steering.started('slow');
    orch.stdout.destroy();
    orch.stderr.destroy();
    await slow.exit(0);
    const [code, signal] = await once(orch, 'close');
    expect({ code, signal }, 'as without a reader').toEqual({ code: 1, signal: null });
    expect(readOnlyRun(repository).state.status).toBe('failed');
  });

  test('ends a command that only prints', async () => {
    const { repository, steering, start } = await makeScene();
    const { ended } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    const slow = await steering.started('slow');
    const logs = startOrch(['logs', '-f'], { cwd: repository.top });
    onTestFinished(() => void logs.kill('SIGKILL'));
    logs.stdout.destroy();
    const closed = once(logs, 'close');
    await slow.print('the first line\n');
    await slow.print('the second line\n');
    expect(await closed).toEqual([0, null]);
    await slow.exit(0);
    expect((await ended).code).toBe(0);
  });

  test('Ctrl-C ends the reader as well, and the run stops in good order all the same', async () => {
    const { repository, steering, start } = await makeScene();
    const { orch } = start(`steps:\n  slow: { run: ${quoted(steering.command('slow'))} }\n`);
    await steering.started('slow');
    orch.stdout.destroy();
    orch.stderr.destroy();
    orch.kill('SIGINT');
    const [code] = await once(orch, 'close');
    expect(code).toBe(130);
    expect(readOnlyRun(repository).state.status).toBe('interrupted');
  });
});

/** Of a process that has just ended. */
function deadPid(): number {
  return spawnSync('true').pid;
}
