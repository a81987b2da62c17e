/** An agent's command as the shell script that a keeper runs. */
import type { AgentCommand } from './programs.ts';

/** @param promptFile absolute path */
export function scriptOf({ argv, readsPrompt }: AgentCommand, promptFile: string): string {
  const file = quoted(promptFile);
  // An argument of the script itself would have to share the system's limit with the script.
  const words = argv.map((word) => (typeof word === 'string' ? quoted(word) : `"$(cat ${file})"`));
  return `exec ${words.join(' ')} <${readsPrompt ? file : '/dev/null'}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
