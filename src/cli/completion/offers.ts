/**
 * What the completion scripts of all shells share: what can stand at a place, and the walk over the
 * words typed so far. The scripts themselves are bash.ts, zsh.ts and fish.ts.
 */
import { quoteWord } from '../../base/shell.ts';
import { type CommandShape, flattenCommands, type OptionShape } from '../command-tree.ts';
import type { LookUp } from './lookups.ts';

/** What stands for a value at a TAB: fixed words, or what the shell looks up; nothing when that is empty. */
export type Offer =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'found'; readonly found: readonly (LookUp | 'files')[] };

const NOTHING: Offer = { kind: 'found', found: [] };

function offerFor(name: string, choices: readonly string[]): Offer {
  if (choices.length > 0) return { kind: 'words', words: choices };
  if (/^(file|path|dir|folder)s?$/i.test(name)) return { kind: 'found', found: ['files'] };
  return name === 'run' ? { kind: 'found', found: ['runs'] } : NOTHING;
}

export function optionOffer(option: OptionShape): Offer {
  const value = /[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? '';
  return offerFor(value, option.choices);
}

/** A step belongs to the run before it; where that may be left out, to the newest run. */
function argumentOffer(command: CommandShape, index: number): Offer {
  const [argument, next] = command.arguments.slice(index);
  if (argument === undefined) return NOTHING;
  const { name, required, choices } = argument;
  if (name === 'workflow') return { kind: 'found', found: ['workflows', 'files'] };
  if (name === 'step') return { kind: 'found', found: ['steps'] };
  if (name === 'run' && !required && next?.name === 'step')
    return { kind: 'found', found: ['runs', 'steps'] };
  return offerFor(name, choices);
}

/** Per command path, each argument's position and offer; the last one repeats when it is variadic. */
export function argumentRows(
  command: CommandShape,
): { readonly position: string; readonly offer: Offer }[] {
  return command.arguments
    .map((argument, index) => ({
      position: argument.variadic ? '*' : String(index),
      offer: argumentOffer(command, index),
    }))
    .filter(({ offer }) => !isNothing(offer));
}

export function isNothing(offer: Offer): boolean {
  return offer.kind === 'found' && offer.found.length === 0;
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
          pattern: `${command === root ? '*' : quoteWord(command.path)}${quoteWord(`|${name}`)}`,
          offer: optionOffer(option),
        })),
      ),
  );
}

/** Last word of a command's path. */
export function ownName(command: CommandShape): string {
  return command.path.split(' ').at(-1) ?? '';
}

/**
 * The walk in the words that bash and zsh share. For each `$word` it keeps `at` (the command so far),
 * `arg` (arguments since), `first` (of these) and `value` (an option whose value comes next).
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
      ${commands.map((command) => quoteWord(command.path)).join('|')}) at="\${at:+$at }$word"; arg=0 ;;
      *) [[ $arg == 0 ]] && first=$word; arg=$((arg + 1)) ;;
    esac`;
}
