/**
 * The command line as a whole: global options, the tree of commands, usage errors, exit codes.
 *
 * commander does the parsing; here it learns to throw instead of exiting, to obey --json in its own
 * errors and help, and to suggest. What each command does stands in commands/<name>.ts and is listed
 * in commands.ts. Only commander and node's own modules may be loaded from here, see the test of
 * start-up; everything else is imported by the command that needs it, when it runs.
 */
import { Command, CommanderError, type HelpContext } from 'commander';
import { EXIT } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import { COMMAND_GROUPS } from './commands.ts';
import { type CliWorld, createContext, type GlobalOptions, type OpenContext } from './context.ts';
import { reportError, UsageError } from './errors.ts';
import { addExamples } from './help.ts';

/**
 * Runs one command line to its end; never throws and never exits.
 * @param args what follows the program's name
 * @returns the exit code
 */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const context = createContext(world, foreseenOptions(args));
  // commander writes help in several pieces; with --json they make one document.
  let help = '';
  const program = buildProgram(context, (piece) => {
    help += piece;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) {
      return reportError(error, context);
    }
    // Help or version were asked for, and the version has been printed.
    if (help !== '') printHelp(context, help);
    return EXIT.done;
  }
}

/** Tells an error that came past runCli. @returns the exit code */
export function tellError(args: readonly string[], world: CliWorld, error: unknown): number {
  return reportError(error, createContext(world, foreseenOptions(args)));
}

function printHelp(context: OpenContext, help: string): void {
  context.printResult(
    () => ({ help: help.trimEnd() }),
    () => help,
  );
}

/**
 * The whole tree; nothing runs until it parses. Docs and completion are made from it too.
 * @param writeHelp gets help in pieces; what is thrown after the last one is a CommanderError with exit code 0
 */
export function buildProgram(context: OpenContext, writeHelp: (piece: string) => void): Command {
  const program = new OrchCommand('orch')
    .description('Run workflows of many steps in waves; every wave ends as a commit in git.')
    .usage('[options] <command> [arguments]')
    .option('-C <dir>', 'work as if started in <dir>')
    .option('--json', 'print JSON and nothing else on stdout')
    .option('--no-color', 'no colors')
    .option('--quiet', 'no progress and no hints')
    .option('--debug', 'show where an error comes from')
    .option('-V, --version', 'print the version')
    .on('option:version', () => printVersion(context))
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput(outputOf(context, writeHelp))
    .exitOverride((error) => {
      throw error;
    })
    .hook('preAction', (root) => context.settle(root.opts<GlobalOptions>()));
  for (const { heading, commands } of COMMAND_GROUPS) {
    program.commandsGroup(heading);
    for (const register of commands) register(program, context);
  }
  program.helpCommand('help [command]', 'show help for a command');
  addExamples(program, [
    'orch completion bash    completion for your shell',
    'orch help completion    what a command does',
  ]);
  return program;
}

/** commander, but its errors are ours: thrown, with what to type next. Subcommands are of this kind too. */
class OrchCommand extends Command {
  override createCommand(name?: string): Command {
    return new OrchCommand(name);
  }

  /** commander's messages read "error: what\n(Did you mean x?)". */
  override error(message: string): never {
    const [first = message, ...rest] = message
      .replace(/^error: (command-argument )?/, '')
      .split('\n');
    const suggestion = /^\(Did you mean (.+)\?\)$/.exec(rest.join(' ').trim())?.[1];
    throw new UsageError(
      first.replace(/\.$/, ''),
      suggestion ? `did you mean "${suggestion}"?` : this.helpCommandLine(),
    );
  }

  /** commander answers `nope --help` with the help of the whole, as if it had been asked for that. */
  override outputHelp(context?: HelpContext | ((text: string) => string)): void {
    this.refuseUnknown();
    if (typeof context === 'function') super.outputHelp(context);
    else super.outputHelp(context);
  }

  override help(context?: HelpContext | ((text: string) => string)): never {
    this.refuseUnknown();
    if (typeof context !== 'object' || !context.error) return super.help();
    // Nothing was asked for: the help itself is the best answer, but not a success.
    throw new UsageError(
      `${this.path()} needs a command`,
      this.helpCommandLine(),
      this.helpInformation(),
    );
  }

  private refuseUnknown(): void {
    const [first = '', second = ''] = this.args;
    const meant = first === 'help' ? second : first;
    const names = this.commands.map((command) => command.name());
    if (meant === '' || meant.startsWith('-') || names.length === 0) return;
    if (meant === 'help' || names.includes(meant)) return;
    const near = closestMatch(meant, names);
    const fix = near === undefined ? this.helpCommandLine() : `did you mean "${near}"?`;
    throw new UsageError(`unknown command '${meant}'`, fix);
  }

  private path(): string {
    return this.parent instanceof OrchCommand
      ? `${this.parent.path()} ${this.name()}`
      : this.name();
  }

  private helpCommandLine(): string {
    return `${this.path()} --help`;
  }
}

/** `--version` among other options; alone it is answered by bin/orch.js. */
function printVersion(context: OpenContext): never {
  const version = context.version();
  context.printResult(
    () => ({ version }),
    () => version,
  );
  throw new CommanderError(EXIT.done, 'commander.version', version);
}

/** Where commander writes help, and how wide and colourful it may be. Its errors are thrown, not written. */
function outputOf(context: OpenContext, writeHelp: (piece: string) => void) {
  return {
    writeOut: writeHelp,
    getOutHelpWidth: () => context.stdout.columns ?? 80,
    getErrHelpWidth: () => context.stderr.columns ?? 80,
    getOutHasColors: () => context.color,
    getErrHasColors: () => context.color,
  };
}

/**
 * --json and --debug before anything is parsed, because an error in parsing has to obey them. A value
 * that looks like one of them only changes how such an error is told.
 */
function foreseenOptions(args: readonly string[]): GlobalOptions {
  const end = args.indexOf('--');
  const options = new Set(end === -1 ? args : args.slice(0, end));
  return {
    json: options.has('--json'),
    debug: options.has('--debug'),
    color: !options.has('--no-color'),
  };
}
