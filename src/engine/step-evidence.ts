/** What an attempt left that says whether it has done its work: the files it promised, and what it hands on. */
import type { PlanNode } from '../plan/plan.ts';
import type { WorkTreePort } from '../ports/work-tree.ts';
import { MAX_OUTPUT_BYTES, parseOutputs } from '../run/outputs.ts';
import type { AgentSaid } from '../run/verdict.ts';
import type { LiveRun } from './live-run.ts';
import { attemptFolder } from './run-files.ts';

/** @param workTrees where what it has made may lie @returns a pattern of `produces` that nothing matches */
export async function missingFile(
  workTrees: readonly WorkTreePort[],
  node: PlanNode,
): Promise<string | undefined> {
  const { produces } = node.step;
  const without = produces.filter((pattern) => pattern.startsWith('!'));
  for (const pattern of produces) {
    if (without.includes(pattern)) continue;
    const found = await Promise.all(workTrees.map((one) => one.glob([pattern, ...without])));
    if (found.flat().length === 0) return pattern;
  }
  return undefined;
}

/** @param said of an agent, whose last message is the output `summary` unless it wrote one itself */
export function readOutputs(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
  said?: AgentSaid,
): ReturnType<typeof parseOutputs> {
  const written = readWritten(run, node, attempt);
  if (!written.ok || said?.summary === undefined) return written;
  const { summary, verdict } = said;
  return {
    ok: true,
    outputs: { summary, ...(verdict !== undefined && { verdict }), ...written.outputs },
  };
}

function readWritten(
  run: LiveRun,
  node: PlanNode,
  attempt: number,
): ReturnType<typeof parseOutputs> {
  const path = `${attemptFolder(run.parts.files, node.id, attempt)}/output`;
  const { files } = run.parts.ports;
  const left = files.readLeft(path, MAX_OUTPUT_BYTES);
  if (left === undefined) return { ok: true, outputs: {} };
  if ('problem' in left) return { ok: false, problem: `$ORCH_OUTPUT ${left.problem}` };
  return parseOutputs(new TextDecoder('utf-8', { ignoreBOM: true }).decode(left.bytes));
}
