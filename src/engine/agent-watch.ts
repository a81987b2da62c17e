/**
 * Listens to agents while they work: reads what they print as it comes, tells it as progress, adds up
 * what they spend, and stops the one that has spent its budget. What an attempt came to is read from
 * the same output when it has ended.
 */
import { readerFor } from '../agent/output/readers.ts';
import type { AgentProgress, AgentReport, AgentUsage, OutputReader } from '../agent/report.ts';
import { unreachable } from '../base/errors.ts';
import { stripControlInLines } from '../base/text.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { Usage } from '../run/events.ts';
import { addUsage, NO_USAGE, spentOf, subtractUsage } from '../run/spending.ts';
import { stepStateOf } from '../run/state.ts';
import type { AgentSaid } from '../run/verdict.ts';
import type { AgentDefinition } from '../workflow/agents.ts';
import type { LiveRun } from './live-run.ts';

/** Of a flood of output so much is read in one look; what comes before is passed over. */
const MAX_LOOK_BYTES = 16 << 20;
const PART_BYTES = 1 << 16;
/** Of standard error, from its end. */
const STDERR_BYTES = 16 << 10;
const MAX_SUMMARY_CHARACTERS = 8_000;

export interface AgentWatched {
  readonly node: PlanNode;
  readonly attempt: number;
  readonly definition: AgentDefinition;
}

interface Listened extends AgentWatched {
  readonly folder: string;
  readonly reader: OutputReader;
  offset: number;
  usage: AgentUsage;
}

export class AgentWatch {
  readonly #run: LiveRun;
  readonly #listened = new Map<string, Listened>();

  constructor(run: LiveRun) {
    this.#run = run;
  }

  /** @param key of the attempt @param folder of the attempt */
  listen(key: string, folder: string, watched: AgentWatched): void {
    const reader = readerFor(watched.definition.program);
    const usage = { input_tokens: 0, output_tokens: 0 };
    this.#listened.set(key, { ...watched, folder, reader, offset: 0, usage });
  }

  /** Takes in what was printed since the last look. @returns why the agent must stop */
  look(key: string, startedMs: number): string | undefined {
    const one = this.#listened.get(key);
    if (one === undefined) return undefined;
    this.#read(one);
    const { budget } = one.node.step;
    const elapsedMs = this.#run.parts.ports.clock.monotonic() - startedMs;
    return budget && spentOf(budget, priced(one.definition, one.usage), elapsedMs);
  }

  /** The file may have been cut (see bound-output.ts): all that is kept has been read. */
  noteCut(key: string): void {
    const one = this.#listened.get(key);
    if (one === undefined) return;
    one.offset = Math.min(one.offset, this.#run.parts.ports.files.size(`${one.folder}/out`) ?? 0);
  }

  /** Reads the rest, and says what the agent said of its work. */
  end(key: string, exitCode: number | null): AgentSaid | undefined {
    const one = this.#listened.get(key);
    if (one === undefined) return undefined;
    this.#read(one);
    this.#listened.delete(key);
    const stderr = this.#endOf(`${one.folder}/err`);
    const report = one.reader.end({ exitCode, stderr, nowMs: this.#run.nowMs() });
    const said = saidBy(one, report);
    return { ...said, usage: this.#withoutEarlier(one, said) };
  }

  /** What all that work now have spent so far. */
  usage(): Usage {
    let sum = NO_USAGE;
    for (const { definition, usage } of this.#listened.values())
      sum = addUsage(sum, priced(definition, usage));
    return sum;
  }

  /** codex adds up over all of a session: what earlier attempts in it have spent is known already. */
  #withoutEarlier({ node, attempt, definition }: Listened, { session, usage }: AgentSaid): Usage {
    if (definition.program !== 'codex' || session === undefined) return usage;
    const { attempts } = stepStateOf(this.#run.state, node.index);
    const earlier = attempts.filter((one) => one.n < attempt && one.session === session);
    return earlier.reduce((rest, one) => subtractUsage(rest, one.usage ?? NO_USAGE), usage);
  }

  #read(one: Listened): void {
    const { files } = this.#run.parts.ports;
    const path = `${one.folder}/out`;
    one.offset = Math.max(one.offset, (files.size(path) ?? 0) - MAX_LOOK_BYTES);
    for (;;) {
      const part = files.readPart(path, one.offset, PART_BYTES);
      if (part === undefined || part.length === 0) return;
      one.offset += part.length;
      for (const progress of one.reader.push(part)) this.#tell(one, progress);
    }
  }

  #tell(one: Listened, progress: AgentProgress): void {
    if (progress.kind === 'usage') {
      one.usage = progress.usage;
      // Whoever decides has to hear of it: it may be all that the run may spend.
      if (this.#run.state.workflow.budget !== undefined) this.#run.post(() => {});
    }
    this.#run.parts.progress?.({
      type: 'step.progress',
      at: new Date(this.#run.nowMs()).toISOString(),
      wave: one.node.wave,
      step: one.node.id,
      attempt: one.attempt,
      ...this.#worded(one, progress),
    });
  }

  #worded({ definition }: Listened, progress: AgentProgress) {
    const clean = (text: string) => stripControlInLines(this.#run.redactor.redactText(text));
    switch (progress.kind) {
      case 'message':
        return { message: clean(progress.text) };
      case 'tool':
        return { tool: clean(progress.tool), detail: clean(progress.detail) };
      case 'usage':
        return { usage: priced(definition, progress.usage) };
      default:
        return unreachable(progress);
    }
  }

  #endOf(path: string): string {
    const { files } = this.#run.parts.ports;
    const size = files.size(path) ?? 0;
    const bytes = files.readPart(path, Math.max(0, size - STDERR_BYTES), STDERR_BYTES);
    return new TextDecoder().decode(bytes ?? new Uint8Array());
  }
}

function saidBy({ definition }: Listened, report: AgentReport): AgentSaid {
  const { failure, hasVerdict, usage, session, summary } = report;
  return {
    hasVerdict,
    usage: priced(definition, usage),
    ...(failure && {
      failure: {
        kind: failure.kind,
        message: failure.message,
        ...(failure.resetAtMs !== undefined && {
          resume_at: new Date(failure.resetAtMs).toISOString(),
        }),
      },
    }),
    ...(session !== undefined && { session }),
    ...(summary !== undefined && { summary: summary.slice(0, MAX_SUMMARY_CHARACTERS) }),
    ...voteIn(summary),
  };
}

/** The last line of what reviewers say: `VERDICT: approve`. */
function voteIn(summary = ''): Pick<AgentSaid, 'verdict'> {
  const [, vote] =
    /^[\s*_#>`-]*VERDICT:[\s*_`]*(approve|reject)\b[^\n]*\s*$/im.exec(
      summary.trimEnd().split('\n').slice(-3).join('\n'),
    ) ?? [];
  if (vote === undefined) return {};
  return { verdict: vote.toLowerCase() === 'approve' ? 'approve' : 'reject' };
}

/** In money too: what the agent says, else what its tokens cost. */
function priced({ price }: AgentDefinition, usage: AgentUsage): Usage {
  const { input_tokens, output_tokens } = usage;
  const usd = price
    ? (input_tokens * price.inputPerMtok + output_tokens * price.outputPerMtok) / 1e6
    : 0;
  return { usd: usage.usd ?? usd, input_tokens, output_tokens };
}
