/**
 * The tree of commands as plain data, read off commander: what completion scripts and the reference
 * of commands are made from, so that neither can name a flag that the program does not know.
 */
import type { EventEmitter } from 'node:events';
import type { Argument, Command, Option } from 'commander';

export interface OptionShape {
  /** As in help: `-c, --concurrency <n>`. */
  readonly flags: string;
  /** Every spelling: `-c`, `--concurrency`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** Allowed values; empty when any will do. */
  readonly choices: readonly string[];
  /** As text; undefined when there is none. */
  readonly defaultText: string | undefined;
}

export interface ArgumentShape {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly variadic: boolean;
  readonly choices: readonly string[];
}

export interface CommandShape {
  /** Names from the program down, the program left out: `task list`; empty for the program itself. */
  readonly path: string;
  readonly description: string;
  /** Heading in the help of the parent. */
  readonly group: string;
  readonly usage: string;
  readonly aliases: readonly string[];
  readonly arguments: readonly ArgumentShape[];
  /** Its own ones; the global options stand at the program. */
  readonly options: readonly OptionShape[];
  readonly commands: readonly CommandShape[];
  /** What help shows last, such as examples. */
  readonly after: string;
}

/** The shape of a command and everything below it; hidden commands and options are left out. */
export function describeCommand(command: Command, parentPath = ''): CommandShape {
  const path = command.parent ? `${parentPath} ${command.name()}`.trim() : '';
  const help = command.createHelp();
  return {
    path,
    description: command.description(),
    group: command.helpGroup(),
    usage: command.usage(),
    aliases: command.aliases(),
    arguments: command.registeredArguments.map((argument) => describeArgument(argument, command)),
    options: help
      .visibleOptions(command)
      .filter((option) => option.long !== '--help')
      .map(describeOption),
    commands: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map((child) => describeCommand(child, path)),
    after: textAfterHelp(command),
  };
}

/** The command and all below it, parents first. */
export function flattenCommands(shape: CommandShape): CommandShape[] {
  return [shape, ...shape.commands.flatMap(flattenCommands)];
}

function describeArgument(argument: Argument, command: Command): ArgumentShape {
  const name = argument.name();
  return {
    name,
    description: argument.description,
    // Some are optional for commander only, because the command itself refuses without them.
    required: argument.required || command.usage().includes(`<${name}>`),
    variadic: argument.variadic,
    choices: argument.argChoices ?? [],
  };
}

function describeOption(option: Option): OptionShape {
  const value: unknown = option.defaultValue;
  return {
    flags: option.flags,
    names: [option.short, option.long].filter((name) => name !== undefined),
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
    // A negated flag (--no-color) has the default true, which says nothing to a reader.
    defaultText:
      value === undefined || option.negate
        ? undefined
        : (option.defaultValueDescription ?? JSON.stringify(value)),
  };
}

/** commander keeps such texts as listeners to an event, which its types do not show. */
function textAfterHelp(command: Command): string {
  let printed = '';
  const write = (text: string) => {
    printed += text;
  };
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, write, command });
  return printed.trim();
}
