/** Who does agent steps: the programs that orch knows, and an agent as a run freezes it. */

/** Programs whose own output orch understands, and `exec` for any other. */
export const AGENT_PROGRAMS = [
  'claude',
  'codex',
  'gemini',
  'qwen',
  'opencode',
  'cn',
  'aider',
  'copilot',
  'cursor',
  'exec',
] as const;

export type AgentProgram = (typeof AGENT_PROGRAMS)[number];

/** An agent with every default filled in, as a run freezes it. */
export interface AgentDefinition {
  readonly name: string;
  readonly program: AgentProgram;
  /** The program first; absent for its own name. */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly model?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly passEnv: readonly string[];
  readonly pool: string;
  readonly limits: { readonly timeMs?: number; readonly idleMs?: number };
  readonly price?: { readonly inputPerMtok: number; readonly outputPerMtok: number };
}

/** What a program that no config.yaml defines is: its own name, and nothing special. */
export function plainAgent(program: AgentProgram): AgentDefinition {
  return { name: program, program, args: [], env: {}, passEnv: [], pool: program, limits: {} };
}

/** `exec` is no program by itself. */
export function isKnownProgram(name: string): name is AgentProgram {
  return name !== 'exec' && (AGENT_PROGRAMS as readonly string[]).includes(name);
}

/** Those that need no entry in config.yaml. */
export const KNOWN_PROGRAMS: readonly AgentProgram[] = AGENT_PROGRAMS.filter(isKnownProgram);
