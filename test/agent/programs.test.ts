/** The command line of every agent program: what orch gives, and what the user's own arguments put in its place. */
import { describe, expect, test } from 'vitest';
import { commandFor, executableOf, PROMPT } from '../../src/agent/programs.ts';
import { scriptOf } from '../../src/agent/script.ts';
import { AGENT_PROGRAMS, type AgentProgram, plainAgent } from '../../src/workflow/agents.ts';

const FILE = '/r/prompt.md';

function wordsOf(program: AgentProgram, fields: object = {}, session?: string): string {
  const agent = { ...plainAgent(program), command: ['p'], ...fields };
  const { argv, readsPrompt } = commandFor({
    agent,
    promptFile: FILE,
    ...(session !== undefined && { session }),
  });
  const words = argv.map((word) => (word === PROMPT ? 'PROMPT' : String(word)));
  return `${words.join(' ')}${readsPrompt ? ' < prompt' : ''}`;
}

describe('commandFor', () => {
  test.for([
    ['claude', 'p -p --output-format stream-json --verbose --permission-mode acceptEdits < prompt'],
    ['codex', 'p exec --json --sandbox workspace-write - < prompt'],
    ['gemini', 'p -p PROMPT -o stream-json --skip-trust --approval-mode yolo'],
    ['qwen', 'p -p PROMPT -o stream-json --approval-mode yolo'],
    ['opencode', 'p run --format json PROMPT'],
    ['cn', 'p -p PROMPT --format json --auto'],
    ['aider', 'p --message-file /r/prompt.md --yes-always --no-auto-commits --no-stream'],
    ['copilot', 'p -p PROMPT --output-format json --allow-all'],
    ['cursor', 'p -p --output-format stream-json --force PROMPT'],
    ['exec', 'p < prompt'],
  ] as const)('starts %s without a terminal', ([program, words]) => {
    expect(wordsOf(program)).toBe(words);
  });

  test.for([
    [
      'claude',
      'p -p --output-format stream-json --verbose --permission-mode acceptEdits --model m --resume s < prompt',
    ],
    ['codex', 'p exec --json --sandbox workspace-write -m m resume s - < prompt'],
    ['gemini', 'p -p PROMPT -o stream-json --skip-trust --approval-mode yolo -m m --resume s'],
    ['qwen', 'p -p PROMPT -o stream-json --approval-mode yolo -m m --resume s'],
    ['opencode', 'p run --format json -m m -s s PROMPT'],
    ['cn', 'p -p PROMPT --format json --auto --model m'],
    ['copilot', 'p -p PROMPT --output-format json --allow-all --model m --resume=s'],
    ['cursor', 'p -p --output-format stream-json --force --model m --resume s PROMPT'],
  ] as const)('gives %s its model and its session', ([program, words]) => {
    expect(wordsOf(program, { model: 'm' }, 's')).toBe(words);
  });

  test.for([
    ['claude', ['--dangerously-skip-permissions'], '--permission-mode'],
    ['codex', ['--sandbox=read-only'], 'workspace-write'],
    ['codex', ['-s', 'read-only'], 'workspace-write'],
    ['gemini', ['--yolo'], '--approval-mode'],
    ['cn', ['--readonly'], '--auto'],
    ['copilot', ['--allow-tool=write'], '--allow-all'],
  ] as const)('leaves to the user of %s what %j decides', ([program, args, without]) => {
    const words = wordsOf(program, { args: [...args] });
    expect(words).toContain(args.join(' '));
    expect(words.split(' ')).not.toContain(without);
  });

  test.for(AGENT_PROGRAMS.filter((program) => program !== 'exec'))(
    '%s is looked for by its name',
    (program) => {
      expect(executableOf({ agent: plainAgent(program) })).toBe(
        program === 'cursor' ? 'cursor-agent' : program,
      );
    },
  );
});

describe('scriptOf', () => {
  test('quotes every word, and takes the prompt from its file', () => {
    const script = scriptOf({ argv: ["it's", PROMPT, '$(x)'], readsPrompt: false }, "/a b/it's.md");
    expect(script).toBe(`exec 'it'\\''s' "$(cat '/a b/it'\\''s.md')" '$(x)' </dev/null`);
    expect(scriptOf({ argv: ['p'], readsPrompt: true }, '/f')).toBe("exec 'p' <'/f'");
  });
});
