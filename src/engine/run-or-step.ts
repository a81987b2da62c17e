/** What a person means by one argument where a run and a step could stand. */
import { OrchError } from '../base/errors.ts';
import { closestMatch } from '../base/text.ts';
import type { RunState } from '../run/state.ts';

/**
 * A run wins; what is no run, nor the beginning of one, is a step of the newest run.
 * @param look finds a run as `lookAtAnyRun` does, nothing for the newest
 * @throws OrchError what `look` throws; ORCH_NO_SUCH_RUN that names both when it is neither
 */
export async function lookAtRunOrStep<Look extends { readonly state: RunState }>(
  look: (meant: string | undefined) => Look | Promise<Look>,
  first: string | undefined,
  second: string | undefined,
): Promise<{ readonly look: Look; readonly step: string | undefined }> {
  if (first === undefined || second !== undefined) {
    return { look: await look(first), step: second };
  }
  try {
    return { look: await look(first), step: undefined };
  } catch (error) {
    if (!(error instanceof OrchError) || error.code !== 'ORCH_NO_SUCH_RUN') throw error;
    // A run that only git knows is a run too, and the error says where it is.
    if (first.startsWith('@') || error.cause !== undefined) throw error;
    const newest = await look(undefined);
    if (newest.state.indexOf.has(first)) return { look: newest, step: first };
    throw neither(first, newest.state);
  }
}

function neither(meant: string, { run, indexOf }: RunState): OrchError {
  const near = closestMatch(meant, indexOf.keys());
  return new OrchError(
    'ORCH_NO_SUCH_RUN',
    `no run begins with "${meant}", and the newest run, ${run}, has no step of this name`,
    { fix: near === undefined ? `orch list, or: orch show ${run}` : `did you mean "${near}"?` },
  );
}
