/** What agents print, read: real recordings, documented shapes, and whatever else may come down a pipe. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readerFor } from '../../src/agent/output/readers.ts';
import type { AgentProgress, AgentReport } from '../../src/agent/report.ts';
import { AGENT_PROGRAMS, type AgentProgram } from '../../src/workflow/agents.ts';
import { hasRecordings, recording } from './recordings.ts';

const NOW_MS = Date.UTC(2026, 10, 27, 12);

interface Read extends AgentReport {
  readonly progress: readonly AgentProgress[];
}

function read(
  program: AgentProgram,
  out: string | Uint8Array,
  end: { readonly exitCode?: number; readonly stderr?: string } = {},
  cuts: readonly number[] = [],
): Read {
  const reader = readerFor(program);
  const bytes = typeof out === 'string' ? new TextEncoder().encode(out) : out;
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)];
  const progress = places.flatMap((from, nth) =>
    reader.push(bytes.subarray(from, places[nth + 1])),
  );
  return { progress, ...reader.end({ exitCode: 0, stderr: '', nowMs: NOW_MS, ...end }) };
}

function lines(...events: readonly unknown[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

describe.skipIf(!hasRecordings())('recorded output', () => {
  test.for([
    {
      name: 'codex.write',
      exitCode: 0,
      tokens: [22, 14],
      summary: 'DONE',
      tools: ['command_execution'],
    },
    { name: 'codex.say', exitCode: 0, tokens: [11, 7], tools: [] },
    { name: 'codex.s401', exitCode: 1, failure: 'auth', tokens: [0, 0], tools: [] },
    { name: 'codex.s500', exitCode: 1, failure: 'api', tokens: [0, 0], tools: [] },
    { name: 'codex.drop', exitCode: 1, failure: 'api', tokens: [0, 0], tools: [] },
    { name: 'gemini.write', exitCode: 0, tokens: [22, 14], summary: 'DONE', tools: ['write_file'] },
    { name: 'gemini.say', exitCode: 0, tokens: [11, 7], tools: [] },
    { name: 'gemini.s401', exitCode: 145, failure: 'auth', tokens: [0, 0], tools: [] },
    { name: 'gemini.drop', exitCode: 143, failure: 'api', tokens: [0, 0], tools: [] },
    { name: 'qwen.say', exitCode: 0, tokens: [22, 14], tools: [] },
    { name: 'qwen.write', exitCode: 0, tokens: [22, 14], tools: ['write_file'], summary: 'DONE' },
    { name: 'qwen.s401', exitCode: 0, failure: 'auth', tokens: [0, 0], tools: [] },
    { name: 'qwen.drop', exitCode: 0, failure: 'api', tokens: [0, 0], tools: [] },
    { name: 'opencode.write', exitCode: 0, tokens: [22, 14], summary: 'DONE', tools: ['write'] },
    { name: 'opencode.say', exitCode: 0, tokens: [11, 7], tools: [] },
    { name: 'opencode.s401', exitCode: 1, failure: 'api', tokens: [0, 0], tools: [] },
    { name: 'cn.write', exitCode: 0, tokens: [0, 0], summary: 'DONE', tools: [] },
    { name: 'cn.s401', exitCode: 1, failure: 'auth', tokens: [0, 0], tools: [] },
    { name: 'cn.s500', exitCode: 1, failure: 'api', tokens: [0, 0], tools: [] },
    { name: 'cn.drop', exitCode: 1, failure: 'api', tokens: [0, 0], tools: [] },
  ] as const)('of $name', (recorded) => {
    const { name, exitCode, tokens, tools } = recorded;
    const { out, err } = recording(name);
    const program = name.split('.')[0] as AgentProgram;
    const report = read(program, out, { exitCode, stderr: err });
    expect(report.failure?.kind).toBe('failure' in recorded ? recorded.failure : undefined);
    const { usage } = report;
    expect([usage.input_tokens, usage.output_tokens]).toEqual(tokens);
    if ('summary' in recorded) expect(report.summary).toBe(recorded.summary);
    expect(report.progress.flatMap((each) => (each.kind === 'tool' ? [each.tool] : []))).toEqual(
      tools,
    );
    if (program !== 'cn') expect(report.session).toMatch(/^[\w-]{20,}$/);
  });

  test('is read alike wherever it is cut', () => {
    const names = ['codex.write', 'gemini.write', 'qwen.write', 'opencode.write', 'cn.write'];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.nat(100_000), { maxLength: 20 }),
        (name, cuts) => {
          const { out } = recording(name);
          const program = name.split('.')[0] as AgentProgram;
          expect(read(program, out, {}, cuts)).toEqual(read(program, out));
        },
      ),
    );
  });
});

describe('claude', () => {
  const usage = { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 5 };
  const assistant = (id: string, ...content: readonly unknown[]) => ({
    type: 'assistant',
    session_id: 's1',
    message: { id, content, usage },
  });
  const result = { type: 'result', subtype: 'success', is_error: false, session_id: 's1' };

  test('counts a message once however many events tell of it, and believes the result', () => {
    const part = { type: 'text', text: 'héllo' };
    const tool = { type: 'tool_use', name: 'Bash', input: { command: 'npm test' } };
    const done = { ...result, result: 'All done.', total_cost_usd: 0.25, usage };
    const report = read('claude', lines(assistant('m1', part), assistant('m1', tool), done));
    expect(report.progress).toEqual([
      { kind: 'message', text: 'héllo' },
      { kind: 'usage', usage: { input_tokens: 100, output_tokens: 5 } },
      { kind: 'tool', tool: 'Bash', detail: 'npm test' },
    ]);
    expect(report).toMatchObject({
      usage: { usd: 0.25, input_tokens: 100, output_tokens: 5 },
      session: 's1',
      summary: 'All done.',
    });
    expect(report.failure).toBeUndefined();
  });

  test.for([
    { name: 'its own budget', result: { subtype: 'error_max_budget_usd' }, kind: 'budget' },
    { name: 'too many turns', result: { subtype: 'error_max_turns' }, kind: 'agent' },
    {
      name: 'a usage limit with its end',
      result: { is_error: true, result: `Claude AI usage limit reached|${NOW_MS / 1000 + 60}` },
      kind: 'rate_limit',
      resetAtMs: NOW_MS + 60_000,
    },
    {
      name: 'an invalid key',
      result: { is_error: true, result: 'Invalid API key · Please run /login' },
      kind: 'auth',
    },
    {
      name: 'an overloaded API',
      result: { is_error: true, result: 'API Error: 529 {"type":"overloaded_error"}' },
      kind: 'rate_limit',
    },
    {
      name: 'a prompt that is too long',
      result: { is_error: true, result: 'Prompt is too long' },
      kind: 'context',
    },
  ] as const)('fails by $name', ({ result: fields, kind, ...rest }) => {
    const { failure } = read('claude', lines({ ...result, ...fields }), { exitCode: 1 });
    expect(failure).toMatchObject({
      kind,
      ...('resetAtMs' in rest && { resetAtMs: rest.resetAtMs }),
    });
  });

  test('that ends without a result has not done its work, whatever its exit code', () => {
    const { failure } = read('claude', lines(assistant('m1', { type: 'text', text: 'Done!' })));
    expect(failure?.kind).toBe('incomplete');
  });

  test('does not fail because a tool printed a failure', () => {
    const printed = {
      type: 'user',
      message: { content: [{ type: 'tool_result', content: '429 Too Many Requests' }] },
    };
    expect(read('claude', lines(printed, { ...result, result: 'ok' })).failure).toBeUndefined();
  });
});

describe('cursor', () => {
  test('says what tools it uses, and its result', () => {
    const call = {
      type: 'tool_call',
      subtype: 'started',
      tool_call: { shellToolCall: { args: { command: 'ls' } } },
    };
    const done = {
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'ok',
      session_id: 'c1',
    };
    const report = read('cursor', lines(call, { ...call, subtype: 'completed' }, done));
    expect(report.progress).toEqual([{ kind: 'tool', tool: 'shellToolCall', detail: 'ls' }]);
    expect(report).toMatchObject({ summary: 'ok', session: 'c1' });
  });

  test('that fails prints no JSON at all', () => {
    const { failure } = read('cursor', '', { exitCode: 1, stderr: 'Error: not logged in\n' });
    expect(failure).toEqual({ kind: 'auth', message: 'Error: not logged in' });
  });
});

describe('programs without a last word', () => {
  test.for(['exec', 'aider', 'copilot'] as const)('%s has failed by its exit code', (program) => {
    const report = read(program, 'text\n', { exitCode: 3, stderr: 'something is wrong' });
    expect(report.hasVerdict).toBe(false);
    expect(read(program, 'text\n').failure).toBeUndefined();
  });

  test('say why they failed only where it is no more than that', () => {
    expect(read('exec', '', { exitCode: 1, stderr: 'oops' }).failure).toBeUndefined();
    expect(read('exec', '', { exitCode: 1, stderr: 'HTTP 429' }).failure?.kind).toBe('rate_limit');
  });

  test('are summed up by their last paragraph', () => {
    expect(read('aider', 'Reading files\n\nApplied edit to a.ts\nDone\n').summary).toBe(
      'Applied edit to a.ts\nDone',
    );
  });

  test('of copilot, messages are taken from wherever they may stand', () => {
    const report = read('copilot', lines({ type: 'assistant.message', data: { content: 'hi' } }));
    expect(report.summary).toBe('hi');
  });
});

describe('anything that comes down a pipe', () => {
  test('colours, titles, logs and unknown events change nothing', () => {
    const plain = lines(
      { type: 'turn.started' },
      { type: 'turn.completed', usage: { input_tokens: 1 } },
    );
    const noisy = `\u001b]0;title\u0007starting\n{not json\n${lines({ type: 'new.thing', error: '401' })}\u001b[32m${plain}\u001b[0m`;
    expect(read('codex', noisy)).toEqual(read('codex', plain));
  });

  test('a line that never ends takes no memory, and the next one counts', () => {
    const reader = readerFor('codex');
    const flood = new Uint8Array(1 << 20).fill(120);
    reader.push(new TextEncoder().encode('{"a":"'));
    for (let nth = 0; nth < 20; nth += 1) reader.push(flood);
    reader.push(new TextEncoder().encode(`\n${lines({ type: 'turn.completed' })}`));
    expect(reader.end({ exitCode: 0, stderr: '', nowMs: NOW_MS }).failure).toBeUndefined();
  });

  test('values of any type neither throw nor spoil the sums', () => {
    const key = fc.constantFrom(
      ...[
        'type',
        'usage',
        'input_tokens',
        'output_tokens',
        'message',
        'content',
        'part',
        'tokens',
        'item',
        'text',
        'error',
        'result',
        'stats',
        'tool_call',
        'id',
        'cost',
        '__proto__',
      ],
    );
    const type = fc.constantFrom(
      'assistant',
      'result',
      'turn.completed',
      'item.started',
      'step_finish',
      'message',
      'error',
      'tool_call',
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.double(),
        fc.constant(null),
        fc.boolean(),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(key, tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(
        fc.constantFrom(...AGENT_PROGRAMS),
        fc.array(fc.tuple(type, fc.dictionary(key, value, { maxKeys: 6 }))),
        (program, events) => {
          const text = lines(...events.map(([kind, fields]) => ({ ...fields, type: kind })));
          const { usage } = read(program, text);
          for (const sum of [usage.input_tokens, usage.output_tokens, usage.usd ?? 0]) {
            expect(Number.isFinite(sum)).toBe(true);
            expect(sum).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });
});
