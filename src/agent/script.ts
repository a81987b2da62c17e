/** An agent's command as the shell script that a keeper runs. */
import { quoteWord } from '../base/shell.ts';
import type { AgentCommand } from './programs.ts';

/** @param promptFile absolute path */
export function scriptOf({ argv, readsPrompt }: AgentCommand, promptFile: string): string {
  const file = quoteWord(promptFile);
  // An argument of the script itself would have to share the system's limit with the script.
  const words = argv.map((word) =>
    typeof word === 'string' ? quoteWord(word) : `"$(cat ${file})"`,
  );
  return `exec ${words.join(' ')} <${readsPrompt ? file : '/dev/null'}`;
}
