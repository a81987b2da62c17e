import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { formatHandover, formatJobFile } from '../../../src/adapters/processes/job-file.ts';
import { KEEPER_SCRIPT } from '../../../src/adapters/processes/keeper-script.ts';
import { readExitLog } from '../../../src/engine/keeper-pool.ts';
import { findShells } from '../../rig/shells.ts';
import { makeTemporaryFolder } from '../../rig/temporary-folder.ts';

/** A keeper as a bare shell, without the adapter around it. */
function startScript(command: readonly string[], folder: string, exitLog = join(folder, 'log')) {
  const [shell = '', ...args] = command;
  const child: ChildProcess = spawn(shell, [...args, '-c', KEEPER_SCRIPT, 'orch-keeper', exitLog], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdin === null || child.stdout === null) throw new Error('no pipes');
  const { stdin, stdout } = child;
  const lines = createInterface(stdout)[Symbol.asyncIterator]();
  return {
    child,
    stdin,
    stdout,
    exitLog,
    hand(key: string, script: string): void {
      const directory = join(folder, key);
      mkdirSync(directory);
      writeFileSync(join(directory, 'job'), formatJobFile({ cwd: '/', env: {}, script }));
      stdin.write(formatHandover(key, directory));
    },
    heard: async (): Promise<string> => (await lines.next()).value,
  };
}

describe.for(findShells())('the keeper script in $name', ({ command }) => {
  test('reports one code after the other, in the log and on its output', async () => {
    const keeper = startScript(command, makeTemporaryFolder());
    for (const [key, script, code] of [
      ['ぁ(1)#1', 'exit 0', 0],
      ['b', 'exit 41', 41],
      ['c', 'kill -KILL $$', 137],
      ['d', 'kill -INT $$', 130],
      ['e', 'no-such-command-anywhere', 127],
    ] as const) {
      keeper.hand(key, script);
      expect(await keeper.heard()).toBe(`${key} ${code}`);
      expect(readFileSync(keeper.exitLog, 'utf8')).toMatch(new RegExp(`^.* ${code}\\n$`, 's'));
    }
    expect(readExitLog(readFileSync(keeper.exitLog, 'utf8')).size).toBe(5);
  });

  test('signals do not end it, neither idle nor at work', async () => {
    const keeper = startScript(command, makeTemporaryFolder());
    keeper.hand('ready', ':');
    await keeper.heard();
    for (const signal of [
      'SIGTERM',
      'SIGINT',
      'SIGHUP',
      'SIGQUIT',
      'SIGPIPE',
      'SIGUSR1',
    ] as const) {
      keeper.child.kill(signal);
      keeper.hand(signal, `kill -${signal.slice(3)} $PPID; kill 0; exit 1`);
      // The job's own "kill 0" ends the job alone.
      expect(await keeper.heard()).toBe(`${signal} 143`);
    }
    keeper.stdin.end();
    expect(await once(keeper.child, 'exit')).toEqual([0, null]);
  });

  test('a log that cannot be written loses no code, and gets it when it can be written again', async () => {
    const folder = makeTemporaryFolder();
    const log = join(folder, 'log');
    symlinkSync('/dev/full', log);
    const keeper = startScript(command, folder, log);
    keeper.hand('a', 'exit 12');
    expect(await keeper.heard()).toBe('a 12');
    keeper.hand('b', 'exit 13');
    expect(await keeper.heard()).toBe('b 13');
    rmSync(log);
    writeFileSync(log, 'a 1'); // What a full disk could take of the line.
    keeper.hand('c', 'exit 14');
    expect(await keeper.heard()).toBe('c 14');
    expect(readExitLog(readFileSync(log, 'utf8'))).toEqual(
      new Map([
        ['a', 12],
        ['b', 13],
        ['c', 14],
      ]),
    );
  });

  test('nobody listening any more ends neither the job nor the record, and then the keeper', async () => {
    const folder = makeTemporaryFolder();
    const keeper = startScript(command, folder);
    keeper.stdin.write('');
    keeper.hand('a', `while [ ! -e '${folder}/go' ]; do :; done; exit 5`);
    keeper.stdin.end();
    keeper.stdout.destroy();
    writeFileSync(join(folder, 'go'), '');
    expect(await once(keeper.child, 'exit')).toEqual([0, null]);
    expect(readFileSync(keeper.exitLog, 'utf8')).toBe('a 5\n');
  });
});

test('an exit log tells nothing of a line without end or of another shape', () => {
  const text = 'a 1\nb 12 !\n !\nc(x) 0\n\nd 3 4\na 2\ne 99999\nf 1';
  expect(readExitLog(text)).toEqual(
    new Map([
      ['a', 2],
      ['c(x)', 0],
    ]),
  );
});
