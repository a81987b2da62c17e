/** The last words of a run: how it ended, what there is, and what to type next. */
import { quoteWord } from '../base/shell.ts';
import { plural, stripControl } from '../base/text.ts';
import { branchOf } from '../checkpoint/layout.ts';
import { hasLeftWork } from '../checkpoint/salvage.ts';
import { isLeaf } from '../plan/graph.ts';
import type { RunState } from '../run/state.ts';
import type { RunSummary } from '../run/summary.ts';
import { leftOutText } from './left-out-text.ts';
import { nextLine, type Reader } from './next-line.ts';
import { SECRET_REMEDY, secretsText } from './secrets-text.ts';
import { durationText } from './time-text.ts';
import { usageText } from './usage-text.ts';

export function renderSummary(state: RunState, summary: RunSummary, reader: Reader): string {
  const { steps } = summary;
  const parts = (['passed', 'failed', 'skipped', 'cancelled'] as const)
    .filter((status) => steps[status] > 0)
    .map((status) => `${steps[status]} ${status}`);
  const lines = [
    `${summary.status}: ${summary.run}, ${plural(state.leaves, 'step')} (${parts.join(', ') || 'none ended'}) in ${plural(summary.waves, 'wave')}, ${durationText(summary.duration_s * 1000)}`,
    ...failures(state),
    ...heldLine(state, '  '),
    ...spentLine(state, '  '),
    ...cacheLines(summary),
    ...summary.gates_left_out.map(
      (gate) =>
        `  gate left out: ${stripControl(gate)} (its level is above the validation of its wave)`,
    ),
    ...secretLines(summary),
    ...(summary.left_out.length === 0
      ? []
      : [`  not in the checkpoints: ${leftOutText(summary.left_out)}`]),
    ...pinnedLines(summary),
    ...salvageLine(state, '  '),
    ...(summary.branch === null ? [] : [`  checkpoints: git log ${summary.branch}`]),
    ...nextLine(reader, state.accepted === undefined ? nextCommand(state, summary) : null, '  '),
  ];
  return lines.join('\n');
}

function failures(state: RunState): string[] {
  const lines: string[] = [];
  for (const node of state.nodes) {
    const step = state.steps[node.index];
    const failure = step?.attempts.at(-1)?.failure;
    if (isLeaf(node) && step?.status === 'failed' && failure) {
      // What had no process has no output either, such as an approval that was refused.
      const see = step.attempts.at(-1)?.slot === undefined ? 'why' : 'logs';
      lines.push(
        `  failed: ${stripControl(node.id)}: ${stripControl(failure.message)}; see: orch ${see} ${state.run} ${shellWord(node.id)}`,
      );
    }
  }
  for (const [wave, { gates }] of state.waves.entries()) {
    for (const gate of gates) {
      if (gate.status !== 'failed') continue;
      const why = gate.attempts.at(-1)?.failure?.message ?? '';
      lines.push(
        `  gate failed: ${stripControl(gate.name)} of wave ${wave}: ${stripControl(why)}; see: orch logs ${state.run} --gate ${shellWord(gate.name)}`,
      );
    }
  }
  return lines;
}

function secretLines({ secrets }: RunSummary): string[] {
  const refused = secrets.filter((place) => place.refused);
  const kept = secrets.filter((place) => !place.refused);
  return [
    ...(refused.length === 0
      ? []
      : [
          `  wave ${refused[0]?.wave} failed: it holds what looks like a secret: ${secretsText(refused)}; ${SECRET_REMEDY}`,
        ]),
    ...(kept.length === 0
      ? []
      : [`  warning: the checkpoints hold what looks like a secret: ${secretsText(kept)}`]),
  ];
}

/** What a failure left, which is on no branch. */
function pinnedLines({ rescue, left_wave }: RunSummary): string[] {
  if (rescue !== null) return [`  before the rollback: git diff HEAD ${rescue}`];
  if (left_wave === null) return [];
  return [`  wave ${left_wave.wave} as it was left: git diff HEAD ${left_wave.ref}`];
}

/** Where isolated work is that is in no result. */
export function salvageLine(state: RunState, indent = ''): string[] {
  return hasLeftWork(state) ? [`${indent}pinned and in no result: orch salvage ${state.run}`] : [];
}

/** What a run waits for other than a person. */
export function heldLine({ held }: RunState, indent = ''): string[] {
  if (held === undefined) return [];
  const until = held.resumeAt === undefined ? '' : ` until ${held.resumeAt}`;
  return [`${indent}waits for ${stripControl(held.detail)}${until}`];
}

export function spentLine({ usage }: RunState, indent = ''): string[] {
  const spent = usageText(usage);
  return spent === '' ? [] : [`${indent}agents spent ${spent}`];
}

/** A spent budget is made larger where it stands. */
export function resumeCommand({ run, held, workflow }: RunState): string {
  if (held === undefined || held.resumeAt !== undefined) return `orch resume ${run}`;
  return `raise the budget in ${shellWord(workflow.file)}, then: orch resume ${run} --accept-changes`;
}

function cacheLines({ cache }: RunSummary): string[] {
  const lines = cache.hits > 0 ? [`  cache: ${plural(cache.hits, 'hit')}`] : [];
  return [
    ...lines,
    ...cache.misses.map(
      ({ of, reason }) => `  cache miss: ${stripControl(of)}: ${stripControl(reason)}`,
    ),
  ];
}

function nextCommand(state: RunState, { status, run, branch }: RunSummary): string {
  switch (status) {
    case 'passed': {
      const back = `orch rollback ${run} --to 0`;
      const isOnOwnBranch = branch === branchOf(run).replace('refs/heads/', '');
      return isOnOwnBranch ? `orch accept ${run}, or: ${back}` : back;
    }
    case 'waiting': {
      const [first] = state.waiting;
      if (first === undefined) return resumeCommand(state);
      const id = state.nodes[first]?.id ?? '';
      return `orch approve ${run} ${shellWord(id)}, then: orch resume ${run}`;
    }
    case 'interrupted':
      return `orch resume ${run}`;
    default:
      return `orch why ${run} <step>; mend it, then: orch resume ${run} --retry-failed`;
  }
}

/** As one word of a shell, for a line that is meant to be copied. */
export function shellWord(text: string): string {
  const safe = stripControl(text);
  return /^[A-Za-z0-9_./@%+=:,-]+$/.test(safe) ? safe : quoteWord(safe);
}
