/**
 * What an agent step comes to as a job: whose turn it is, the prompt in a file, the command line, and
 * the few variables of the environment that an agent gets.
 */
import { commandFor, executableOf, MAX_ARGUMENT_BYTES } from '../agent/programs.ts';
import { composePrompt, fillInTask, type Task } from '../agent/prompt.ts';
import { scriptOf } from '../agent/script.ts';
import { sha256 } from '../base/hash.ts';
import type { PlanNode } from '../plan/plan.ts';
import { isLeftOff } from '../run/agent-turn.ts';
import type { Failure, StepAgent } from '../run/events.ts';
import { contextOf } from '../run/scope.ts';
import { type Attempt, type FrozenPersona, stepStateOf } from '../run/state.ts';
import type { AgentDefinition } from '../workflow/agents.ts';
import type { AgentCall, Timeout } from '../workflow/workflow.ts';
import type { LiveRun } from './live-run.ts';

export const PROMPT_FILE = 'prompt.md';

/** What everybody's programs need; an agent gets nothing else of orch's environment unless it is named. */
const ALWAYS_PASSED = ['PATH', 'HOME', 'LANG', 'TERM'];

export interface AgentJob {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variables of orch's own environment that it gets. */
  readonly pass: readonly string[];
  /** For the record. */
  readonly agent: StepAgent;
  /** Stands for its work in the cache: the same agent, asked the same. */
  readonly identity: string;
}

/** What a job runs: a script of the workflow's own, or an agent. */
export type JobWork = Pick<AgentJob, 'script'> & Partial<AgentJob>;

/** The agent whose turn it is. */
export function agentOf(run: LiveRun, node: PlanNode, call: AgentCall): AgentDefinition {
  const name = call.names[stepStateOf(run.state, node.index).agentAt ?? 0] ?? '';
  const definition = run.state.agents[name];
  if (definition === undefined) throw new Error(`the run has no agent ${name}`);
  return inPersona(definition, personaOf(run, call.persona));
}

function personaOf({ state }: LiveRun, name: string | undefined): FrozenPersona | undefined {
  return name === undefined ? undefined : state.personas[name];
}

/** Models and tools of personas are named in the words of claude, and mean nothing to other programs. */
function inPersona(
  definition: AgentDefinition,
  persona: FrozenPersona | undefined,
): AgentDefinition {
  if (persona === undefined || definition.program !== 'claude') return definition;
  const model = definition.model ?? persona.model;
  const tools = persona.tools === undefined ? [] : ['--allowedTools', persona.tools.join(',')];
  return {
    ...definition,
    ...(model !== undefined && { model }),
    args: [...definition.args, ...tools],
  };
}

/** As the agent's own limits say where the step says nothing. */
export function agentTimeout({ limits }: AgentDefinition, timeout: Timeout): Timeout {
  const { timeMs: totalMs, idleMs } = limits;
  return {
    ...(totalMs !== undefined && { totalMs }),
    ...(idleMs !== undefined && { idleMs }),
    ...timeout,
  };
}

export interface AgentWork {
  readonly node: PlanNode;
  readonly call: AgentCall;
  readonly definition: AgentDefinition;
  /** Of the attempt. */
  readonly folder: string;
  /** Absolute path of evidence.md. */
  readonly evidence: string | undefined;
  /** Number of the worktree; undefined in place. */
  readonly worktree: number | undefined;
}

/** Writes the prompt. @throws OrchError when an expression in it cannot be evaluated */
export function agentJob(run: LiveRun, work: AgentWork): AgentJob | { readonly failure: Failure } {
  const { node, call, definition, folder } = work;
  const session = sessionOf(stepStateOf(run.state, node.index).attempts.at(-1), work);
  const prompt = promptOf(run, work);
  return askAgent(run, { definition, folder, prompt, persona: call.persona, session });
}

/** The job of an agent that is to settle a conflict. @param task what both sides wanted */
export function settlingJob(
  run: LiveRun,
  folder: string,
  task: Task,
): AgentJob | { readonly failure: Failure } {
  const { agents: names = [], persona: name } = run.state.workflow.conflicts ?? {};
  const persona = personaOf(run, name);
  const there = names
    .flatMap((each) => run.state.agents[each] ?? [])
    .find((each) => missingProgram(run, each) === undefined);
  const first = there ?? run.state.agents[names[0] ?? ''];
  if (first === undefined) throw new Error('no agent settles conflicts');
  const definition = inPersona(first, persona);
  const prompt = composePrompt({ ...(persona && { persona: persona.prompt }), task });
  return askAgent(run, { definition, folder, prompt, persona: name, session: undefined });
}

interface Question {
  readonly definition: AgentDefinition;
  readonly folder: string;
  readonly prompt: string;
  readonly persona: string | undefined;
  readonly session: string | undefined;
}

function askAgent(
  run: LiveRun,
  { definition, folder, prompt, persona, session }: Question,
): AgentJob | { readonly failure: Failure } {
  const missing = missingProgram(run, definition);
  if (missing !== undefined) return { failure: { kind: 'unavailable', message: missing } };
  const promptFile = `${folder}/${PROMPT_FILE}`;
  const command = commandFor({
    agent: definition,
    promptFile,
    ...(session !== undefined && { session }),
  });
  const bytes = Buffer.byteLength(prompt);
  if (command.argv.some((word) => typeof word !== 'string') && bytes > MAX_ARGUMENT_BYTES) {
    const message = `its prompt has ${bytes} bytes, and ${definition.program} takes it as one argument of at most ${MAX_ARGUMENT_BYTES}`;
    return { failure: { kind: 'context', message } };
  }
  const { files } = run.parts.ports;
  files.makeFolder(folder);
  files.replaceUnsynced(promptFile, prompt);
  const { name, program, model } = definition;
  const digest = sha256(prompt);
  return {
    script: scriptOf(command, promptFile),
    env: { ...definition.env, ORCH_PROMPT_FILE: promptFile },
    pass: [...ALWAYS_PASSED, ...definition.passEnv],
    agent: {
      name,
      program,
      ...(model !== undefined && { model }),
      ...(persona !== undefined && { persona }),
      prompt: digest,
      ...(session !== undefined && { session }),
    },
    identity: JSON.stringify({ definition, prompt: digest }),
  };
}

function promptOf(run: LiveRun, { node, call, evidence }: AgentWork): string {
  const { files } = run.parts.ports;
  const told = evidence === undefined ? undefined : files.readText(evidence);
  const persona = personaOf(run, call.persona);
  return composePrompt({
    ...(persona && { persona: persona.prompt }),
    task: fillInTask(call.prompt, contextOf(run.state, node, [call.prompt])),
    ...(told !== undefined && {
      before: { kind: goesOn(run, node) ? 'left-off' : 'failed', evidence: told },
    }),
  });
}

/** The last attempt was left off: in an isolated run the next one begins in a worktree that holds its commit. */
export function goesOn(run: LiveRun, node: PlanNode): boolean {
  const kind = stepStateOf(run.state, node.index).attempts.at(-1)?.failure?.kind;
  return kind !== undefined && isLeftOff(kind);
}

function missingProgram(run: LiveRun, definition: AgentDefinition): string | undefined {
  const { ports, settings } = run.parts;
  const program = executableOf({ agent: definition });
  const found = ports.processes.findProgram(program, settings.environment['PATH'] ?? '');
  return found === undefined ? `the program ${program} is not on PATH` : undefined;
}

/**
 * The session of the last attempt, for the same agent in the same folder: programs but codex keep
 * sessions by folder. One that was gone on with and failed in its own words is left alone.
 */
function sessionOf(
  last: Attempt | undefined,
  { definition, worktree }: AgentWork,
): string | undefined {
  if (last?.agent?.name !== definition.name) return undefined;
  if (last.worktree !== worktree && definition.program !== 'codex') return undefined;
  const isStale =
    last.agent.session !== undefined && FAILED_BY_ITSELF.has(last.failure?.kind ?? '');
  return isStale ? undefined : last.session;
}

const FAILED_BY_ITSELF: ReadonlySet<string> = new Set(['agent', 'incomplete', 'exit']);
