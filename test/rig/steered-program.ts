/**
 * The program behind steered-command.ts: connects to the test's socket, says who it is, and does what
 * it is told, one order after the other.
 * Usage: steered-program <socket> <name>
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** What a test can order; each is answered when it is done, `exit` and a deadly `kill` by the end. */
export type Order =
  | { readonly do: 'print' | 'printError'; readonly text: string }
  | { readonly do: 'ignore'; readonly signals: readonly NodeJS.Signals[] }
  | { readonly do: 'environment'; readonly key: string }
  | { readonly do: 'allocate'; readonly bytes: number }
  | { readonly do: 'burnCpu'; readonly seconds: number }
  | { readonly do: 'kill'; readonly signal: NodeJS.Signals }
  | { readonly do: 'exit'; readonly code: number }
  | {
      readonly do: 'start';
      readonly child: string;
      readonly session?: boolean;
      readonly orphan?: boolean;
      readonly clearEnvironment?: boolean;
    };

const [, program = '', socketPath = '', name = ''] = process.argv;
const held: Buffer[] = []; // Memory that was asked for.

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'print':
      return await new Promise((done) => process.stdout.write(order.text, done));
    case 'printError':
      return await new Promise((done) => process.stderr.write(order.text, done));
    case 'ignore':
      for (const signal of order.signals) process.on(signal, () => {});
      return undefined;
    case 'environment':
      return process.env[order.key] ?? null;
    case 'allocate':
      held.push(Buffer.alloc(order.bytes, 1));
      return undefined;
    case 'burnCpu':
      return burnCpu(order.seconds);
    case 'kill':
      return void process.kill(process.pid, order.signal);
    case 'exit':
      return process.exit(order.code);
    case 'start':
      return startChild(order);
  }
}

function burnCpu(seconds: number): void {
  const start = process.cpuUsage();
  let spent = 0;
  while (spent < seconds) {
    const { user, system } = process.cpuUsage(start);
    spent = (user + system) / 1e6;
  }
}

/** `orphan` gives the child to init, as a double fork does: its parent, a shell, ends at once. */
function startChild(order: Extract<Order, { do: 'start' }>): void {
  const command = [process.execPath, program, socketPath, order.child];
  const [file = '', ...args] = order.orphan
    ? ['/bin/sh', '-c', '"$@" &', 'sh', ...command]
    : command;
  spawn(file, args, {
    detached: order.session === true,
    stdio: 'inherit',
    env: order.clearEnvironment ? {} : process.env,
  });
}

const socket = connect(socketPath, () => {
  socket.write(`${JSON.stringify({ name, pid: process.pid })}\n`);
});
socket.on('error', () => {}); // 'close' follows.
socket.on('close', () => process.exit(1)); // The test is over, or gone: nothing may stay behind.
createInterface(socket).on('line', async (line) => {
  const value = await obey(JSON.parse(line));
  socket.write(`${JSON.stringify({ value })}\n`);
});
setInterval(() => {}, 1 << 30); // Hangs until it is told to do something else.
