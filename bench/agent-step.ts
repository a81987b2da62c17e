/**
 * What an agent step costs beside its agent: a program that takes two seconds and prints what an agent
 * prints, as a step of an isolated run, from its start in the journal to its end, against the same
 * program started by hand. At most 1.1 times as long and 0.3 s more.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pairs, report, rowOf } from './harness.ts';
import { makeIsolatedBench } from './rig/isolated-run.ts';

const SECONDS = 2;
const PAIRS = 7;
const BUDGET = (1.1 * SECONDS + 0.3) / SECONDS;

const folder = mkdtempSync(join(tmpdir(), 'orch-bench-agent-'));
const program = join(folder, 'agent.sh');
writeFileSync(
  program,
  `#!/bin/sh
echo '{"type":"thread.started","thread_id":"t"}'
sleep ${SECONDS}
echo made > made-$$.txt
echo '{"type":"item.completed","item":{"type":"agent_message","text":"Done"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'
`,
);
chmodSync(program, 0o755);

async function runByHand(): Promise<void> {
  const child = spawn(program, [], { cwd: folder, stdio: 'ignore' });
  await new Promise((resolve) => child.on('exit', resolve));
}

try {
  using bench = makeIsolatedBench(1_000);
  bench.addWorkflow('one', 'workspace: isolated\nsteps:\n  a: { agent: coder, prompt: work }\n');
  const config = `agents:\n  coder: { cli: codex, command: ${JSON.stringify(program)} }\n`;
  writeFileSync(join(bench.top, '.orch/config.yaml'), config);
  bench.commitAll();
  const aMs: number[] = [];
  const { bMs } = await pairs(PAIRS, () => void aMs.push(bench.run('one')), runByHand);
  // The first one made the worktree.
  const times = { aMs: aMs.slice(1), bMs };
  report([
    rowOf(`an agent step of ${SECONDS} s, start to merge / its program by hand`, times, BUDGET),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
