/**
 * What a step is told when it is tried again: how its last attempt failed, and what the gates said of
 * its wave. As a file, because it may be long; its path is $ORCH_EVIDENCE_FILE.
 */

import { fenced, stripControlInLines } from '../base/text.ts';
import type { PlanNode } from '../plan/plan.ts';
import { type Attempt, stepStateOf, waveOf } from '../run/state.ts';
import type { LiveRun } from './live-run.ts';
import { attemptFolder, gateFolder } from './run-files.ts';

/** Of each output file so much is told, from its end. */
const TAIL_BYTES = 8 * 1024;

/** @returns absolute path; undefined when there is nothing to tell */
export function writeEvidence(run: LiveRun, node: PlanNode, folder: string): string | undefined {
  const parts = [...ownFailure(run, node), ...gateFailures(run, node.wave)];
  if (parts.length === 0) return undefined;
  const { files } = run.parts.ports;
  files.makeFolder(folder);
  const path = `${folder}/evidence.md`;
  files.replace(path, `${parts.join('\n\n')}\n`);
  return path;
}

function ownFailure(run: LiveRun, node: PlanNode): string[] {
  const last = stepStateOf(run.state, node.index).attempts.at(-1);
  if (last?.failure === undefined || last.status !== 'failed') return [];
  const heading = `# Attempt ${last.n} of ${node.id} failed: ${last.failure.message}`;
  const pinned = last.ref ? [`What it left is \`${last.ref}\`.`] : [];
  return [heading, ...pinned, ...tails(run, attemptFolder(run.parts.files, node.id, last.n))];
}

/** Gates that failed on this wave when it was done the last time. */
function gateFailures(run: LiveRun, wave: number): string[] {
  return waveOf(run.state, wave).gates.flatMap(({ name, status, attempts }) => {
    const last: Attempt | undefined = attempts.at(-1);
    if (status !== 'pending' || last?.status !== 'failed') return [];
    const heading = `# Gate ${name} failed: ${last.failure?.message ?? ''}`;
    return [heading, ...tails(run, gateFolder(run.parts.files, wave, name, last.n))];
  });
}

function tails(run: LiveRun, folder: string): string[] {
  return ['out', 'err'].flatMap((name) => {
    const path = `${folder}/${name}`;
    const { files } = run.parts.ports;
    const size = files.size(path) ?? 0;
    const bytes = files.readPart(path, Math.max(0, size - TAIL_BYTES), TAIL_BYTES);
    if (bytes === undefined || bytes.length === 0) return [];
    const text = stripControlInLines(new TextDecoder().decode(bytes)).trimEnd();
    return [`The end of std${name}:\n\n${fenced(text)}`];
  });
}
