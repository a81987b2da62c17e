/**
 * Real agent programs, with a scripted model behind them: what they print, how they fail, and what they
 * leave behind is theirs, and orch has to make sense of it. Run by `npm run test:agents`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createProcesses } from '../../src/adapters/processes/processes.ts';
import { hasErrno } from '../../src/base/errors.ts';
import { type IsolatedStage, makeIsolated } from '../engine/isolated-stage.ts';
import { outcomeOf } from '../rig/cli.ts';
import { assertNoProcess } from '../rig/processes.ts';
import { makeRepository } from '../rig/repository.ts';
import { asRunOutcome, untilRun } from '../rig/runs.ts';

const programs = process.env['ORCH_TEST_AGENTS'];
const model = process.env['ORCH_TEST_MODEL'];
if (programs === undefined || model === undefined)
  process.stderr.write('skipped: tests with real agents; run them with npm run test:agents\n');

vi.setConfig({ testTimeout: 180_000 });

/** A scripted model that listens on this machine. @returns its port */
async function startModel(): Promise<number> {
  const server = spawn(process.execPath, [model ?? ''], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await once(server, 'close');
  });
  for await (const line of createInterface({ input: server.stdout }))
    return (JSON.parse(line) as { readonly port: number }).port;
  throw new Error('the scripted model said nothing');
}

async function makeStage(limits = ''): Promise<IsolatedStage> {
  const port = await startModel();
  const repository = makeRepository();
  const home = join(repository.folder, 'home');
  mkdirSync(join(home, 'codex'), { recursive: true });
  writeFileSync(join(home, 'codex/config.toml'), codexConfig(port));
  writeFileSync(join(home, 'cn.yaml'), cnConfig(port));
  const at = (path: string) => JSON.stringify(join(home, path));
  const program = (name: string) => JSON.stringify(join(programs ?? '', name));
  return makeIsolated(
    {
      'a.txt': 'a\n',
      '.orch/config.yaml': `agents:
  codex: { cli: codex, command: ${program('codex')}, env: { CODEX_HOME: ${at('codex')}, HOME: ${at('')}, FAKE_KEY: x, CI: "1" }${limits} }
  cn: { cli: cn, command: ${program('cn')}, args: [--config, ${at('cn.yaml')}], env: { CONTINUE_GLOBAL_DIR: ${at('cn')}, HOME: ${at('')}, CONTINUE_CLI_ENABLE_TELEMETRY: "0", CI: "1" }${limits} }
`,
    },
    repository,
  );
}

function codexConfig(port: number): string {
  return `model = "fake"
model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "http://127.0.0.1:${port}/v1"
wire_api = "responses"
env_key = "FAKE_KEY"
request_max_retries = 1
stream_max_retries = 1
# Its sandbox makes folders such as .git wherever it may write.
[sandbox_workspace_write]
exclude_slash_tmp = true
exclude_tmpdir_env_var = true
`;
}

function cnConfig(port: number): string {
  return `name: test
version: 0.0.1
schema: v1
models:
  - { name: fake, provider: openai, model: gpt-4o, apiBase: "http://127.0.0.1:${port}/v1", apiKey: x, capabilities: [tool_use] }
`;
}

describe.skipIf(programs === undefined).each(['codex', 'cn'] as const)('%s', (agent) => {
  test('edits a file in its worktree; verdict, usage and progress are right', async () => {
    const stage = await makeStage();
    const run = await stage.run(
      `steps:\n  a: { agent: ${agent}, prompt: "[[write made.txt|by an agent]]" }\n`,
    );
    expect(`${run.code} ${run.stderr}`).toMatch(/^0 /);
    expect(run.file('made.txt')).toBe('by an agent');
    expect(stage.repository.git('status', '--porcelain', '--', 'made.txt')).toBe('');
    const [end] = run.ends('a');
    expect(end).toMatchObject({ status: 'passed', outputs: { summary: 'DONE' } });
    // cn does not say what it has spent.
    const usage = agent === 'codex' ? [22, 14] : [0, 0];
    expect([end?.usage.input_tokens, end?.usage.output_tokens]).toEqual(usage);
    expect(run.stdout).toContain('"message":"DONE"');
    expect(run.stdout.includes('"tool":"command_execution"')).toBe(agent === 'codex');
    assertNoProcess({ ORCH_RUN: run.run });
  });

  test.for([
    { name: 'an API that answers 401', prompt: '[[status 401]]', codex: 'auth', cn: 'auth' },
    // cn tries again for minutes: orch's own clock ends that.
    {
      name: 'an API that answers 429',
      prompt: '[[status 429]]',
      codex: 'rate_limit',
      cn: 'timeout',
    },
    { name: 'an API that answers 500', prompt: '[[status 500]]', codex: 'api', cn: 'api' },
    { name: 'a stream that is cut', prompt: '[[drop]]', codex: 'api', cn: 'api' },
    { name: 'an API that never answers', prompt: '[[hang]]', codex: 'timeout', cn: 'timeout' },
  ])('fails by $name, and leaves nothing behind', async (given) => {
    // Long where the agent itself ends, also on a busy machine; short where nothing else ends it.
    const limit = given[agent] === 'timeout' ? '8s' : '60s';
    const stage = await makeStage(`, limits: { time: ${limit} }`);
    // A rate limit is waited for; the budget ends that.
    const budget = given[agent] === 'rate_limit' ? 'budget: { time: 15s }\n' : '';
    const run = await stage.run(
      `${budget}steps:\n  a: { agent: ${agent}, prompt: "${given.prompt}" }\n`,
    );
    expect(run.ends('a')[0]?.failure?.kind).toBe(given[agent]);
    assertNoProcess({ ORCH_RUN: run.run });
  });

  test('ended by a signal while it uses a tool has crashed, and its tool goes with the run', async () => {
    const stage = await makeStage();
    const call =
      agent === 'codex'
        ? '[[tool exec_command {\\"cmd\\":\\"sleep 77\\"}]]'
        : '[[tool Bash {\\"command\\":\\"sleep 77\\"}]]';
    const orch = stage.start(`steps:\n  a: { agent: ${agent}, prompt: "${call}" }\n`);
    const ended = outcomeOf(orch);
    const processes = createProcesses();
    const { run } = await untilRun(stage.repository, ({ state }) => {
      const marked = state.run === '' ? [] : processes.findMarked({ ORCH_RUN: state.run });
      return marked.some(({ pid }) => commandOf(pid).includes('sleep\u000077'));
    }).then(({ state }) => state);
    for (const { pid } of processes.findMarked({ ORCH_RUN: run })) {
      if (/\/(codex|cn)\u0000|codex\.js|dist\/cn\.js|bin\/cn/.test(commandOf(pid))) kill(pid);
    }
    const outcome = stage.asRun(asRunOutcome(await ended));
    // cn takes a signal for a wish, and ends with 0 and without a word.
    const kind = outcome.ends('a')[0]?.failure?.kind;
    expect(kind).toBe(agent === 'codex' ? 'crash' : 'incomplete');
    assertNoProcess({ ORCH_RUN: outcome.run });
  });
});

function commandOf(pid: number): string {
  try {
    return readCommand(pid);
  } catch {
    return ''; // It has ended meanwhile.
  }
}

function readCommand(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!hasErrno(error as Error, 'ESRCH')) throw error;
  }
}
