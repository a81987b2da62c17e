/**
 * What the completion scripts of all shells share: what can stand at a place, and the walk over the
 * words typed so far. The scripts themselves are bash.ts, zsh.ts and fish.ts.
 */
import {
  type ArgumentShape,
  type CommandShape,
  flattenCommands,
  type OptionShape,
} from '../command-tree.ts';

/** What stands for a value at a TAB: fixed words, runs, files, or nothing that a shell could know. */
export type Offer =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'runs' | 'files' | 'nothing' };

const FILE_NAMES = /^(workflow|file|path|dir|folder)s?$/i;

function offerFor(name: string, choices: readonly string[]): Offer {
  if (choices.length > 0) return { kind: 'words', words: choices };
  if (/^runs?$/.test(name)) return { kind: 'runs' };
  return { kind: FILE_NAMES.test(name) ? 'files' : 'nothing' };
}

export function optionOffer(option: OptionShape): Offer {
  const value = /[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? '';
  return offerFor(value, option.choices);
}

function argumentOffer(argument: ArgumentShape): Offer {
  return offerFor(argument.name, argument.choices);
}

/** Per command path, each argument's position and offer; the last one repeats when it is variadic. */
export function argumentRows(
  command: CommandShape,
): { readonly position: string; readonly offer: Offer }[] {
  return command.arguments
    .map((argument, index) => ({
      position: argument.variadic ? '*' : String(index),
      offer: argumentOffer(argument),
    }))
    .filter(({ offer }) => offer.kind !== 'nothing');
}

export interface ValueOption {
  /** Shell pattern for `command path|--option`; a global option stands below any path. */
  readonly pattern: string;
  readonly offer: Offer;
}

/** Every spelling of every option that takes a value. */
export function valueOptions(root: CommandShape): ValueOption[] {
  return flattenCommands(root).flatMap((command) =>
    command.options
      .filter((option) => option.takesValue)
      .flatMap((option) =>
        option.names.map((name) => ({
          pattern: `${command === root ? '*' : quote(command.path)}${quote(`|${name}`)}`,
          offer: optionOffer(option),
        })),
      ),
  );
}

/** Last word of a command's path. */
export function ownName(command: CommandShape): string {
  return command.path.split(' ').at(-1) ?? '';
}

/** Inside single quotes nothing is special but the quote itself. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * The walk in the words that bash and zsh share. For each `$word` it keeps `at` (the command so far),
 * `arg` (arguments since) and `value` (an option whose value comes next).
 */
export function walkBody(root: CommandShape): string {
  const commands = flattenCommands(root).filter((command) => command !== root);
  return `    if [[ -n $value ]]; then value=''; continue; fi
    case "$at|$word" in
      ${valueOptions(root)
        .map(({ pattern }) => pattern)
        .join('|')}) value=$word; continue ;;
    esac
    case $word in -*) continue ;; esac
    case "\${at:+$at }$word" in
      ${commands.map((command) => quote(command.path)).join('|')}) at="\${at:+$at }$word"; arg=0 ;;
      *) arg=$((arg + 1)) ;;
    esac`;
}
