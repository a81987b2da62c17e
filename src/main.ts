/**
 * The composition root: takes the process as node gives it, and is alone in knowing the adapters.
 *
 * bin/orch.js calls `start`. Adapters are loaded by the first command that asks for them, never at
 * start-up.
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliWorld } from './cli/context.ts';
import type { Writer } from './cli/output.ts';
import { runCli, tellError } from './cli/program.ts';
import type { Ports } from './ports/ports.ts';

/** The same from src/ and from dist/: both stand directly in the package. */
const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** What cannot be written to any more: the file that stdout was led to is on a full disk, say. */
const failedStreams = new Set<NodeJS.WriteStream>();

/** Runs the command line of this process; the exit code takes effect when nothing is left to do. */
export async function start(): Promise<void> {
  const args = process.argv.slice(2);
  const world = worldOfProcess();
  // What no command could catch, from a callback of the system, is told like every other error.
  process.on('uncaughtException', (error) => {
    // An error that stdout cannot take, because its disk is full for instance, goes to people at least.
    const told = failedStreams.has(process.stdout) ? args.filter((arg) => arg !== '--json') : args;
    process.exit(tellError(told, world, error));
  });
  process.exitCode = await runCli(args, world);
}

export function worldOfProcess(): CliWorld {
  let ports: Promise<Ports> | undefined;
  let printingIsTheWork = false;
  const readerGone = () => {
    if (printingIsTheWork) process.exit(process.exitCode);
  };
  return {
    cwd: process.cwd(),
    env: process.env,
    stdout: writerOf(process.stdout, readerGone),
    stderr: writerOf(process.stderr, readerGone),
    endWithoutReader() {
      printingIsTheWork = true;
    },
    packageRoot,
    version: packageVersion,
    loadPorts: () => {
      ports ??= loadPorts();
      return ports;
    },
  };
}

/** Each adapter is its own import, so that the bundler keeps them out of the start-up path. */
async function loadPorts(): Promise<Ports> {
  const { createPorts } = await import('./adapters/create-ports.ts');
  return createPorts();
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(`${packageRoot}/package.json`, 'utf8'));
  return String((manifest as { version: unknown }).version);
}

/**
 * A stream whose reader may go away: `orch list | head` closes the pipe when it has seen enough, and a
 * terminal that was closed takes nothing any more. What is written from then on is dropped.
 */
function writerOf(stream: NodeJS.WriteStream, readerGone: () => void): Writer {
  let hasReader = true;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !(error.code === 'EIO' && stream.isTTY)) {
      failedStreams.add(stream);
      throw error;
    }
    hasReader = false;
    readerGone();
  });
  return {
    write(text) {
      if (hasReader && !failedStreams.has(stream)) stream.write(text);
    },
    isTty: stream.isTTY === true,
    columns: stream.columns,
  };
}
