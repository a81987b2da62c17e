/**
 * Fake agent programs: scripts that print what the real ones print and do what the test says, one part
 * for each call. What they were asked lies beside the repository, one file for each call.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRepository } from '../rig/repository.ts';
import { type IsolatedStage, makeIsolated } from './isolated-stage.ts';

export interface AgentStage extends IsolatedStage {
  /**
   * Makes an agent of this name.
   * @param calls shell text for each call, in order; the last one also for all further calls
   */
  agent(name: string, program: string, calls: readonly string[], settings?: string): void;
  /** What a call of an agent was told: its prompt, its arguments, its environment. */
  asked(name: string, call: number): Asked;
  /** How often it was called. */
  calls(name: string): number;
}

export interface Asked {
  readonly prompt: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Shell text that prints these events, as an agent prints them. */
export function prints(...events: readonly unknown[]): string {
  const text = events.map((event) => JSON.stringify(event)).join('\n');
  return `cat <<'EVENTS'\n${text}\nEVENTS`;
}

/** What codex prints around its work. */
export const CODEX = {
  begun: prints({ type: 'thread.started', thread_id: 'thread-1' }, { type: 'turn.started' }),
  done: (text: string, tokens = 10) =>
    prints(
      { type: 'item.completed', item: { type: 'agent_message', text } },
      { type: 'turn.completed', usage: { input_tokens: tokens, output_tokens: tokens } },
    ),
  failed: (message: string) => `${prints({ type: 'turn.failed', error: { message } })}\nexit 1`,
};

export function makeAgents(
  files: Readonly<Record<string, string>> = { 'a.txt': 'a\n' },
): AgentStage {
  const repository = makeRepository();
  const stage = makeIsolated(files, repository);
  const folder = join(repository.folder, 'agents');
  mkdirSync(folder);
  const definitions: string[] = [];
  const callFolder = (name: string, call: number) => join(folder, name, String(call));
  const calls = (name: string): number => {
    let call = 0;
    while (existsSync(callFolder(name, call + 1))) call += 1;
    return call;
  };
  const read = (name: string, call: number, file: string) =>
    readFileSync(join(callFolder(name, call), file), 'utf8');
  return {
    ...stage,
    agent(name, program, parts, settings = '') {
      mkdirSync(join(folder, name));
      const file = join(folder, `${name}.sh`);
      writeFileSync(file, scriptOf(join(folder, name), parts));
      chmodSync(file, 0o755);
      definitions.push(
        `  ${name}: { cli: ${program}, command: ${JSON.stringify(file)}${settings} }`,
      );
      repository.write('.orch/config.yaml', `agents:\n${definitions.join('\n')}\n`);
      repository.commitAll(`agent ${name}`);
    },
    calls,
    asked(name, call) {
      const env = read(name, call, 'env').split('\0').filter(Boolean);
      return {
        prompt: read(name, call, 'prompt'),
        args: read(name, call, 'args').split('\0').slice(0, -1),
        env: Object.fromEntries(
          env.map((entry) => [
            entry.slice(0, entry.indexOf('=')),
            entry.slice(entry.indexOf('=') + 1),
          ]),
        ),
      };
    },
  };
}

/** The folder of a call is made exclusively, so that calls side by side have numbers of their own. */
function scriptOf(folder: string, parts: readonly string[]): string {
  const cases = parts.map((part, nth) => {
    const pattern = nth === parts.length - 1 ? '*' : String(nth + 1);
    return `${pattern})\n${part}\n;;`;
  });
  const quoted = `'${folder.replaceAll("'", "'\\''")}'`;
  return `#!/bin/sh
n=1
until mkdir ${quoted}/$n 2>/dev/null; do n=$((n+1)); done
at=${quoted}/$n
printf '%s\\0' "$@" > "$at/args"
env -0 > "$at/env"
cat "$ORCH_PROMPT_FILE" > "$at/prompt"
case $n in
${cases.join('\n')}
esac
`;
}
