/** Help texts that commands share. */
import type { Command } from 'commander';

/**
 * Adds "Examples:" under the help of a command.
 * @param examples one line each, as one would type it, then what it is for after two spaces or more
 */
export function addExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`,
  );
}
