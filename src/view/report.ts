/**
 * report.md: what a person reads of a run, written into its last checkpoint. Plain Markdown; text
 * from workflows and processes is escaped, because it is data.
 */
import { stripControl } from '../base/text.ts';
import { isLeaf } from '../plan/graph.ts';
import type { RunState, StepState, WaveState } from '../run/state.ts';
import { foundSecrets, leftOutFiles } from '../run/summary.ts';
import { leftOutText } from './left-out-text.ts';
import { secretsText } from './secrets-text.ts';

/** @param status of the run as it is about to be recorded */
export function renderReport(state: RunState, status: string): string {
  const { counts, workflow } = state;
  const lines = [
    `# ${cell(workflow.name)}: ${status}`,
    '',
    `Run \`${state.run}\`, begun ${state.startedAt}${state.base === null ? '' : ` on ${state.base.slice(0, 12)}`}.`,
    `${counts.passed} steps passed, ${counts.failed} failed, ${counts.skipped} skipped, ${counts.cancelled} cancelled.`,
    '',
  ];
  for (const [index, wave] of state.waves.entries()) {
    if (wave.plan !== null) lines.push(...waveSection(state, index, wave));
  }
  const secrets = foundSecrets(state);
  if (secrets.length > 0) lines.push(`Looks like a secret: ${cell(secretsText(secrets))}.`, '');
  const leftOut = leftOutFiles(state);
  if (leftOut.length > 0) lines.push(`Not in the checkpoints: ${cell(leftOutText(leftOut))}.`, '');
  return lines.join('\n');
}

function waveSection(state: RunState, index: number, wave: WaveState): string[] {
  const rows = state.nodes
    .filter((node) => isLeaf(node) && node.wave === index)
    .map((node) => stepRow(node.id, state.steps[node.index]));
  const gates = wave.gates.map((gate) => `- gate \`${cell(gate.name)}\`: ${gate.status}`);
  const leftOut = (wave.plan?.gatesLeftOut ?? []).map(
    (name) => `- gate \`${cell(name)}\`: left out (validation is ${wave.plan?.validation})`,
  );
  return [
    `## Wave ${index}`,
    '',
    '| step | status | seconds | attempts | note |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ...gates,
    ...leftOut,
    '',
  ];
}

function stepRow(id: string, step: StepState | undefined): string {
  const attempts = step?.attempts ?? [];
  const last = attempts.at(-1);
  const note = step?.skipped
    ? `${step.skipped.reason}: ${step.skipped.detail}`
    : (last?.failure?.message ?? (last?.cache?.hit ? 'from the cache' : ''));
  return `| ${cell(id)} | ${step?.status} | ${last?.durationS ?? ''} | ${attempts.length} | ${cell(note)} |`;
}

function cell(text: string): string {
  return stripControl(text)
    .replace(/\s+/g, ' ')
    .replace(/[\\|`*_<>[\]]/g, '\\$&');
}
