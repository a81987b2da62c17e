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
import { runCli } from './cli/program.ts';
import type { Ports } from './ports/ports.ts';

/** The same from src/ and from dist/: both stand directly in the package. */
const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs the command line of this process; the exit code takes effect when nothing is left to do. */
export async function start(): Promise<void> {
  endQuietlyWithoutReader(process.stdout);
  endQuietlyWithoutReader(process.stderr);
  process.exitCode = await runCli(process.argv.slice(2), worldOfProcess());
}

export function worldOfProcess(): CliWorld {
  let ports: Promise<Ports> | undefined;
  return {
    cwd: process.cwd(),
    env: process.env,
    stdout: writerOf(process.stdout),
    stderr: writerOf(process.stderr),
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

function writerOf(stream: NodeJS.WriteStream): Writer {
  return {
    write: (text) => void stream.write(text),
    isTty: stream.isTTY === true,
    columns: stream.columns,
  };
}

/** `orch list | head` closes the pipe when it has seen enough: the work of printing is done. */
function endQuietlyWithoutReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode);
    throw error;
  });
}
