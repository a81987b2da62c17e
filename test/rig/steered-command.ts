/**
 * A fake command that does what the test tells it, when the test tells it: the test waits for
 * `started`, orders, and waits for the answer. Nothing sleeps and nothing is left to timing.
 *
 *   const steering = await openSteering(folder);
 *   keeper.startJob({ script: steering.command('build'), ... });
 *   const build = await steering.started('build');
 *   await build.print('hello\n');
 *   await build.exit(3);
 *
 * A command that is told nothing hangs, and ends with its test at the latest. That a product leaves
 * none behind is therefore to be asked before the test is over: `ended`, or assertNoProcess.
 */
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { bundleProgram } from './child-program.ts';
import type { Order } from './steered-program.ts';

export interface ChildOptions {
  /** In a session and group of its own (setsid). */
  readonly session?: boolean;
  /** With init as its parent (double fork). */
  readonly orphan?: boolean;
  /** Without any environment. */
  readonly clearEnvironment?: boolean;
}

export interface Steered {
  readonly name: string;
  readonly pid: number;
  print(text: string): Promise<void>;
  printError(text: string): Promise<void>;
  /** Goes on when one of these signals comes. */
  ignore(...signals: NodeJS.Signals[]): Promise<void>;
  environment(key: string): Promise<string | null>;
  /** Takes memory and touches every page of it. */
  allocate(bytes: number): Promise<void>;
  /** Computes until that much CPU time is spent. */
  burnCpu(seconds: number): Promise<void>;
  /** Starts another steered command below this one, and waits for it. */
  start(name: string, options?: ChildOptions): Promise<Steered>;
  /** Sends itself a signal; resolves when it is dead or, for a signal it ignores, never. */
  killSelf(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when the process is gone. */
  exit(code: number): Promise<void>;
  /** Resolves when the process is gone, whatever ended it. */
  readonly ended: Promise<void>;
}

export interface Steering {
  /** Shell text that becomes the steered command of this name. */
  command(name: string): string;
  /** Resolves when a command of this name has started; once for each start. */
  started(name: string): Promise<Steered>;
}

/** @param folder where the socket is made; a short path (at most 90 bytes) without single quotes */
export async function openSteering(folder: string): Promise<Steering> {
  const program = bundleProgram(join(import.meta.dirname, 'steered-program.ts'), folder);
  const socketPath = join(folder, 's');
  const arrived = new Map<string, Steered[]>();
  const awaited = new Map<string, ((steered: Steered) => void)[]>();
  const started = (name: string): Promise<Steered> => {
    const steered = arrived.get(name)?.shift();
    if (steered !== undefined) return Promise.resolve(steered);
    return new Promise((resolve) => append(awaited, name, resolve));
  };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    greet(socket, started, (steered) => {
      const waiter = awaited.get(steered.name)?.shift();
      if (waiter === undefined) append(arrived, steered.name, steered);
      else waiter(steered);
    });
  });
  await new Promise<void>((listening) => server.listen(socketPath, listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const words = [process.execPath, program, socketPath];
  return {
    command: (name) => `exec ${[...words, name].map((word) => `'${word}'`).join(' ')}`,
    started,
  };
}

function greet(
  socket: Socket,
  started: (name: string) => Promise<Steered>,
  arrive: (steered: Steered) => void,
): void {
  const answers: ((value: unknown) => void)[] = [];
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('error', () => {}); // A killed command resets the connection; 'close' follows.
  const order = (what: Order): Promise<unknown> => {
    socket.write(`${JSON.stringify(what)}\n`);
    return new Promise((resolve) => answers.push(resolve));
  };
  const orderLast = (what: Order): Promise<void> => {
    socket.write(`${JSON.stringify(what)}\n`);
    return ended;
  };
  createInterface(socket).on('line', (line) => {
    const message = JSON.parse(line);
    if (message.pid === undefined) return answers.shift()?.(message.value);
    arrive({
      name: message.name,
      pid: message.pid,
      ended,
      print: async (text) => void (await order({ do: 'print', text })),
      printError: async (text) => void (await order({ do: 'printError', text })),
      ignore: async (...signals) => void (await order({ do: 'ignore', signals })),
      environment: async (key) => (await order({ do: 'environment', key })) as string | null,
      allocate: async (bytes) => void (await order({ do: 'allocate', bytes })),
      burnCpu: async (seconds) => void (await order({ do: 'burnCpu', seconds })),
      start: async (child, options = {}) => {
        await order({ do: 'start', child, ...options });
        return await started(child);
      },
      killSelf: (signal) => orderLast({ do: 'kill', signal }),
      exit: (code) => orderLast({ do: 'exit', code }),
    });
  });
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
