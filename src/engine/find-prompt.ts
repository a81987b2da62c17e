/** The prompt of an attempt of an agent step, from its record. */
import { OrchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { FilesPort } from '../ports/files.ts';
import type { StepAgent } from '../run/events.ts';
import { stepStateOf } from '../run/state.ts';
import { PROMPT_FILE } from './agent-step.ts';
import { leavesOf } from './attempt-logs.ts';
import type { ReadRun } from './read-run.ts';
import { attemptFolder } from './run-files.ts';

export interface FoundPrompt {
  readonly text: string;
  readonly attempt: number;
  readonly agent: StepAgent;
}

/**
 * @param number of the attempt; the last one when undefined
 * @throws OrchError ORCH_NO_SUCH_STEP, ORCH_NO_PROMPT
 */
export function findPrompt(
  files: FilesPort,
  { state, files: at }: ReadRun,
  id: string,
  number: number | undefined,
): FoundPrompt {
  const [index, ...others] = leavesOf(state, id);
  if (index === undefined || others.length > 0)
    throw noPrompt(`"${id}" stands for several steps`, `name one of them: orch show ${state.run}`);
  const asked = stepStateOf(state, index).attempts.filter(({ agent }) => agent !== undefined);
  const attempt = number === undefined ? asked.at(-1) : asked.find(({ n }) => n === number);
  if (attempt?.agent === undefined) {
    const which = number === undefined ? '' : ` in attempt ${number}`;
    throw noPrompt(`no agent was asked for step "${id}"${which}`, `orch show ${state.run}`);
  }
  const text = files.readText(`${attemptFolder(at, id, attempt.n)}/${PROMPT_FILE}`);
  if (text === undefined || sha256(text) !== attempt.agent.prompt) {
    const what = text === undefined ? 'is not here any more' : 'is not what the journal says';
    throw noPrompt(`the prompt of step "${id}" ${what}`, `orch show ${state.run} --json`);
  }
  return { text, attempt: attempt.n, agent: attempt.agent };
}

function noPrompt(what: string, fix: string): OrchError {
  return new OrchError('ORCH_NO_PROMPT', what, { fix });
}
