/** What run.json must hold before it is believed; what its fields mean is frozen.ts and plan/plan.ts. */
import { isRunId } from '../base/ids.ts';
import {
  amount,
  anything,
  count,
  flag,
  instant,
  listOf,
  mapOf,
  matching,
  oid,
  oneOf,
  optional,
  orNull,
  record,
  type Shape,
  text,
} from '../base/shape.ts';
import { AGENT_PROGRAMS } from '../workflow/agents.ts';

const texts = listOf(text);
const level = oneOf('light', 'standard', 'strict');
const timeout = record({
  totalMs: optional(amount),
  idleMs: optional(amount),
  queueMs: optional(amount),
});
const retry = record({ maxAttempts: amount, backoffMs: amount, maxBackoffMs: amount });
const cache = optional(record({ ttlMs: optional(amount) }));
const matrix: Shape = (value) =>
  record({ kind: oneOf('static'), instances: listOf(record({ label: text })) })(value) ||
  record({ kind: oneOf('dynamic'), expression: text })(value);

const budget = optional(
  record({ usd: optional(amount), tokens: optional(amount), timeMs: optional(amount) }),
);

const step = record({
  id: text,
  kind: oneOf('run', 'agent', 'mcp', 'approval', 'workflow'),
  parent: optional(text),
  name: optional(text),
  needs: texts,
  triggerRule: oneOf('all_success', 'none_failed', 'all_done', 'one_success'),
  when: optional(text),
  matrix: optional(matrix),
  run: optional(text),
  approval: optional(record({ message: text, timeoutMs: optional(amount) })),
  workflow: optional(
    record({ path: text, with: mapOf(anything), inputs: mapOf(anything), outputs: mapOf(text) }),
  ),
  agent: optional(record({ names: texts, persona: optional(text), prompt: text })),
  budget,
  continueOnError: flag,
  timeout,
  retry,
  env: mapOf(text),
  uses: mapOf(amount),
  reads: texts,
  produces: texts,
  cache,
  category: text,
  spot: record({ file: text, line: count, column: count }),
});

const gate = record({
  name: text,
  parent: optional(text),
  run: text,
  on: oneOf('wave', 'end'),
  level,
  timeout,
  retry,
  env: mapOf(text),
  reads: texts,
  cache,
});

const workflow = record({
  name: text,
  file: text,
  strategy: text,
  workspace: oneOf('in-place', 'isolated'),
  failFast: flag,
  onFailure: oneOf('keep', 'rollback'),
  inputs: mapOf(anything),
  env: mapOf(text),
  pools: mapOf(amount),
  checkpoint: record({ retentionMs: amount, maxFileSizeBytes: amount }),
  secrets: optional(oneOf('refuse', 'warn', 'allow')),
  budget,
  steps: listOf(step),
  gates: listOf(gate),
});

const node = record({
  index: count,
  id: text,
  kind: oneOf('step', 'matrix', 'dynamic', 'workflow'),
  step: text,
  matrix: optional(mapOf(anything)),
  needs: listOf(count),
  parent: optional(count),
  matrixNode: optional(count),
  estimateMs: amount,
  remainingMs: amount,
  wave: count,
  critical: flag,
});

const wave = record({
  index: count,
  steps: texts,
  gates: listOf((value) => text(value) || gate(value)),
  gatesLeftOut: texts,
  validation: level,
});

const runId: Shape = (value) => typeof value === 'string' && isRunId(value);

const agent = record({
  name: text,
  program: oneOf(...AGENT_PROGRAMS),
  command: optional(texts),
  args: texts,
  model: optional(text),
  env: mapOf(text),
  passEnv: texts,
  pool: text,
  limits: record({ timeMs: optional(amount), idleMs: optional(amount) }),
  price: optional(record({ inputPerMtok: amount, outputPerMtok: amount })),
});

const frozen = record({
  run: runId,
  orch_version: text,
  created_at: instant,
  base: orNull(oid),
  from: optional(record({ run: runId, wave: count, commit: oid })),
  // git keeps control characters and blanks out of its refs; so does a record that is believed.
  branch: orNull(matching(/^refs\/[^\s\x00-\x1f\x7f~^:?*[\\]+$/)),
  index_tree: orNull(oid),
  commit_to: oneOf('branch', 'current'),
  inputs: mapOf(anything),
  workflow,
  plan: record({
    workflow: text,
    strategy: text,
    workspace: text,
    concurrency: amount,
    nodes: listOf(node),
    waves: listOf(wave),
    criticalPath: texts,
  }),
  agents: optional(mapOf(agent)),
  personas: optional(
    mapOf(record({ prompt: text, model: optional(text), tools: optional(texts) })),
  ),
});

interface Places {
  readonly plan: {
    readonly nodes: readonly {
      readonly kind: string;
      readonly index: number;
      readonly needs: readonly number[];
      readonly parent?: number;
      readonly matrixNode?: number;
      readonly wave: number;
    }[];
    readonly waves: readonly { readonly index: number }[];
  };
}

/** Every number in a plan that is a place must be one that there is. */
function hasSoundPlaces({ plan: { nodes, waves } }: Places): boolean {
  return (
    waves.every(({ index }, place) => index === place + 1) &&
    nodes.every((each, place) => {
      const others = [...each.needs, each.parent ?? 0, each.matrixNode ?? 0];
      // What holds no step lies in the first wave, also where there is none.
      const isHolder = each.kind === 'matrix' || each.kind === 'workflow';
      const last = isHolder ? Math.max(1, waves.length) : waves.length;
      const isWave = each.wave >= 1 && each.wave <= last;
      return each.index === place && isWave && others.every((other) => other < nodes.length);
    })
  );
}

export function hasFrozenShape(value: unknown): boolean {
  return frozen(value) && hasSoundPlaces(value as Places);
}
