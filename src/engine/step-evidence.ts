/** What an attempt left that says whether it has done its work: the files it promised, and what it hands on. */
import type { PlanNode } from '../plan/plan.ts';
import { MAX_OUTPUT_BYTES, parseOutputs } from '../run/outputs.ts';
import type { LiveRun } from './live-run.ts';
import type { Place } from './places.ts';
import { attemptFolder } from './run-files.ts';

/** The first pattern of `produces` that nothing fits. */
export async function missingFile(place: Place, node: PlanNode): Promise<string | undefined> {
  const { produces } = node.step;
  const without = produces.filter((pattern) => pattern.startsWith('!'));
  for (const pattern of produces) {
    if (without.includes(pattern)) continue;
    if ((await place.workTree.glob([pattern, ...without])).length === 0) return pattern;
  }
  return undefined;
}

export function readOutputs(
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
