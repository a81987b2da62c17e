/**
 * What every command is given: where it was called, how it should speak, and how to reach the world.
 *
 * The global options (-C, --json, --no-color, --quiet, --debug) end here, so that a command asks
 * `context.json` and never parses them itself. Reading them off the command line is program.ts.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { OrchError } from '../base/errors.ts';
import type { Ports } from '../ports/ports.ts';
import { jsonDocument, jsonLine, terminalSafe, type Writer, withNewline } from './output.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The process as it was started; main.ts takes it from node, tests make one up. */
export interface CliWorld {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Environment;
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Version of this program, `1.2.3`. */
  version(): string;
  /** Absolute path of the folder that holds package.json and templates/. */
  readonly packageRoot: string;
  /**
   * To be called by a command that does nothing but print, and may have much to print: it then ends
   * when its reader goes away (`| head`). Others go on to their end unheard, because half of what they
   * do is worse than all of it.
   */
  endWithoutReader(): void;
  /** Loads the adapters on the first call; later calls get the same ones. */
  loadPorts(): Promise<Ports>;
}

/** The global options as parsed; all are off or absent by default. */
export interface GlobalOptions {
  readonly C?: string;
  readonly json?: boolean;
  /** False by --no-color. */
  readonly color?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

export interface CliContext extends CliWorld {
  /** With --json: stdout holds one document, or one line an event, and nothing else. */
  readonly json: boolean;
  /** Whether text on stdout may carry colours. */
  readonly color: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** Whether stdout is a terminal. */
  readonly isTty: boolean;
  /** Whether progress may redraw: a terminal that is not a CI log, and neither --json nor --quiet. */
  readonly live: boolean;
  /** What the program exits with when the command returns; a command sets it, 0 unless it does. */
  exitCode: number;

  /** The answer of a command: the document with --json, else the text. Only the wanted one is made. */
  printResult(document: () => unknown, text: () => string): void;
  /** Text for people on stdout; with --json on stderr, so that stdout stays clean. */
  print(text: string): void;
  /** One event of a stream, as one line; only sensible with --json. */
  printLine(value: unknown): void;
  /** Progress, warnings and what to type next: to stderr, and not at all with --quiet. Hints below an answer are made by view/next-line.ts. */
  note(text: string): void;
}

/** A context that global options can still change; commands see it only after that. */
export interface OpenContext extends CliContext {
  settle(options: GlobalOptions): void;
}

/**
 * @param options what is known before parsing, so that a usage error obeys --json
 */
export function createContext(world: CliWorld, options: GlobalOptions = {}): OpenContext {
  const context: OpenContext = {
    ...world,
    ...manners(world, options),
    isTty: world.stdout.isTty,
    exitCode: 0,
    settle(parsed) {
      Object.assign(context, manners(world, parsed), { cwd: chosenFolder(world.cwd, parsed.C) });
    },
    printResult(document, text) {
      if (context.json) world.stdout.write(jsonDocument(document()));
      else context.print(text());
    },
    print(text) {
      const writer = context.json ? world.stderr : world.stdout;
      writer.write(withNewline(terminalSafe(text, context.color)));
    },
    printLine(value) {
      world.stdout.write(jsonLine(value));
    },
    note(text) {
      if (!context.quiet) world.stderr.write(withNewline(terminalSafe(text, context.color)));
    },
  };
  return context;
}

/** How to speak, from the options, the environment and the terminal. */
function manners(world: CliWorld, options: GlobalOptions) {
  const json = options.json === true;
  const quiet = options.quiet === true;
  const inCi = isSet(world.env['CI']);
  const dumb = world.env['TERM'] === 'dumb';
  return {
    json,
    quiet,
    debug: options.debug === true,
    color: !json && wantsColor(world, options.color !== false),
    live: world.stdout.isTty && !inCi && !dumb && !json && !quiet,
  };
}

/** --no-color, then FORCE_COLOR, then NO_COLOR (no-color.org), then whether a terminal is there. */
function wantsColor({ env, stdout }: CliWorld, allowed: boolean): boolean {
  if (!allowed) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (isSet(env['NO_COLOR']) || env['TERM'] === 'dumb') return false;
  return stdout.isTty;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}

function chosenFolder(cwd: string, folder: string | undefined): string {
  if (folder === undefined) return cwd;
  const path = resolve(cwd, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new OrchError('ORCH_USAGE', `-C: there is no folder ${JSON.stringify(folder)}`, {
    fix: 'give -C the path of an existing folder',
  });
}
