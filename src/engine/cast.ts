/** Who does the agent steps of a workflow, and as whom: settled before a run begins, and frozen with it. */
import type { FilesPort } from '../ports/files.ts';
import type { ProcessPort } from '../ports/processes.ts';
import type { FrozenPersona } from '../run/state.ts';
import type { Config } from '../workflow/config-schema.ts';
import type { Workflow } from '../workflow/workflow.ts';
import { type Agents, findAgents } from './find-agents.ts';
import { findPersonas, type PersonaPlaces, personaNamed } from './find-personas.ts';

export interface Cast {
  readonly agents?: Agents;
  /** By name. */
  readonly personas?: Readonly<Record<string, FrozenPersona>>;
}

export interface CastRequest {
  readonly files: FilesPort;
  readonly processes: Pick<ProcessPort, 'findProgram'>;
  readonly config: Config;
  readonly personas: PersonaPlaces;
  /** What jobs inherit. */
  readonly environment: Readonly<Record<string, string>>;
}

/** @throws OrchError as findAgents and personaNamed */
export function castOf(workflow: Workflow, request: CastRequest): Cast {
  const { processes, config, environment } = request;
  const personas = personasOf(workflow, request);
  const agents = findAgents(workflow, { processes, config, path: environment['PATH'] ?? '' });
  return {
    ...(Object.keys(agents).length > 0 && { agents }),
    ...(Object.keys(personas).length > 0 && { personas }),
  };
}

function personasOf(
  { steps, conflicts }: Workflow,
  { files, personas: places }: CastRequest,
): Record<string, FrozenPersona> {
  const asked = [...steps.map(({ agent }) => agent?.persona), conflicts?.persona];
  const names = new Set(asked.filter((name) => name !== undefined));
  if (names.size === 0) return {};
  const found = findPersonas(files, places);
  return Object.fromEntries(
    [...names].map((name) => {
      const { prompt, model, tools } = personaNamed(found, name);
      return [name, { prompt, ...(model !== undefined && { model }), ...(tools && { tools }) }];
    }),
  );
}
