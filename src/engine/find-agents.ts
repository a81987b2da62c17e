/**
 * Who does the agent steps of a workflow: definitions from config.yaml, or programs that orch knows
 * by name. Settled before the run begins and frozen with it.
 */
import { executableOf } from '../agent/programs.ts';
import { OrchError } from '../base/errors.ts';
import { closestMatch, joinWords } from '../base/text.ts';
import type { ProcessPort } from '../ports/processes.ts';
import {
  type AgentDefinition,
  isKnownProgram,
  KNOWN_PROGRAMS,
  plainAgent,
} from '../workflow/agents.ts';
import type { Config } from '../workflow/config-schema.ts';
import type { Step, Workflow } from '../workflow/workflow.ts';

export type Agents = Readonly<Record<string, AgentDefinition>>;

/** Stands for whichever agent there is. */
const AUTO = 'auto';

export interface AgentsRequest {
  readonly processes: Pick<ProcessPort, 'findProgram'>;
  readonly config: Config;
  /** The variable PATH of jobs. */
  readonly path: string;
}

/**
 * By the names that steps use, and by their own.
 * @throws OrchError ORCH_UNKNOWN_AGENT; ORCH_AGENT_MISSING when none of the agents of a step is there
 */
export function findAgents(workflow: Workflow, request: AgentsRequest): Agents {
  const found = new Map<string, AgentDefinition>();
  for (const { names, spot } of asked(workflow)) {
    for (const name of names) {
      const agent = found.get(name) ?? define(name, request, spot);
      // The one that `auto` is goes by its own name in the journal.
      found.set(name, agent).set(agent.name, agent);
    }
    if (!names.some((name) => isThere(found.get(name), request))) throw missing(names, found, spot);
  }
  return Object.fromEntries(found);
}

interface Asked {
  readonly names: readonly string[];
  readonly spot?: Step['spot'];
}

function asked({ steps, conflicts }: Workflow): Asked[] {
  const ofSteps = steps.flatMap(({ agent, spot }) =>
    agent === undefined ? [] : [{ names: agent.names, spot }],
  );
  return conflicts?.agents === undefined ? ofSteps : [...ofSteps, { names: conflicts.agents }];
}

function define(name: string, request: AgentsRequest, spot: Asked['spot']): AgentDefinition {
  const { config } = request;
  const own = Object.hasOwn(config.agents, name) ? config.agents[name] : undefined;
  if (own?.program === 'exec' && own.command === undefined) {
    throw new OrchError('ORCH_MISSING_KEY', `the agent "${name}" does not say what to run`, {
      fix: `add command: [./agent.sh] to agents.${name} in .orch/config.yaml`,
      ...(spot && { spot }),
    });
  }
  if (own !== undefined) return own;
  if (name === AUTO) return firstThere(request, spot);
  if (isKnownProgram(name)) return plainAgent(name);
  const known = [...Object.keys(config.agents), ...KNOWN_PROGRAMS, AUTO];
  const near = closestMatch(name, known);
  throw new OrchError('ORCH_UNKNOWN_AGENT', `there is no agent "${name}"`, {
    fix:
      near === undefined
        ? `define it under agents: in .orch/config.yaml, or use ${joinWords(known, 'or')}`
        : `did you mean "${near}"?`,
    ...(spot && { spot }),
  });
}

function firstThere(request: AgentsRequest, spot: Asked['spot']): AgentDefinition {
  const known = KNOWN_PROGRAMS.map(plainAgent);
  const candidates = [...Object.values(request.config.agents), ...known];
  const first = candidates.find((agent) => isThere(agent, request));
  if (first !== undefined) return first;
  throw new OrchError('ORCH_AGENT_MISSING', 'no agent program is on PATH', {
    fix: `install one (${joinWords(
      known.map(({ name }) => name),
      'or',
    )}), or define one under agents: in .orch/config.yaml`,
    ...(spot && { spot }),
  });
}

function isThere(agent: AgentDefinition | undefined, { processes, path }: AgentsRequest): boolean {
  return agent !== undefined && processes.findProgram(executableOf({ agent }), path) !== undefined;
}

function missing(
  names: readonly string[],
  found: ReadonlyMap<string, AgentDefinition>,
  spot: Asked['spot'],
): OrchError {
  const programs = names.map((name) => {
    const agent = found.get(name);
    return agent === undefined ? name : executableOf({ agent });
  });
  const what = `${programs.length === 1 ? 'the program' : 'none of the programs'} ${joinWords(programs, 'and')} ${programs.length === 1 ? 'is not' : 'is'} on PATH`;
  return new OrchError('ORCH_AGENT_MISSING', what, {
    fix: 'install it, or name another agent; see agents: in .orch/config.yaml',
    ...(spot && { spot }),
  });
}
