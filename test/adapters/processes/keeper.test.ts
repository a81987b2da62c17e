import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { createProcesses } from '../../../src/adapters/processes/processes.ts';
import { readExitLog } from '../../../src/engine/keeper-pool.ts';
import { bundleProgram } from '../../rig/child-program.ts';
import { makeKeeperRig } from '../../rig/keepers.ts';
import { assertNoProcess } from '../../rig/processes.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

const read = (path: string): string => readFileSync(path, 'utf8');

describe('a job', () => {
  test('writes into its own files, and its code is heard and recorded', async () => {
    const rig = await makeKeeperRig();
    const { steer, pathOf } = rig.startKeeper();
    const { job, code } = await steer('build');
    await job.print('hello\n');
    await job.printError('oh\n');
    expect(read(pathOf('build', 'out'))).toBe('hello\n');
    expect(read(pathOf('build', 'err'))).toBe('oh\n');
    expect(await job.environment('ORCH_STEP')).toBe('build');
    await job.exit(3);
    expect(await code).toBe(3);
    expect(read(rig.exitLog)).toBe('build 3\n');
    assertNoProcess(rig.marker);
  });

  test.for([
    ['SIGKILL', 137],
    ['SIGTERM', 143],
    ['SIGSEGV', 139],
  ] as const)('that dies of %s ends with code %i', async ([signal, expected]) => {
    const { steer } = (await makeKeeperRig()).startKeeper();
    const { job, code } = await steer('build');
    await job.killSelf(signal);
    expect(await code).toBe(expected);
  });

  test('has default signals, an empty input and no descriptor of orch or its keeper', async (context) => {
    if (!existsSync('/proc/self/fd')) context.skip('needs /proc');
    const { run, pathOf } = (await makeKeeperRig()).startKeeper();
    // What the test runner itself was given by its caller, and Node hands on to every child.
    const listHigh =
      'for fd in /proc/$$/fd/*; do case ${fd##*/} in [012]) ;; *) readlink $fd;; esac; done';
    const { stdout: given } = spawnSync('/bin/sh', ['-c', listHigh], { encoding: 'utf8' });
    const script = `cat; grep -E "^Sig(Blk|Ign)" /proc/self/status; readlink /proc/$$/fd/[012]; ${listHigh}`;
    await run('look', script);
    expect(read(pathOf('look', 'out')).split('\n')).toEqual([
      expect.stringMatching(/^SigBlk:\s0+$/),
      expect.stringMatching(/^SigIgn:\s0+$/),
      '/dev/null',
      pathOf('look', 'out'),
      pathOf('look', 'err'),
      ...given.split('\n'),
    ]);
  });

  test('runs in its folder and with its script, whatever characters they are made of', async () => {
    const rig = await makeKeeperRig();
    const { run } = rig.startKeeper();
    const odd = fc
      .string({
        unit: fc.constantFrom(...' \n\t\'"\\$`*?[]{}()~#&|;<>!%-ぁé\u0085\u007f', 'x'),
        minLength: 1,
        maxLength: 12,
      })
      .filter((name) => name.trim() !== '');
    let count = 0;
    await fc.assert(
      fc.asyncProperty(odd, async (name) => {
        const cwd = join(rig.folder, `cwd ${name}`);
        mkdirSync(cwd, { recursive: true });
        count += 1;
        const directory = join(rig.folder, 'jobs', String(count), name);
        expect(await run(`k${count}`, 'pwd; printf .', { cwd, directory })).toBe(0);
        expect(read(join(directory, 'out'))).toBe(`${cwd}\n.`);
        expect(read(join(directory, 'err'))).toBe('');
      }),
      { numRuns: 40 },
    );
  });

  test('whose folder is gone ends with 126 and says so', async () => {
    const { run, pathOf } = (await makeKeeperRig()).startKeeper();
    expect(await run('build', 'echo never', { cwd: "/no/'such/folder" })).toBe(126);
    expect(read(pathOf('build', 'err'))).toContain(
      "orch: cannot enter the working directory /no/'such/folder\n",
    );
    expect(read(pathOf('build', 'out'))).toBe('');
  });

  test('may be longer than an argument of the system can be', async () => {
    const { run, pathOf } = (await makeKeeperRig()).startKeeper();
    const script = `${'# long\n'.repeat(40_000)}echo "$ORCH_STEP ran"; exit 4`;
    expect(await run('build', script)).toBe(4);
    expect(read(pathOf('build', 'out'))).toBe('build ran\n');
  });

  test('that leaves a process behind keeps neither the keeper busy nor its pipes open', async () => {
    const rig = await makeKeeperRig();
    const { keeper, steer, run, ended } = rig.startKeeper();
    const { job, code } = await steer('build');
    const daemon = await job.start('daemon', { orphan: true });
    await job.exit(0);
    expect(await code).toBe(0);
    expect(await run('next', ':')).toBe(0);
    keeper.close();
    await ended;
    expect(rig.processes.findMarked(rig.marker).map(({ pid }) => pid)).toEqual([daemon.pid]);
  });

  test('whose files cannot be written is refused at once, and the keeper takes another', async () => {
    const rig = await makeKeeperRig();
    const { run } = rig.startKeeper();
    const blocked = join(rig.folder, 'file');
    writeFileSync(blocked, '');
    expect(() => run('a', ':', { directory: join(blocked, 'a') })).toThrow(/ENOTDIR/);
    expect(() => run('b', ':', { env: { 'A B': '' } })).toThrow(/environment variable/);
    expect(await run('c', ':')).toBe(0);
  });
});

describe('a keeper', () => {
  test('leads a session of its own, which holds its job, and stands in no folder of the user', async (context) => {
    if (!existsSync('/proc/self/stat')) context.skip('needs /proc');
    const { keeper, run, pathOf } = (await makeKeeperRig()).startKeeper();
    await run('look', 'cut -d" " -f5,6 /proc/$$/stat; readlink /proc/$PPID/cwd');
    const { pid } = keeper.identity;
    expect(read(pathOf('look', 'out'))).toBe(`${pid} ${pid}\n/\n`);
  });

  test('refuses a second job, and ends when it is closed and its job is done', async () => {
    const rig = await makeKeeperRig();
    const { keeper, steer, run, ended } = rig.startKeeper();
    const { job, code } = await steer('build');
    expect(() => run('other', ':')).toThrow(/still has the job build/);
    keeper.close();
    expect(rig.processes.isAlive(keeper.identity)).toBe(true);
    await job.exit(0);
    expect(await code).toBe(0);
    await ended;
    expect(rig.processes.isAlive(keeper.identity)).toBe(false);
  });

  test('that is killed is heard of, and its job is found by its marker', async () => {
    const rig = await makeKeeperRig();
    const { keeper, steer, ended } = rig.startKeeper();
    const { job } = await steer('build');
    process.kill(keeper.identity.pid, 'SIGKILL');
    await ended;
    expect(rig.processes.findMarked(rig.marker).map(({ pid }) => pid)).toEqual([job.pid]);
    expect(await rig.processes.stopMarked(rig.marker, 0)).toEqual([]);
    await job.ended;
    assertNoProcess(rig.marker);
  });

  test('cannot start where its log cannot be, and that is an error of the disk', async () => {
    const processes = createProcesses();
    const events = { jobEnded: () => {}, keeperEnded: () => {} };
    expect(() => processes.startKeeper(0, '/no/such/folder/log', events)).toThrow(/ENOENT/);
  });
});

describe('the death of orch', () => {
  test('by SIGKILL neither ends the job nor loses its code, and the keeper then ends too', async () => {
    const rig = await makeKeeperRig();
    const program = bundleProgram(join(import.meta.dirname, 'orch-program.ts'), rig.folder);
    const settings = {
      exitLog: rig.exitLog,
      job: {
        key: 'build',
        directory: join(rig.folder, 'build'),
        script: rig.steering.command('build'),
        cwd: rig.folder,
        env: rig.marker,
      },
    };
    const orch = spawn(process.execPath, [program, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const keeper = JSON.parse(String((await once(orch.stdout, 'data'))[0]));
    const job = await rig.steering.started('build');
    orch.kill('SIGKILL');
    await once(orch, 'close'); // Also: nobody else holds orch's output open.
    expect(rig.processes.isAlive(keeper)).toBe(true);
    await job.print('still here\n');
    await job.exit(7);
    await vi.waitFor(() => expect(rig.processes.isAlive(keeper)).toBe(false), { timeout: 10_000 });
    expect(readExitLog(read(rig.exitLog))).toEqual(new Map([['build', 7]]));
    expect(read(join(rig.folder, 'build', 'out'))).toBe('still here\n');
    assertNoProcess(rig.marker);
  });

  test('at each crash point of a start leaves nothing, or a job that runs to its end', async () => {
    for (const name of [
      'keeper start:before',
      'keeper start:after',
      'job start:before',
      'job start:after',
    ]) {
      const folder = makeTemporaryFolder();
      const program = bundleProgram(join(import.meta.dirname, 'orch-program.ts'), folder);
      const exitLog = join(folder, 'exits');
      const job = {
        key: 'a',
        directory: join(folder, 'a'),
        script: 'exit 9',
        cwd: folder,
        env: {},
      };
      const orch = spawn(process.execPath, [program, JSON.stringify({ exitLog, job })], {
        env: { ...process.env, ORCH_CRASH: `${name}#1` },
        stdio: 'ignore',
      });
      expect(await once(orch, 'exit')).toEqual([null, 'SIGKILL']);
      if (name !== 'job start:after') continue;
      await vi.waitFor(() => expect(readExitLog(read(exitLog)).get('a')).toBe(9));
    }
  });
});
