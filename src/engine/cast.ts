/** Who does the agent steps of a workflow, and as whom: settled before a run begins, and frozen with it. */
import type { ProcessPort } from '../ports/processes.ts';
import type { Config } from '../workflow/config-schema.ts';
import type { Workflow } from '../workflow/workflow.ts';
import { type Agents, findAgents } from './find-agents.ts';

export interface Cast {
  readonly agents?: Agents;
  /** Texts by name. */
  readonly personas?: Readonly<Record<string, string>>;
}

export interface CastRequest {
  readonly processes: Pick<ProcessPort, 'findProgram'>;
  readonly config: Config;
  /** What jobs inherit. */
  readonly environment: Readonly<Record<string, string>>;
}

/** @throws OrchError as findAgents */
export function castOf(workflow: Workflow, request: CastRequest): Cast {
  const { processes, config, environment } = request;
  const agents = findAgents(workflow, { processes, config, path: environment['PATH'] ?? '' });
  return Object.keys(agents).length === 0 ? {} : { agents };
}
